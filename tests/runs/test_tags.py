"""Tags and notes: kept by changes that processes may add at once, and gone with their run."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from mlpcli.runs import tags
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.ownership import is_ours
from mlpcli.runs.tags import Tags
from tests.trainings import unstaged


def test_the_last_change_of_each_kind_holds() -> None:
    changes = [
        ("tag", "a"),
        ("tag", "b"),
        ("note", "x"),
        ("untag", "a"),
        ("tag", "b"),
        ("note", "y"),
    ]

    assert tags.read(b"".join(tags.line(*change) for change in changes)) == Tags(("b",), "y")
    assert tags.read(b"") == Tags()


@pytest.mark.parametrize("junk", [b'{"schema": 1, "ta', b"[]\n", b'{"tag": 3}\n', b"\xff\n", b"\n"])
def test_what_is_no_change_is_left_out_and_the_next_one_counts(run: Path, junk: bytes) -> None:
    folder = RunFolder(run)
    folder.add_tag_line("tag", "a")
    path = run / tags.FILE
    path.write_bytes(path.read_bytes() + junk)

    folder.add_tag_line("tag", "b")

    assert folder.load_tags() == Tags(("a", "b"))


def test_changes_at_the_same_time_are_all_kept(run: Path) -> None:
    words = [f"tag-{i}" for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda word: RunFolder(run).add_tag_line("tag", word), words))

    assert set(RunFolder(run).load_tags().tags) == set(words)


def test_a_training_that_holds_the_folder_is_in_nobodys_way(
    settings: Config, tmp_path: Path
) -> None:
    events = unstaged(train(settings, tmp_path / "run", preflight=False))
    next(events)
    run = RunFolder(tmp_path / "run")
    run.add_tag_line("tag", "good")
    list(events)

    assert run.load_tags() == Tags(("good",))
    assert run.load_record().status == "finished"


def test_a_new_run_in_the_folder_has_no_tags_of_the_old_one(settings: Config, run: Path) -> None:
    RunFolder(run).add_tag_line("tag", "good")

    list(train(settings, run, overwrite=True, preflight=False))

    assert RunFolder(run).load_tags() == Tags()


def test_the_file_is_ours_and_goes_with_the_run(run: Path) -> None:
    RunFolder(run).add_tag_line("note", "x")

    assert is_ours(run / tags.FILE)
    RunFolder(run).remove()
    assert not run.exists()


@pytest.mark.parametrize("content", [b"todo: buy milk\n", b'{"schema": 1, "epoch": 1}\n'])
def test_a_foreign_file_of_that_name_stays(settings: Config, run: Path, content: bytes) -> None:
    (run / tags.FILE).write_bytes(content)

    with pytest.raises(CheckpointError, match=r"tags\.jsonl: was not written by mlp"):
        RunFolder(run).remove()
    with pytest.raises(CheckpointError, match=r"tags\.jsonl: was not written by mlp"):
        list(train(settings, run, overwrite=True))
    assert (run / tags.FILE).read_bytes() == content


@pytest.mark.parametrize(
    "head", [b"", b"{", b'{"schema": 1, "un', b'{"schema": 1\n{"schema": 1, "tag": "a"}']
)
def test_a_torn_first_line_is_ours(run: Path, head: bytes) -> None:
    (run / tags.FILE).write_bytes(head)

    assert is_ours(run / tags.FILE)


def test_each_change_is_an_object_of_the_contract(run: Path) -> None:
    RunFolder(run).add_tag_line("tag", "süß")

    line = (run / tags.FILE).read_text("ascii")

    assert json.loads(line) == {"schema": 1, "tag": "süß"}


@pytest.mark.parametrize("word", ["", "two words", "runs/first", "-x", ".hidden", "x" * 51, "a=b"])
def test_what_is_no_word_is_no_tag(word: str) -> None:
    with pytest.raises(CheckpointError, match="a tag has up to 50 letters"):
        tags.require_tag(word)


@pytest.mark.parametrize("word", ["good", "v1.0", "süß", "a+b", "2026-11-30"])
def test_words_are_tags(word: str) -> None:
    tags.require_tag(word)
