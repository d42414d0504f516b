import pytest

from mlpcli.show import console


def test_a_warning_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("class ':bell:' of [red]x[/red] has\nno images")

    assert capsys.readouterr() == (
        "",
        "warning: class ':bell:' of [red]x[/red] has\\u000ano images\n",
    )


def test_a_warning_in_a_job_of_github_is_marked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setattr("sys.argv", ["mlp", "train"])

    console.warn("class ':bell:' has no images")

    told, mark = capsys.readouterr().err.splitlines()
    assert told == "warning: class ':bell:' has no images"
    assert mark == "::warning title=mlp train::class ':bell:' has no images"
