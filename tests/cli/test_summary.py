import pytest

from tests.cli.outcome import call, facts, output, refusal


def test_summary_is_a_line_for_each_layer_and_a_total() -> None:
    out = output(call("summary", "--config", "mnist"))

    heads = [line.split()[0] for line in out.splitlines()[:5]]
    assert heads == ["layer", "z1", "z2", "z3", "total"]
    assert "658,698" in out


def test_summary_of_a_run_has_the_runs_layers(run: str) -> None:
    found = facts(call("summary", "--run", run, "--json"))

    assert [layer["W"] for layer in found["layers"]] == [[1024, 16], [16, 8], [8, 3]]
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--run", "a", "--config", "mnist"), "--run: a run has its own settings"),
        (("--set", "data.name=nowhere.npz"), "data set 'nowhere.npz'"),
    ],
)
def test_bad_usage_gives_one_line_and_exit_status_2(args: tuple[str, ...], told: str) -> None:
    assert refusal("summary", *args).startswith(told)
