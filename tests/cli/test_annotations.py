"""In a job of GitHub, each error and warning is also an annotation on standard error."""

from pathlib import Path

import pytest

from tests.cli.outcome import Outcome, call, piped, refusal

ODD = "a\nb\x1b[31m"  # a name that would make two lines


@pytest.fixture
def job(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of GitHub, whose repository is the working folder."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(place))
    monkeypatch.setattr("sys.argv", ["mlp"])


def marks(outcome: Outcome) -> list[str]:
    """The annotations; standard output holds none."""
    assert "::" not in outcome.out
    return [line for line in outcome.err.splitlines() if line.startswith("::")]


@pytest.mark.usefixtures("job")
def test_each_mistake_in_a_config_is_marked_at_its_line() -> None:
    Path("own.yaml").write_text("train:\n  epochs: 0\noptimizer:\n  learning_rate: 1\n")

    found = call("config", "check", "own.yaml")

    unknown, zero = marks(found)
    assert unknown.startswith("::error title=mlp,file=own.yaml,line=4,col=3::own.yaml:4:3: unknown")
    assert zero.startswith("::error title=mlp,file=own.yaml,line=2,col=3::own.yaml:2:3: epochs")
    lines = found.err.splitlines()
    assert [line for line in lines if not line.startswith("::")] == [
        f"error: {mark.rpartition('::')[2]}" for mark in (unknown, zero)
    ]


@pytest.mark.usefixtures("job")
def test_a_failed_check_is_marked(run: str, spoiled: str) -> None:
    found = call("eval", run, "--data", spoiled, "--fail-under", "1", "--json")

    assert found.status == 1
    (mark,) = marks(found)
    assert mark.startswith("::error title=mlp::run: accuracy must be at least 1.0, got 0.9")


@pytest.mark.usefixtures("job")
def test_the_lines_below_an_error_are_part_of_its_mark(small: list[str], run: str) -> None:
    found = call("train", *small, "--set", "seed=3", "--out", run, "--auto-resume")

    (mark,) = marks(found)
    assert mark.startswith("::error title=mlp::run: the settings differ;")
    assert mark.endswith("%0A  seed: 0 in the run, 3 now")


def test_a_warning_and_a_usage_error_are_marked(small: list[str], place: Path) -> None:
    job = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(place)}
    trained = piped("train", *small, "--threads", "64", "--out", "run", **job)
    misused = piped("eval", "run", "--splt", "test", **job)

    (warning,) = marks(trained)
    assert warning.startswith("::warning title=mlp train::64 threads")
    (error,) = marks(misused)
    assert error == ("::error title=mlp eval::no such option '--splt'; did you mean '--split'?")


@pytest.mark.parametrize(
    "words",
    [
        *("eval", "data check", "gradcheck --run", "gradcheck --set", "download", "config check"),
        *("grade", "report", "import --out new", "runs show", "summary --config", "explain --data"),
        *("train --set data.name=", "train --data", "eval run --split", "export", "runs rm", "--x"),
    ],
)
def test_a_name_of_two_lines_makes_one_line_of_error(words: str, place: Path) -> None:
    told = refusal(*words.split(), ODD)

    assert "\x1b" not in told


def test_a_picture_with_such_a_name_makes_one_line_of_error(run: str) -> None:
    status, _, err = call("predict", run, ODD)

    assert status == 2
    assert err == "error: a\\u000ab\\u001b[31m: not readable: No such file or directory\n"
