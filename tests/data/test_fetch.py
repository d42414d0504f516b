import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from mlpcli.data import fetch, transfer
from mlpcli.data.registry import File, Published
from mlpcli.errors import DataError
from tests.server import Answer, content, dawdle, hang_up, serve, silence, status, trickle

BODY = gzip.compress(b"the right content", mtime=0) * 50


def published(*mirrors: str, archive: File | None = None) -> tuple[Published, File]:
    file = File("f.gz", f"sha256:{hashlib.sha256(BODY).hexdigest()}", len(BODY))
    made = Published(
        folder="set",
        images={"train": file},
        labels={},
        counts={},
        classes=(),
        mirrors=tuple(f"{mirror}/" for mirror in mirrors),
        licence="",
        citation="",
        archive=archive,
    )
    return made, file


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a patience that suits a test."""
    monkeypatch.setenv("MLPCLI_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(transfer, "TIMEOUT", 0.5)
    return tmp_path / "cache"


def held(cache: Path) -> list[str]:
    files = (path.name for path in cache.rglob("*") if path.is_file())
    return sorted(name for name in files if name != LOCK)


def test_a_file_is_fetched_once(cache: Path) -> None:
    with serve({"/f.gz": content(BODY)}) as (url, asked):
        made, file = published(url)
        first = fetch.fetch(made, [file])
        second = fetch.fetch(made, [file])

    assert first == second == [cache / "set" / "f.gz"]
    assert first[0].read_bytes() == BODY
    assert asked == ["/f.gz"]


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
        made, file = published(one, two)
        fetch.fetch(made, [file])

    assert held(cache) == ["f.gz"]
    assert (cache / "set" / "f.gz").read_bytes() == BODY


def test_a_passing_error_is_tried_again(cache: Path) -> None:
    answers = [status(503), content(BODY[:100], promised=len(BODY)), content(BODY)]
    with serve({"/f.gz": answers}) as (url, asked):
        made, file = published(url)
        fetch.fetch(made, [file])

    assert len(asked) == 3
    assert held(cache) == ["f.gz"]


def test_a_wrong_sum_is_not_tried_again() -> None:
    with serve({"/f.gz": content(b"wrong")}) as (url, asked):
        made, file = published(url)
        with pytest.raises(DataError):
            fetch.fetch(made, [file])

    assert len(asked) == 1


def test_a_total_failure_says_what_was_tried_and_what_to_do(cache: Path) -> None:
    with serve({"/f.gz": content(b"wrong")}) as (one, _), serve({}) as (two, _):
        made, file = published(one, two, "http://127.0.0.1:9")
        with pytest.raises(DataError) as caught:
            fetch.fetch(made, [file])

    lines = str(caught.value).split("\n")
    assert lines == [
        "set: 1 file could not be fetched; put it in place by hand, or name a folder or mirror "
        "that has it: `mlp download --from`",
        "  f.gz",
        f"    {one}/f.gz: has the wrong sum",
        f"    {two}/f.gz: 404 Not Found",
        "    http://127.0.0.1:9/f.gz: Connection refused",
        f"    {file.sum.replace(':', ' ')}",
        f"    put it at {cache / 'set' / 'f.gz'}",
    ]
    assert held(cache) == []


def test_an_unreachable_host_is_not_asked_for_the_next_file() -> None:
    made, file = published("http://127.0.0.1:9")
    other = file._replace(name="g.gz")

    with pytest.raises(DataError, match=r"g\.gz: not tried again: Connection refused"):
        fetch.fetch(made, [file, other])


def test_a_damaged_file_in_the_cache_is_replaced(cache: Path) -> None:
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "f.gz").write_bytes(b"damaged")
    with serve({"/f.gz": content(BODY)}) as (url, _):
        made, file = published(url)
        fetch.fetch(made, [file])

    assert (cache / "set" / "f.gz").read_bytes() == BODY


def test_offline_never_uses_the_network() -> None:
    with serve({"/f.gz": content(BODY)}) as (url, asked):
        made, file = published(url)
        with pytest.raises(DataError, match="not in the cache"):
            fetch.fetch(made, [file], offline=True)

    assert asked == []


@pytest.mark.parametrize("inner", ["", "set"])
def test_files_can_come_from_a_folder(tmp_path: Path, cache: Path, inner: str) -> None:
    folder = tmp_path / "disk" / inner
    folder.mkdir(parents=True)
    (folder / "f.gz").write_bytes(BODY)
    made, file = published()

    fetch.fetch(made, [file], source=str(tmp_path / "disk"), offline=True)

    assert held(cache) == ["f.gz"]


@pytest.mark.parametrize("inner", ["", "/set"])
def test_files_can_come_from_another_mirror(cache: Path, inner: str) -> None:
    made, file = published("http://127.0.0.1:9")
    with serve({f"{inner}/f.gz": content(BODY)}) as (url, _):
        fetch.fetch(made, [file], source=url)

    assert held(cache) == ["f.gz"]


def test_a_wrong_file_in_a_folder_never_enters_the_cache(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "f.gz").write_bytes(b"wrong")
    made, file = published()

    with pytest.raises(DataError, match=r"f\.gz: has the wrong sum"):
        fetch.fetch(made, [file], source=str(tmp_path))
    assert held(cache) == []


def test_a_source_that_is_no_folder_is_named(tmp_path: Path) -> None:
    made, file = published()

    with pytest.raises(DataError, match="none: no such folder"):
        fetch.fetch(made, [file], source=str(tmp_path / "none"))


def archive(body: bytes, member: str = "gzip/f.gz") -> tuple[bytes, File]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr(member, body)
    whole = packed.getvalue()
    return whole, File("a.zip", f"sha256:{hashlib.sha256(whole).hexdigest()}", len(whole))


def test_a_file_is_taken_out_of_an_archive(cache: Path) -> None:
    whole, listed = archive(BODY)
    with serve({"/a.zip": content(whole)}) as (url, asked):
        made, file = published(url, archive=listed)
        fetch.fetch(made, [file])

    assert held(cache) == ["a.zip", "f.gz"]
    assert asked == ["/a.zip"]
    assert (cache / "set" / "f.gz").read_bytes() == BODY


def test_a_cached_archive_serves_offline(cache: Path) -> None:
    whole, listed = archive(BODY)
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "a.zip").write_bytes(whole)
    made, file = published(archive=listed)

    fetch.fetch(made, [file], offline=True)

    assert held(cache) == ["a.zip", "f.gz"]


@pytest.mark.parametrize(
    ("body", "member", "message"),
    [(b"wrong", "gzip/f.gz", "has the wrong sum"), (BODY, "other", "no such file")],
)
def test_an_archive_with_other_content_is_refused(
    cache: Path, body: bytes, member: str, message: str
) -> None:
    whole, listed = archive(body, member)
    with serve({"/a.zip": content(whole)}) as (url, _):
        made, file = published(url, archive=listed)
        with pytest.raises(DataError, match=rf"a\.zip: {message}"):
            fetch.fetch(made, [file])

    assert held(cache) == ["a.zip"]


def test_an_unwritable_cache_is_one_line(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with serve({"/f.gz": content(BODY)}) as (url, _):
        made, file = published(url)
        with pytest.raises(DataError, match=r"cannot write it: .*; MLPCLI_DATA names another"):
            fetch.fetch(made, [file])
