"""Tables of pixels as text: CSV, TSV and the like, a line for each image."""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.data.formats import table_columns
from mlpcli.data.formats.form import Format
from mlpcli.data.formats.table_columns import Columns
from mlpcli.data.idx import GZIP_PREFIX
from mlpcli.data.raw import WHOLE, Parts, Raw, Reading
from mlpcli.data.size_limits import MAX_FILE_SIZE, is_plausible_size
from mlpcli.errors import DataError

SEPARATORS = ",\t;"
MAX_LINE_SIZE = 4 << 20  # bytes
SAMPLE_SIZE = 50  # lines that the columns are known by
COLUMNS_CHANGED = re.compile(r"number of columns changed from (\d+) to (\d+) at row (\d+)")
NO_NUMBER = re.compile(r"could not convert string (.*) to \w+ at row (\d+)")


def _parts(path: Path, how: Reading) -> Parts:
    return {WHOLE: partial(_read, path, how)}


def _read(path: Path, how: Reading) -> Raw:
    columns = table_columns.recognize(path, *_sample(path), how)
    try:
        pixels, texts, files = _load(path, columns, np.uint8)
    except ValueError:  # fractions, or more than 8 bits
        pixels, texts, files = _load_floats(path, columns)
    labels: NDArray[Any] | None = np.array(texts) if texts else None
    note = columns.note
    if columns.label is None and table_columns.is_square(pixels.shape[1] - 1, how):
        pixels, labels, note = table_columns.split_edge(path, pixels, how)
    elif labels is not None:
        labels = _numbers(labels)
    return Raw(pixels, labels, files, notes=(note,) if note else ())


def _load(
    path: Path, columns: Columns, dtype: Any
) -> tuple[NDArray[Any], list[str], dict[str, str]]:
    """Pixels (n, p), the labels as text if their column is known, and the file's checksum.

    Raises ValueError, as NumPy words it, for what is no number of this type.
    """
    digest, labels = hashlib.sha256(), list[str]()
    lines = _pixel_lines(_lines(path, digest), columns, labels)
    pixels = np.loadtxt(
        lines, dtype, delimiter=columns.separator, comments=None, ndmin=2, quotechar='"'
    )
    if not pixels.size:
        raise DataError(f"{path}: holds no images")
    return pixels, labels, {path.name: digest.hexdigest()}


def _load_floats(path: Path, columns: Columns) -> tuple[NDArray[Any], list[str], dict[str, str]]:
    try:
        return _load(path, columns, np.float32)
    except ValueError as err:
        head = 1 + columns.header
        if match := COLUMNS_CHANGED.search(f"{err}"):
            others = columns.before + columns.after
            before, now = (int(match[i]) + others for i in (1, 2))
            line = int(match[3]) - 1 + head
            raise DataError(
                f"{path}:{line}: has {now} column{'s' * (now > 1)}, the lines before it {before}"
            ) from err
        if match := NO_NUMBER.search(f"{err}"):
            line = int(match[2]) + head
            raise DataError(f"{path}:{line}: expected a number, got {match[1]}") from err
        raise DataError(f"{path}: not a table of numbers: {err}") from err


def _pixel_lines(lines: Iterator[str], columns: Columns, labels: list[str]) -> Iterator[str]:
    """The part of each line that has the pixels; its label is added to labels."""
    separator, header, before, after, label, _ = columns
    if header:
        next(lines, None)
    for line in lines:
        *others, rest = line.split(separator, before)
        rest, *tail = rest.rsplit(separator, after)
        others += tail
        if label is not None and len(others) == before + after:
            labels.append(others[label].strip(' "'))
        yield rest


def _numbers(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as numbers, if all of them are."""
    for dtype in (np.int64, np.float64):
        try:
            return labels.astype(dtype)
        except ValueError:
            continue
    return labels


def _lines(path: Path, digest: "hashlib._Hash | None" = None) -> Iterator[str]:
    """The lines of a file, plain or packed, that are not blank; the digest gets its bytes."""
    with files.open_regular(path) as file:
        packed = file.read(2) == GZIP_PREFIX
        file.seek(0)
        if not packed:
            yield from _decoded(path, file, digest)
            return
    content = files.read(path, limit=MAX_FILE_SIZE)
    if digest is not None:
        digest.update(content)
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as unpacked:
            for line in _decoded(path, unpacked, None):
                size += len(line)
                if not is_plausible_size(len(content), size):
                    raise DataError(f"{path}: unpacks to more than images do")
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as err:
        raise DataError(f"{path}: the gzip data is damaged; fetch the file again") from err


def _decoded(
    path: Path, file: BinaryIO | gzip.GzipFile, digest: "hashlib._Hash | None"
) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE_SIZE):
        number += 1
        if digest is not None:
            digest.update(line)
        if len(line) == MAX_LINE_SIZE:
            raise DataError(f"{path}:{number}: is longer than {MAX_LINE_SIZE:,} bytes")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as err:
            raise DataError(f"{path}:{number}: not UTF-8 text") from err
        if text:
            yield text


def _sample(path: Path) -> tuple[str, list[list[str]]]:
    """The separator of the cells, and those of the first lines."""
    lines = [line for line, _ in zip(_lines(path), range(SAMPLE_SIZE), strict=False)]
    separator = max(SEPARATORS, key=lines[0].count) if lines else SEPARATORS[0]
    try:
        return separator, [next(csv.reader([line], delimiter=separator)) for line in lines]
    except csv.Error as err:
        raise DataError(f"{path}: not a table: {err}") from err


def _fits(path: Path, head: bytes | None) -> bool:
    """Whether the first line has many cells; what is in them is decided later."""
    if head is None:
        return False
    if head.startswith(GZIP_PREFIX):
        try:
            with files.open_regular(path) as file, gzip.GzipFile(fileobj=file) as unpacked:
                head = unpacked.read(len(head))
        except (EOFError, gzip.BadGzipFile, zlib.error):
            return False
    line = head.partition(b"\n")[0]
    text = b"\0" not in head and not head.lstrip().startswith((b"<", b"%", b"@", b"{"))
    return (
        text
        and max(line.count(each.encode()) for each in SEPARATORS) >= table_columns.MIN_COLUMNS - 1
    )


FORMATS = (
    Format(
        "CSV, TSV",
        "train.csv and test.csv: label,pixel0,pixel1,... (plain or .gz; any header or none)",
        _fits,
        _parts,
    ),
)
