import gzip
import hashlib
import io
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from mlpcli.data import cache, dataset, download, fetch, registry
from mlpcli.data.registry import DatasetSpec, File
from mlpcli.errors import DataError
from mlpcli.lock import LOCK_FILE
from tests.faults.formats import idx
from tests.server import Answer, content, dawdle, hang_up, serve, silence, status, trickle

FOLDER = Path("cache", "set")
BODY = gzip.compress(b"the right content", mtime=0) * 50
CLOSED = "http://127.0.0.1:9"  # where no server listens


def published(name: str, body: bytes) -> File:
    return File(name, f"sha256:{hashlib.sha256(body).hexdigest()}", len(body))


FILE = published("f.gz", BODY)


def get(
    *mirrors: str,
    files: tuple[File, ...] = (FILE,),
    archive: File | None = None,
    source: str | None = None,
    offline: bool = False,
) -> list[Path]:
    """Fetch files of a data set with these mirrors."""
    folders = tuple(f"{mirror}/" for mirror in mirrors)
    spec = DatasetSpec("set", {}, {}, {}, (), folders, license="", citation="", archive=archive)
    return fetch.fetch(spec, files, source=source, offline=offline)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to work in, with an empty cache, and a patience that suits a test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLPCLI_DATA", "cache")
    monkeypatch.setattr(fetch, "RETRY_DELAYS", (0.01, 0.01))
    monkeypatch.setattr(download, "TIMEOUT", 0.5)


def cached() -> dict[str, bytes]:
    files = (file for file in Path("cache").rglob("*") if file.is_file() and file.name != LOCK_FILE)
    return {file.name: file.read_bytes() for file in files}


def put(folder: Path, name: str, body: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)


@pytest.mark.parametrize("encoding", ["identity", "x-gzip"])
def test_a_file_is_fetched_once_and_stays_packed(encoding: str) -> None:
    with serve({"/f.gz": content(BODY, encoding=encoding)}) as (url, requests):
        first, second = get(url), get(url)

    assert first == second == [FOLDER / "f.gz"]
    assert cached() == {"f.gz": BODY}
    assert requests == ["/f.gz"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "bad",
    [
        *map(status, (403, 404, 500)),
        status(301, Location="/f.gz"),
        content(b"<html>please sign in</html>"),
        content(BODY[:-1] + b"x"),
        content(BODY[:100], promised=len(BODY)),
        content(BODY, promised=len(BODY) - 5),
        content(BODY * 3),
        trickle(BODY, seconds=0.05),
        dawdle(seconds=0.05),
        silence,
        hang_up,
    ],
)
def test_a_bad_mirror_gives_way_to_the_next(bad: Answer) -> None:
    with serve({"/f.gz": bad}) as (one, _), serve({"/f.gz": content(BODY)}) as (two, _):
        get(one, two)

    assert cached() == {"f.gz": BODY}


def test_a_temporary_error_is_retried() -> None:
    answers = [status(503), content(BODY[:100], promised=len(BODY)), content(BODY)]
    with serve({"/f.gz": answers}) as (url, requests):
        get(url)

    assert len(requests) == 3
    assert cached() == {"f.gz": BODY}


def test_a_wrong_checksum_is_not_retried() -> None:
    with serve({"/f.gz": content(b"wrong")}) as (url, requests), pytest.raises(DataError):
        get(url)

    assert len(requests) == 1


def test_a_total_failure_says_what_was_tried_and_what_to_do() -> None:
    with (
        serve({"/f.gz": content(b"wrong")}) as (one, _),
        serve({}) as (two, _),
        pytest.raises(DataError) as caught,
    ):
        get(one, two, CLOSED)

    assert str(caught.value).split("\n") == [
        "set: 1 file could not be fetched; put it in place manually, or name a folder or mirror "
        "that has it: `mlp download --from`",
        "  f.gz",
        f"    {one}/f.gz: has the wrong checksum",
        f"    {two}/f.gz: 404 Not Found",
        f"    {CLOSED}/f.gz: Connection refused",
        f"    {FILE.checksum.replace(':', ' ')}",
        f"    put it at {FOLDER / 'f.gz'}",
    ]
    assert cached() == {}


def test_an_unreachable_host_is_not_asked_for_the_next_file() -> None:
    with pytest.raises(DataError, match=r"g\.gz: not tried again: Connection refused"):
        get(CLOSED, files=(FILE, FILE._replace(name="g.gz")))


def test_a_damaged_file_in_the_cache_is_replaced() -> None:
    put(FOLDER, "f.gz", b"damaged")
    with serve({"/f.gz": content(BODY)}) as (url, _):
        get(url)

    assert cached() == {"f.gz": BODY}


def test_offline_never_uses_the_network() -> None:
    refused = pytest.raises(DataError, match="not in the cache")
    with serve({"/f.gz": content(BODY)}) as (url, requests), refused:
        get(url, offline=True)

    assert requests == []


@pytest.mark.parametrize("inner", ["", "set"])
def test_files_can_come_from_a_folder(inner: str) -> None:
    put(Path("disk", inner), "f.gz", BODY)

    get(source="disk", offline=True)

    assert cached() == {"f.gz": BODY}


@pytest.mark.parametrize("inner", ["", "/set"])
def test_files_can_come_from_another_mirror(inner: str) -> None:
    with serve({f"{inner}/f.gz": content(BODY)}) as (url, _):
        get(CLOSED, source=url)

    assert cached() == {"f.gz": BODY}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("http://[bad", r"http://\[bad/f\.gz: .*not a valid host or port"),
        ("none", "none: no such folder"),
        (".", r"f\.gz: has the wrong checksum"),
    ],
)
def test_a_source_without_the_file_is_named(source: str, message: str) -> None:
    put(Path("."), "f.gz", b"wrong")

    with pytest.raises(DataError, match=message):
        get(source=source)
    assert cached() == {}


