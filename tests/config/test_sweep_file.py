"""A sweep's file: its shape, and every mistake with its place."""

import json
from pathlib import Path

import pytest

from mlpcli.config.keys import Override
from mlpcli.config.shipped import shipped
from mlpcli.config.sweep_file import json_schema, load_sweep, restored, stored, word_sweep
from mlpcli.errors import ConfigError

SWEEPS = Path(__file__).parents[2] / "configs" / "sweeps"
WHOLE = """\
config: quickstart
method: random
run_cap: 10
metric: {name: validation_macro_f1, goal: maximize}
parameters:
  optimizer.lr: {distribution: log_uniform_values, min: 0.01, max: 1}
  network.hidden: {values: [[128, 64], 32]}
  train.epochs: {value: 3}
early_terminate: {type: halving, min_iter: 1, eta: 3}
"""


def mistakes(text: str, place: Path) -> list[str]:
    """The lines with which a file is refused, from the line's number on."""
    path = place / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_sweep(str(path))
    return [line.removeprefix(f"{path}:") for line in caught.value.args]


def test_a_file_in_the_shape_of_wandb_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(WHOLE, encoding="utf-8")

    sweep, base = load_sweep(str(path))

    assert sweep.metric == base.train.metric == "macro_f1"
    assert sweep.parameters["network.hidden"].choices == [[128, 64], 32]
    assert sweep.parameters["train.epochs"].choices == [3]
    assert sweep.early_terminate is not None


def test_every_mistake_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    text = """\
method: gird
parameters:
  optimizer.lr: {distribution: log_uniform_values, min: -0.01, max: 1}
  optimizer.lrr: {values: [1, 2]}
  network.hidden: {values: [[128, 64], [0], 12]}
  train.epochs: {vale: 3}
  train.batch_size: {values: [16, 32], min: 3}
early_terminate: {type: halving, eta: 1}
"""

    assert mistakes(text, tmp_path) == [
        "1:1: method must be 'grid' or 'random', got 'gird'",
        "3:3: optimizer.lr log_uniform_values needs a min above 0, got -0.01",
        "6:18: unknown key 'vale'; did you mean 'value'?",
        "7:3: train.batch_size needs value, values, or min and max: one of these",
        "8:34: eta must be greater than or equal to 2, got 1",
        "4:3: unknown key 'lrr' in optimizer; did you mean 'lr'?",
        "5:40: entry 1 of hidden must be an integer in [1, 65536], got 0",
    ]


def test_an_unknown_config_is_told_with_its_place_beside_the_other_mistakes(tmp_path: Path) -> None:
    text = "config: mnits\nparameters:\n  optimizer.lr: {values: [0.1, -1]}\n"
    hint = "did you mean 'mnist'? `mlp config list` shows what there is"

    assert mistakes(text, tmp_path) == [
        f"1:1: unknown config 'mnits'; {hint}",
        "3:32: lr must be a number in (0, 100], got -1",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("run_cap: 10\n", "", "run_cap: random needs it, the number of configs to draw"),
        (
            "method: random",
            "method: grid",
            "2:1: method: a grid needs values, but optimizer.lr has a range; use random",
        ),
        ("goal: maximize", "goal: minimize", "goal must be 'maximize', got 'minimize'"),
        ("min: 0.01", "min: 2", "6:3: optimizer.lr min must be below max, got 2 and 1"),
    ],
)
def test_a_sweep_that_cannot_be_drawn_is_refused(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    (line,) = mistakes(WHOLE.replace(old, new), tmp_path)

    assert line.endswith(message)


def test_words_are_a_grid() -> None:
    words = [Override("network.hidden", "[128,64],[32]", ""), Override("optimizer.lr", "0.1", "")]

    sweep, _ = word_sweep(None, words, seeds=2, single=[Override("network.dropout", "0.5", "")])

    found = {key: parameter.choices for key, parameter in sweep.parameters.items()}
    assert found == {
        "network.dropout": [0.5],
        "network.hidden": [[128, 64], [32]],
        "optimizer.lr": [0.1],
    }


def test_a_stored_definition_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    definition = load_sweep(str(path), seeds=4)

    again = restored(json.loads(json.dumps(stored(definition))))

    assert stored(again) == stored(definition)
    assert again.sweep.seeds == 4


def test_the_schema_describes_every_key_of_a_file() -> None:
    properties = json.loads(json_schema())["properties"]

    assert all(each.get("description") for each in properties.values())


@pytest.mark.parametrize("path", sorted(SWEEPS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_sweep_loads_and_opens_with_its_command(path: Path) -> None:
    command, schema, *_ = path.read_text(encoding="utf-8").splitlines()

    assert command == f"# mlp sweep configs/sweeps/{path.name}"
    assert schema == "# yaml-language-server: $schema=../sweep.schema.json"
    assert load_sweep(str(path)).sweep.config in shipped()
