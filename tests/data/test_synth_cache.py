"""The drawn digits in the cache: the same bits as drawing, whatever lies there."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli import atomic
from mlpcli.data import dataset, synth, synth_cache
from mlpcli.errors import OutputError

SIZES = {"train": 2500, "test": 2000}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for small splits."""
    monkeypatch.setenv("MLPCLI_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(synth, "SIZES", SIZES)
    return tmp_path / "cache"


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is drawn while the test runs."""
    seen, draw = [], synth.draw

    def spy(*args: Any) -> Any:
        seen.append(args)
        return draw(*args)

    monkeypatch.setattr(synth, "draw", spy)
    return seen


def stored(cache: Path) -> Path:
    """The one file in the cache."""
    synth_cache.split("train")
    (path,) = cache.glob("synth/*")
    return path


def assert_same(found: synth_cache.Drawn, expected: synth_cache.Drawn) -> None:
    images, labels, checksum = found
    assert images.dtype == "uint8"
    assert labels.dtype == "int64"
    assert images.flags.writeable
    assert labels.flags.writeable
    assert_array_equal(images, expected[0])
    assert_array_equal(labels, expected[1])
    assert checksum == expected[2]


@pytest.mark.parametrize("name", SIZES)
def test_a_split_is_drawn_once_and_read_with_the_same_bits(
    name: str, draws: list[tuple[Any, ...]]
) -> None:
    first, second = synth_cache.split(name), synth_cache.split(name)

    assert draws == [(name, 0, SIZES[name])]
    assert_same(first, second)
    assert_same(second, synth.split(name))


@pytest.mark.parametrize("count", [1, 700, 2000, 2499, 2500, 2501, 3700])
def test_any_number_of_images_is_that_of_drawing(
    cache: Path, draws: list[tuple[Any, ...]], count: int
) -> None:
    expected, without = synth.split("train", count), synth_cache.split("train", count)
    stored(cache)
    draws.clear()

    found = synth_cache.split("train", count)

    assert_same(found, expected)
    assert_same(without, expected)
    few, more = [("train", 0, count)], [("train", 2500, count)]
    assert draws == (few if count < 2000 else more if count > 2500 else [])


@pytest.mark.parametrize("count", [1, 2000, 2499, 2501])
def test_only_the_default_number_is_kept(cache: Path, count: int) -> None:
    synth_cache.split("train", count)

    assert not cache.exists()


def damage(path: Path, kind: str) -> None:
    content = bytearray(path.read_bytes())
    if kind == "one bit":
        content[-1000] ^= 1
    elif kind == "a label":
        content[-8] ^= 1
    elif kind == "the checksum":
        content[100] ^= 1
    elif kind == "half":
        del content[len(content) // 2 :]
    elif kind == "longer":
        content += b"0"
    elif kind == "zeros":
        content[:] = bytes(len(content))
    elif kind == "empty":
        content.clear()
    path.write_bytes(content)


@pytest.mark.parametrize(
    "kind", ["one bit", "a label", "the checksum", "half", "longer", "zeros", "empty"]
)
def test_a_damaged_file_is_drawn_again_and_replaced(
    cache: Path, draws: list[tuple[Any, ...]], kind: str
) -> None:
    path = stored(cache)
    whole = path.read_bytes()
    damage(path, kind)
    assert path.read_bytes() != whole
    draws.clear()

    found = synth_cache.split("train")

    assert draws == [("train", 0, 2500)]
    assert_same(found, synth.split("train"))
    assert path.read_bytes() == whole


def test_a_file_of_another_version_or_split_is_not_taken(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(cache)
    expected = synth.split("train")
    with monkeypatch.context() as patch:
        patch.setattr(synth_cache, "_version", lambda: "0" * 64)
        patch.setattr(synth, "SEED", 1)
        patch.setattr(synth, "draw", lambda name, a, b: (expected[0][::-1].copy(), expected[1]))
        synth_cache.split("train")
    (other,) = set(cache.glob("synth/*")) - {path}
    path.write_bytes(other.read_bytes())

    assert_same(synth_cache.split("train"), expected)


@pytest.mark.parametrize("variable", synth_cache.VARIABLES)
def test_other_instructions_have_a_file_of_their_own(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = synth_cache._version.__wrapped__
    before = version()
    monkeypatch.setenv(variable, "Haswell")

    assert version() != before


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")
@pytest.mark.parametrize("kind", ["folder", "pipe", "broken link", "unreadable"])
def test_what_is_no_file_of_ours_does_not_matter(cache: Path, kind: str) -> None:
    path = stored(cache)
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "broken link":
        path.symlink_to(cache / "nowhere")
    else:
        path.touch(0)

    assert_same(synth_cache.split("train"), synth.split("train"))
    assert not (cache / "nowhere").exists()
    kept = stat.S_ISREG(path.lstat().st_mode)
    assert kept == (kind != "folder")


@pytest.mark.parametrize("error", [OutputError("full"), PermissionError(13, "read-only")])
def test_a_cache_that_cannot_be_written_is_done_without(
    cache: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(atomic, "write", refuse)

    assert_same(synth_cache.split("train"), synth.split("train"))
    assert not list(cache.glob("synth/*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("place", ["/dev/full", "/proc/synth", "/dev/null/cache", "~nobody-at-all"])
def test_a_cache_folder_that_cannot_be_made_is_done_without(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPCLI_DATA", place)

    assert_same(synth_cache.split("train"), synth.split("train"))


def test_files_of_a_few_versions_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    for number in range(5):
        monkeypatch.setattr(synth_cache, "_version", lambda number=number: f"{number}" * 64)
        synth_cache.split("train")
        (new,) = {path.name for path in cache.glob("synth/*")} - {*names}
        os.utime(cache / "synth" / new, (number, number))
        names.append(new)
    monkeypatch.setattr(synth_cache, "_version", lambda: "5" * 64)
    synth_cache.split("train")

    kept = sorted(path.name for path in cache.glob("synth/*"))
    assert kept == [f"train-{n * 12}.bin" for n in "345"]


def test_what_a_killed_process_left_goes(cache: Path) -> None:
    path = stored(cache)
    path.rename(path.with_name(f".{path.name}.{2**22 + 1}.tmp"))

    synth_cache.split("train")

    assert [each.name for each in cache.glob("synth/*")] == [path.name]


@pytest.mark.slow
def test_processes_that_draw_at_the_same_time_all_get_the_same_bits(cache: Path) -> None:
    script = (
        "from mlpcli.data import synth, synth_cache; synth.SIZES.update(train=2500);"
        "print(synth_cache.split('train')[2])"
    )
    words = [sys.executable, "-c", script]
    processes = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(4)]
    found = {process.communicate(timeout=60)[0].decode().strip() for process in processes}

    assert found == {synth.split("train")[2]}
    assert len(list(cache.glob("synth/*"))) == 1
    assert synth_cache._read("train") is not None


def test_the_data_set_comes_from_the_cache(draws: list[tuple[Any, ...]]) -> None:
    first, second = (dataset.load("synth", "train") for _ in range(2))

    assert len(draws) == 1
    assert_array_equal(first.images, second.images)
    assert first.files == second.files == {"drawn": synth.split("train")[2]}
    assert np.bincount(second.labels).min() > 0