def test_credentials_of_netrc_go_to_no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("home").mkdir()
    Path("home", ".netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("HOME", str(Path("home").absolute()))
    headers = []

    def spied(handler: BaseHTTPRequestHandler) -> None:
        headers.append(dict(handler.headers))
        content(BODY)(handler)

    with serve({"/f.gz": spied}) as (url, _):
        redirected = status(302, Location=f"{url.replace('127.0.0.1', 'localhost')}/f.gz")
        with serve({"/f.gz": redirected}) as (other, _):
            get(source=other)
            Path(FOLDER, "f.gz").unlink()
        get(source=url)

    assert len(headers) == 2
    assert not any("Authorization" in each for each in headers)


def packed(body: bytes, member: str = "gzip/f.gz") -> tuple[bytes, File]:
    """An archive with the body, as bytes and as a published file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr(member, body)
    return out.getvalue(), published("a.zip", out.getvalue())


def test_a_file_is_taken_out_of_an_archive() -> None:
    whole, archive = packed(BODY)
    with serve({"/a.zip": content(whole)}) as (url, requests):
        get(url, archive=archive)

    assert cached() == {"a.zip": whole, "f.gz": BODY}
    assert requests == ["/a.zip"]


def test_a_cached_archive_serves_offline() -> None:
    whole, archive = packed(BODY)
    put(FOLDER, "a.zip", whole)

    get(archive=archive, offline=True)

    assert cached() == {"a.zip": whole, "f.gz": BODY}


@pytest.mark.parametrize(
    ("body", "member", "message"),
    [(b"wrong", "gzip/f.gz", "has the wrong checksum"), (BODY, "other", "no such file")],
)
def test_an_archive_with_other_content_is_refused(body: bytes, member: str, message: str) -> None:
    whole, archive = packed(body, member)
    refused = pytest.raises(DataError, match=rf"a\.zip: {message}")
    with serve({"/a.zip": content(whole)}) as (url, _), refused:
        get(url, archive=archive)

    assert cached() == {"a.zip": whole}


def test_an_unwritable_cache_is_one_line() -> None:
    Path("cache").write_text("a file where the folder should be")
    refused = pytest.raises(DataError, match=r"cannot write it: .*; MLPCLI_DATA names another")
    with serve({"/f.gz": content(BODY)}) as (url, _), refused:
        get(url)


def test_a_folder_may_have_the_content_of_a_packed_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = idx(np.arange(4 * 9, dtype=np.uint8).reshape(4, 3, 3))
    labels = idx(np.arange(4, dtype=np.uint8) % 2)
    files = {
        name: published(f"{name}.gz", gzip.compress(body))._replace(
            unpacked=f"sha256:{hashlib.sha256(body).hexdigest()}"
        )
        for name, body in (("x", content), ("y", labels))
    }
    images, rows = {"train": files["x"]}, {"train": files["y"]}
    mirrors = (f"{CLOSED}/",)
    spec = DatasetSpec("set", images, rows, {}, ("a", "b"), mirrors, license="", citation="")
    monkeypatch.setitem(registry.DATASETS, "set", spec)
    put(tmp_path / "mine", "x", content)
    put(tmp_path / "mine" / "set", "y", labels)

    found = fetch.fetch(spec, spec.files, source=str(tmp_path / "mine"))

    assert found == [FOLDER / "x", FOLDER / "y"]
    assert dataset.load("set", "train", offline=True).images.shape == (4, 3, 3)
    assert cache.contents(["set"], verify=True) == {"set": {"x.gz": True, "y.gz": True}}
    (FOLDER / "x").write_bytes(content[:-1] + b"\0")
    assert cache.contents(["set"], verify=True) == {"set": {"x.gz": False, "y.gz": True}}
    with pytest.raises(DataError, match="1 file not in the cache"):
        dataset.load("set", "train", offline=True)


@pytest.mark.parametrize(
    "where",
    [
        "x-idx3-ubyte.gz",
        "x.idx3-ubyte.gz",
        "x.idx3-ubyte",
        "x-idx3-ubyte/x-idx3-ubyte",
        "set/x.idx3-ubyte",
        "raw/x-idx3-ubyte",
        "MNIST/raw/x-idx3-ubyte.gz",
    ],
)
def test_a_folder_may_have_the_files_in_any_usual_layout(where: str) -> None:
    packed = gzip.compress(b"right")
    file = published("x-idx3-ubyte.gz", packed)._replace(
        unpacked=f"sha256:{hashlib.sha256(b'right').hexdigest()}"
    )
    path = Path("mine", where)
    put(path.parent, path.name, packed if where.endswith(".gz") else b"right")
    put(Path("mine/Another/raw"), "x-idx3-ubyte", b"other")  # of another data set

    (found,) = get(files=(file,), source="mine")

    assert found.parent == FOLDER
    assert cached() == {found.name: path.read_bytes()}


def test_a_damaged_content_is_refused(tmp_path: Path) -> None:
    file = FILE._replace(unpacked=f"sha256:{hashlib.sha256(b'right').hexdigest()}")
    put(tmp_path / "mine", "f", b"wrong")

    with pytest.raises(DataError, match="has the wrong checksum"):
        get(files=(file,), source=str(tmp_path / "mine"))
    assert not cached()
