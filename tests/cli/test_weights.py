"""Every command that uses a run takes the weights of `--weights auto`, and says which these are."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.api.multi_run import TrainResult
from mlpcli.runs.folder import METRICS, RECORD, RunFolder
from mlpcli.show.train import as_blocks, as_json
from tests.cli.outcome import Outcome, call, facts, refusal
from tests.trainings import edit_json

NOTE = (
    "note: run: last weights, validation accuracy 90.00% (best weights 93.33%): the learning rate "
    "ended at 0 and the validation curve did not fall"
)
COMMANDS = [
    "eval run",
    "predict run x.npz",
    "export run --format npz",
    "report run",
    "playground run",
]
COMMANDS += ["explain --run run", "gradcheck --run run --quick"]


def _set_accuracy(accuracy: float, metrics: dict[str, Any]) -> None:
    metrics["validation_accuracy"] = accuracy


def spoil(run: Path) -> None:
    """Let the best weights be of epoch 1, and predict a class only; the curve holds."""
    place = RunFolder(run)
    for epoch, accuracy in enumerate([28 / 30, 27 / 30, 27 / 30]):
        edit_json(run / METRICS, partial(_set_accuracy, accuracy), epoch)
    first, *_, last = place.load_metrics()
    place.save_record(place.load_record().replace(best=first, last=last))
    best = place.load_weights("last")._replace(optimizer_state=())
    for layer in best.params:
        layer.W[:] = 0
    place.save_weights("best", best)


@pytest.fixture
def split_run(run: str, place: Path) -> str:
    """A run whose best weights are not its last ones, and an image to predict."""
    spoil(place / run)
    np.savez("x.npz", allow_pickle=False, x=np.zeros((1, 6, 6), "uint8"))
    return run


def selection(command: str, outcome: Outcome) -> object:
    found = facts(outcome)
    return found["runs"][0]["selection"] if command == "report run" else found["selection"]


@pytest.mark.usefixtures("split_run")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_which_weights_it_takes(command: str) -> None:
    outcome = call(*command.split(), "--json")

    assert NOTE in outcome.err.splitlines()
    chosen = selection(command, outcome)
    assert isinstance(chosen, dict)
    assert (chosen["weights"], chosen["best"]["epoch"], chosen["last"]["epoch"]) == ("last", 1, 3)
    assert chosen["last"]["validation_accuracy"] == 0.9
    assert chosen["reason"] in NOTE


@pytest.mark.usefixtures("split_run")
@pytest.mark.parametrize("command", COMMANDS)
def test_of_weights_that_are_named_there_is_nothing_to_say(command: str) -> None:
    outcome = call(*command.split(), "--weights", "best", "--json")

    assert "weights" not in outcome.err
    assert selection(command, outcome) is None


def test_the_chosen_weights_are_the_ones_that_are_used(split_run: str) -> None:
    by_default, last, best = (
        facts(call("eval", split_run, *words, "--json"))
        for words in ([], ["--weights", "last"], ["--weights", "best"])
    )

    assert by_default.pop("selection")
    assert not last.pop("selection")
    assert by_default == last
    assert (by_default["weights"], best["weights"]) == ("last", "best")
    assert by_default["accuracy"] > best["accuracy"]
    assert "run (last weights) on the test split of" in call("eval", split_run).out


def test_the_same_choice_gives_the_same_bytes(split_run: str) -> None:
    assert call("eval", split_run, "--json") == call("eval", split_run, "--json")


def test_show_says_the_default(split_run: str) -> None:
    line = NOTE.removeprefix("note: run: ")

    assert f"default: {line}" in call("runs", "show", split_run).out
    assert facts(call("runs", "show", split_run, "--json"))["selection"]["weights"] == "last"


def test_runs_with_other_choices_are_compared_as_they_are(split_run: str, small: list[str]) -> None:
    assert call("train", *small, "schedule.name=constant", "--out", "flat", "--quiet").status == 0
    spoil(Path("flat"))

    outcome = call("compare", split_run, "flat", "--json")

    found = facts(outcome)
    assert found["weights"] == "auto"
    assert [each["weights"] for each in found["selections"]] == ["last", "best"]
    assert [line for line in outcome.err.splitlines() if line.startswith("note: ")] == [
        NOTE,
        "note: flat: best weights, validation accuracy 93.33% (last weights 90.00%): the learning "
        "rate did not end at 0",
    ]
    assert "90 images, best or last weights" in call("compare", split_run, "flat").out


def test_several_seeds_are_judged_one_by_one(small: list[str]) -> None:
    assert call("train", *small, "--out", "five", "--seeds", "3", "--quiet").status == 0
    for seed in range(3):
        spoil(Path("five", f"seed-{seed}"))
    edit_json(Path("five", "seed-1", RECORD), lambda record: record["last"].update(lr=0.05))

    outcome = call("eval", "five", "--json")

    found = facts(outcome)
    assert found["weights"] == "auto"
    assert [seed["weights"] for seed in found["seeds"]] == ["last", "best", "last"]
    assert outcome.err == (
        "note: five: last weights of seeds 0, 2, best weights of seed 1: mean validation accuracy "
        "91.11% (92.22% with the others)\n"
    )
    text = call("eval", "five").out
    assert text.startswith("five (best or last weights) on the test split of")
    line = outcome.err.removeprefix("note: five: ")
    assert f"default: {line}" in call("runs", "show", "five").out


def test_a_seed_whose_best_epoch_is_its_last_has_the_weights_of_the_others(
    small: list[str],
) -> None:
    assert call("train", *small, "--out", "five", "--seeds", "2", "--quiet").status == 0
    spoil(Path("five", "seed-0"))
    record = RunFolder(Path("five", "seed-1")).load_record()
    RunFolder(Path("five", "seed-1")).save_record(record.replace(best=record.last))

    outcome = call("eval", "five")

    assert outcome.out.startswith("five (last weights) on the test split of")
    assert outcome.err.startswith("note: five: last weights of all 2 seeds: mean validation")


def test_weights_are_those_of_a_run() -> None:
    for command in ("explain", "gradcheck"):
        assert refusal(command, "--weights", "last") == "--weights: works only with --run"


def test_train_prints_the_default_below_the_best_epoch(split_run: str) -> None:
    place = RunFolder(Path(split_run))

    lines = as_blocks(TrainResult.of(place, place.load_record()))

    assert lines[1:3] == [
        "validation accuracy: 93.33% (epoch 1 of 3)",
        f"default: {NOTE.removeprefix('note: run: ')}",
    ]


def test_train_tells_the_temperature_of_the_default_weights(split_run: str) -> None:
    place = RunFolder(Path(split_run))
    first, *_, last = place.load_metrics()

    found = json.loads(as_json(TrainResult.of(place, place.load_record())))

    assert found["temperature"] == last.temperature != first.temperature
