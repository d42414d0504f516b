import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from mlpcli.data import download, fetch
from mlpcli.data.registry import DatasetSpec, File
from mlpcli.errors import DataError
from mlpcli.lock import LOCK_FILE
from tests.server import Answer, content, dawdle, hang_up, serve, silence, status, trickle

BODY = gzip.compress(b"the right content", mtime=0) * 50


def make_spec(*mirrors: str, archive: File | None = None) -> tuple[DatasetSpec, File]:
    file = File("f.gz", f"sha256:{hashlib.sha256(BODY).hexdigest()}", len(BODY))
    spec = DatasetSpec(
        folder="set",
        images={"train": file},
        labels={},
        counts={},
        classes=(),
        mirrors=tuple(f"{mirror}/" for mirror in mirrors),
        license="",
        citation="",
        archive=archive,
    )
    return spec, file


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a patience that suits a test."""
    monkeypatch.setenv("MLPCLI_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "RETRY_DELAYS", (0.01, 0.01))
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    return tmp_path / "cache"


def cached(cache: Path) -> list[str]:
    files = (path.name for path in cache.rglob("*") if path.is_file())
    return sorted(name for name in files if name != LOCK_FILE)


def test_a_file_is_fetched_once(cache: Path) -> None:
    with serve({"/f.gz": content(BODY)}) as (url, requests):
        spec, file = make_spec(url)
        first = fetch.fetch(spec, [file])
        second = fetch.fetch(spec, [file])

    assert first == second == [cache / "set" / "f.gz"]
    assert first[0].read_bytes() == BODY
    assert requests == ["/f.gz"]


@pytest.mark.parametrize(
    "bad",
    [
        status(403),
        status(404),
        status(500),
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
def test_a_bad_mirror_gives_way_to_the_next(cache: Path, bad: Answer) -> None:
    with serve({"/f.gz": bad}) as (one, _), serve({"/f.gz": content(BODY)}) as (two, _):
        spec, file = make_spec(one, two)
        fetch.fetch(spec, [file])

    assert cached(cache) == ["f.gz"]
    assert (cache / "set" / "f.gz").read_bytes() == BODY


def test_a_file_that_is_labeled_as_compressed_stays_as_it_is(cache: Path) -> None:
    with serve({"/f.gz": content(BODY, encoding="x-gzip")}) as (url, _):
        spec, file = make_spec(url)
        fetch.fetch(spec, [file])

    assert (cache / "set" / "f.gz").read_bytes() == BODY


def test_a_temporary_error_is_retried(cache: Path) -> None:
    answers = [status(503), content(BODY[:100], promised=len(BODY)), content(BODY)]
    with serve({"/f.gz": answers}) as (url, requests):
        spec, file = make_spec(url)
        fetch.fetch(spec, [file])

    assert len(requests) == 3
    assert cached(cache) == ["f.gz"]


def test_a_wrong_checksum_is_not_retried() -> None:
    with serve({"/f.gz": content(b"wrong")}) as (url, requests):
        spec, file = make_spec(url)
        with pytest.raises(DataError):
            fetch.fetch(spec, [file])

    assert len(requests) == 1


def test_a_total_failure_says_what_was_tried_and_what_to_do(cache: Path) -> None:
    with serve({"/f.gz": content(b"wrong")}) as (one, _), serve({}) as (two, _):
        spec, file = make_spec(one, two, "http://127.0.0.1:9")
        with pytest.raises(DataError) as caught:
            fetch.fetch(spec, [file])

    lines = str(caught.value).split("\n")
    assert lines == [
        "set: 1 file could not be fetched; put it in place manually, or name a folder or mirror "
        "that has it: `mlp download --from`",
        "  f.gz",
        f"    {one}/f.gz: has the wrong checksum",
        f"    {two}/f.gz: 404 Not Found",
        "    http://127.0.0.1:9/f.gz: Connection refused",
        f"    {file.checksum.replace(':', ' ')}",
        f"    put it at {cache / 'set' / 'f.gz'}",
    ]
    assert cached(cache) == []


def test_an_unreachable_host_is_not_asked_for_the_next_file() -> None:
    spec, file = make_spec("http://127.0.0.1:9")
    other = file._replace(name="g.gz")

    with pytest.raises(DataError, match=r"g\.gz: not tried again: Connection refused"):
        fetch.fetch(spec, [file, other])


def test_a_damaged_file_in_the_cache_is_replaced(cache: Path) -> None:
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "f.gz").write_bytes(b"damaged")
    with serve({"/f.gz": content(BODY)}) as (url, _):
        spec, file = make_spec(url)
        fetch.fetch(spec, [file])

    assert (cache / "set" / "f.gz").read_bytes() == BODY


def test_offline_never_uses_the_network() -> None:
    with serve({"/f.gz": content(BODY)}) as (url, requests):
        spec, file = make_spec(url)
        with pytest.raises(DataError, match="not in the cache"):
            fetch.fetch(spec, [file], offline=True)

    assert requests == []


@pytest.mark.parametrize("inner", ["", "set"])
def test_files_can_come_from_a_folder(tmp_path: Path, cache: Path, inner: str) -> None:
    folder = tmp_path / "disk" / inner
    folder.mkdir(parents=True)
    (folder / "f.gz").write_bytes(BODY)
    spec, file = make_spec()

    fetch.fetch(spec, [file], source=str(tmp_path / "disk"), offline=True)

    assert cached(cache) == ["f.gz"]


@pytest.mark.parametrize("inner", ["", "/set"])
def test_files_can_come_from_another_mirror(cache: Path, inner: str) -> None:
    spec, file = make_spec("http://127.0.0.1:9")
    with serve({f"{inner}/f.gz": content(BODY)}) as (url, _):
        fetch.fetch(spec, [file], source=url)

    assert cached(cache) == ["f.gz"]


def test_a_source_that_is_no_address_is_one_of_the_attempts() -> None:
    spec, file = make_spec()

    with pytest.raises(DataError, match=r"http://\[bad/f\.gz: .*not a valid host or port"):
        fetch.fetch(spec, [file], source="http://[bad")


def test_a_wrong_file_in_a_folder_never_enters_the_cache(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "f.gz").write_bytes(b"wrong")
    spec, file = make_spec()

    with pytest.raises(DataError, match=r"f\.gz: has the wrong checksum"):
        fetch.fetch(spec, [file], source=str(tmp_path))
    assert cached(cache) == []


def test_a_source_that_is_no_folder_is_named(tmp_path: Path) -> None:
    spec, file = make_spec()

    with pytest.raises(DataError, match="none: no such folder"):
        fetch.fetch(spec, [file], source=str(tmp_path / "none"))


def archive(body: bytes, member: str = "gzip/f.gz") -> tuple[bytes, File]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr(member, body)
    whole = packed.getvalue()
    return whole, File("a.zip", f"sha256:{hashlib.sha256(whole).hexdigest()}", len(whole))


def test_a_file_is_taken_out_of_an_archive(cache: Path) -> None:
    whole, zip_file = archive(BODY)
    with serve({"/a.zip": content(whole)}) as (url, requests):
        spec, file = make_spec(url, archive=zip_file)
        fetch.fetch(spec, [file])

    assert cached(cache) == ["a.zip", "f.gz"]
    assert requests == ["/a.zip"]
    assert (cache / "set" / "f.gz").read_bytes() == BODY


def test_a_cached_archive_serves_offline(cache: Path) -> None:
    whole, zip_file = archive(BODY)
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "a.zip").write_bytes(whole)
    spec, file = make_spec(archive=zip_file)

    fetch.fetch(spec, [file], offline=True)

    assert cached(cache) == ["a.zip", "f.gz"]


@pytest.mark.parametrize(
    ("body", "member", "message"),
    [(b"wrong", "gzip/f.gz", "has the wrong checksum"), (BODY, "other", "no such file")],
)
def test_an_archive_with_other_content_is_refused(
    cache: Path, body: bytes, member: str, message: str
) -> None:
    whole, zip_file = archive(body, member)
    with serve({"/a.zip": content(whole)}) as (url, _):
        spec, file = make_spec(url, archive=zip_file)
        with pytest.raises(DataError, match=rf"a\.zip: {message}"):
            fetch.fetch(spec, [file])

    assert cached(cache) == ["a.zip"]


def test_an_unwritable_cache_is_one_line(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with serve({"/f.gz": content(BODY)}) as (url, _):
        spec, file = make_spec(url)
        with pytest.raises(DataError, match=r"cannot write it: .*; MLPCLI_DATA names another"):
            fetch.fetch(spec, [file])
