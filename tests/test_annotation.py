"""The marks by which GitHub shows errors and warnings beside their files."""

from pathlib import Path

import pytest

from mlpcli.annotation import annotation


@pytest.fixture(autouse=True)
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of GitHub in a folder of its repository, which runs `mlp train`."""
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path / "models")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["mlp", "train", "--config", "own.yaml"])


def test_an_error_in_a_file_is_marked_at_its_place() -> None:
    Path("own.yaml").touch()

    assert annotation("error: own.yaml:7:3: unknown key 'x'") == (
        "::error title=mlp train,file=models/own.yaml,line=7,col=3::own.yaml:7:3: unknown key 'x'"
    )
    assert annotation("warning: own.yaml: is odd") == (
        "::warning title=mlp train,file=models/own.yaml::own.yaml: is odd"
    )


def test_a_message_that_begins_with_no_file_has_no_place() -> None:
    assert annotation("error: 7:3: what") == "::error title=mlp train::7:3: what"
    assert annotation("internal error: KeyError: 1") == "::error title=mlp train::KeyError: 1"


def test_what_would_end_the_mark_is_escaped() -> None:
    Path("a,b%:c.yaml").touch()

    assert annotation("error: a,b%:c.yaml:1:2: 50%\n  more\r") == (
        "::error title=mlp train,file=models/a%2Cb%25%3Ac.yaml,line=1,col=2::"
        "a,b%25:c.yaml:1:2: 50%25%0A  more%0D"
    )


def test_a_file_outside_the_repository_keeps_its_path(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("other") / "own.yaml"
    path.touch()

    assert f",file={path.as_posix()},line=1," in annotation(f"error: {path}:1:2: what")


@pytest.mark.parametrize("message", ["note: two", "epoch 1/3", "interrupted: after epoch 2", ""])
def test_other_messages_are_not_marked(message: str) -> None:
    assert annotation(message) == ""


@pytest.mark.parametrize("value", ["", "false", "1"])
def test_elsewhere_nothing_is_marked(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", value)

    assert annotation("error: what") == ""
