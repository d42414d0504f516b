"""Zip and tar archives, unpacked into a temporary folder in which any format may lie."""

import hashlib
import io
import lzma
import shutil
import struct
import tarfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import IO

from mlpcli import files
from mlpcli.data import npz
from mlpcli.data.size_limits import MAX_FILE_SIZE, is_plausible_size
from mlpcli.errors import DataError

MAX_MEMBERS = 2_000_000
ZIP_PREFIX = b"PK\x03\x04"
PACKED_PREFIXES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")  # of a tar archive
TAR_MARK, TAR_MARK_START = b"ustar", 257
IGNORED = "__MACOSX"
UNPACK_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)


class Unpacked:
    """The content of an archive; its folder is removed with this object."""

    def __init__(self, path: Path) -> None:
        content = files.read(path, limit=MAX_FILE_SIZE)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.top = Path(mkdtemp(prefix="mlp-archive-"))
        weakref.finalize(self, shutil.rmtree, self.top, ignore_errors=True)
        _unpack(path, content, self.top)

    @property
    def root(self) -> Path:
        """The folder or the file that the archive consists of."""
        root = self.top
        while root.is_dir() and len(entries := list(root.iterdir())) == 1:
            root = entries[0]
        return root


def is_archive(path: Path, head: bytes | None) -> bool:
    """Whether a file that begins with head is such an archive; raises OSError."""
    if head is None:
        return False
    if head.startswith(ZIP_PREFIX):
        return path.suffix != ".npz" and not npz.is_archive(path)
    if head[TAR_MARK_START:].startswith(TAR_MARK):
        return True
    if not head.startswith(PACKED_PREFIXES):
        return False
    try:
        with files.open_regular(path) as file, tarfile.open(fileobj=file):
            return True
    except UNPACK_ERRORS:
        return False


def unpacked(path: Path) -> Unpacked:
    """The content of an archive, which is unpacked once for all of its splits; raises DataError."""
    status = path.stat()
    return _cached(path, (status.st_mtime_ns, status.st_size, status.st_ino))


@lru_cache(maxsize=1)
def _cached(path: Path, changed: tuple[int, ...]) -> Unpacked:
    return Unpacked(path)


def _unpack(path: Path, content: bytes, folder: Path) -> None:
    count, total = 0, 0
    try:
        for name, size, member in _members(content):
            parts = PurePosixPath(name.replace("\\", "/")).parts
            if any(part.startswith(".") or part == IGNORED for part in parts) or not parts:
                if ".." in parts:
                    raise DataError(f"{path}: its file {name!r} leads out of the archive")
                continue
            if parts[0] == "/" or ":" in parts[0]:
                raise DataError(f"{path}: its file {name!r} leads out of the archive")
            count, total = count + 1, total + size
            if count > MAX_MEMBERS or not is_plausible_size(len(content), total):
                raise DataError(f"{path}: unpacks to more than images do")
            place = folder.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as out:
                shutil.copyfileobj(member, out)
    except UNPACK_ERRORS as err:
        reason = f"{err}".partition("\n")[0]
        raise DataError(f"{path}: the archive cannot be unpacked: {reason}") from err


def _members(content: bytes) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, size and content of each plain file."""
    if content.startswith(ZIP_PREFIX):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as member:
                        yield info.filename, info.file_size, member
        return
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for entry in tar:
            if entry.isreg() and (file := tar.extractfile(entry)):
                yield entry.name, entry.size, file
