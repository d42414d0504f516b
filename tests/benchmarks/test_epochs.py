import pytest

from benchmarks import epochs, machine

SECONDS = {
    ("ours", "sgd"): [1.0, 1.0],
    ("pytorch", "sgd"): [2.0, 3.0],
    ("compiled", "sgd"): [2.0, 2.0],
    ("ours", "adam"): [1.0, 1.0],
    ("pytorch", "adam"): [1.5, 1.5],
    ("jaxed", "adam"): [1.4, 1.4],
}
BEST = {key: f"{key[1]} {key[0]}" for key in SECONDS}


@pytest.mark.parametrize(("kernel", "goal"), [("Haswell", 1.7), ("SkylakeX", 2.2)])
def test_goals_are_against_the_fastest_and_depend_on_the_kernel(
    kernel: str, goal: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "kernel", lambda: kernel)

    sgd, adam = epochs._goal_rows(BEST, SECONDS)  # JAX is missing for SGD

    assert (sgd.what, sgd.peer) == (
        "one epoch, sgd, against PyTorch's best",
        "PyTorch compiled (sgd compiled)",
    )
    assert sgd.goal == ("faster", goal)
    assert (adam.peer, adam.goal) == ("JAX jit (adam jaxed)", ("faster", 1.25))
