import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpcli.config.load import MAX_CONFIG_SIZE, MAX_ERRORS, dump_config, json_schema, load_config
from mlpcli.config.optimizer import Adam
from mlpcli.config.schedule import Cosine, OneCycle
from mlpcli.config.schema import Config
from mlpcli.config.shipped import shipped
from mlpcli.errors import ConfigError

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Puts text into x.yaml of a new working folder."""
    monkeypatch.chdir(tmp_path)

    def put(text: str) -> str:
        Path("x.yaml").write_text(text, encoding="utf-8")
        return "x.yaml"

    return put


def complaint(source: str | None, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(source, overrides)
    return str(caught.value).splitlines()


def test_no_source_gives_the_defaults() -> None:
    assert load_config(None) == Config()


def test_every_shipped_config_loads_and_opens_with_its_command() -> None:
    for name, file in shipped().items():
        lines = file.read_text(encoding="utf-8").splitlines()

        assert isinstance(load_config(name), Config)
        assert lines[0] == f"# mlp train {name}"
        assert lines[1] == "# yaml-language-server: $schema=./config.schema.json"


def test_a_dumped_config_loads_to_itself(write: Write) -> None:
    original = load_config(None, ["optimizer.name=adam", "network.hidden=[3, 4]", "seed=7"])

    assert load_config(write(dump_config(original))) == original


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "0.001", ".001", "1.0e-03"])
def test_every_way_to_write_a_number_is_a_number(text: str, write: Write) -> None:
    assert load_config(write(f"optimizer: {{lr: {text}}}")).optimizer.lr == 0.001


@pytest.mark.parametrize("text", ["no", "off", "yes", "on"])
def test_words_that_yaml_1_1_took_for_booleans_are_text(text: str, write: Write) -> None:
    assert load_config(write(f"data: {{name: {text}}}")).data.name == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trian:\n  epochs: 3", "1:1: unknown key 'trian'; did you mean 'train'?"),
        (
            "optimizer:\n  learning_rate: 1",
            "2:3: unknown key 'learning_rate' in optimizer; did you mean 'lr'?",
        ),
        ("train:\n  batch_size: 0", "2:3: batch_size must be an integer in [1, 60000], got 0"),
        ("train: {epochs: True}", "1:9: epochs must be an integer in [1, 100000], got True"),
        ("train: {epochs: '3'}", "1:9: epochs must be an integer in [1, 100000], got '3'"),
        (
            "network: {hidden: [5, 0]}",
            "1:23: entry 2 of hidden must be an integer in [1, 65536], got 0",
        ),
        ("optimizer: {lr: .nan}", "1:13: lr must be a number in (0, 100], got nan"),
        (
            "optimizer: {name: Adm}",
            "1:13: name must be one of 'sgd', 'adam', 'adamw', got 'Adm'; did you mean 'adam'?",
        ),
        (
            "optimizer: {name: adam, momentum: 0.9}",
            "1:25: unknown key 'momentum' in optimizer; expected one of name, lr, beta1, beta2, "
            "eps, weight_decay",
        ),
        ("optimizer: {name: adamw, beta1: 1}", "1:26: beta1 must be a number in [0, 1), got 1"),
        ("optimizer: {nesterov: 1}", "1:13: nesterov must be true or false, got 1"),
        (
            "schedule:\n  name: linear",
            "2:3: name must be one of 'constant', 'step', 'cosine', 'one_cycle', got 'linear'",
        ),
        ("schedule: {warmup: 1}", "1:12: warmup must be a number in [0, 1), got 1"),
        (
            "schedule: {name: one_cycle, warmup: 0.6}",
            "1:29: warmup must be a number in (0, 0.5], got 0.6",
        ),
        (
            "schedule: {name: step, at: [0.5, 2]}",
            "1:34: entry 2 of at must be a number in (0, 1), got 2",
        ),
        (
            "schedule: {at: [0.5]}",
            "1:12: unknown key 'at' in schedule; expected one of name, warmup",
        ),
        ("schedule: cosine", "1:1: schedule must be a section of settings, got 'cosine'"),
        ("network: {dropout: 1}", "1:11: dropout must be a number in [0, 1), got 1"),
        ("network: {max_norm: 0}", "1:11: max_norm must be a number in (0, 1000] or null, got 0"),
        (
            "network: {init: he_normal}",
            "1:11: init must be one of 'he', 'glorot', 'lecun', got 'he_normal'",
        ),
        ("train: {ema: 1}", "1:9: ema must be a number in (0, 1) or null, got 1"),
        ("data: 3", "1:1: data must be a section of settings, got 3"),
        (
            "train:\n  patience: soon",
            "2:3: patience must be an integer in [1, 100000] or null, got 'soon'",
        ),
        ("- 1", "1:1: expected settings as `key: value`"),
        ("a: [1", "1:6: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: &x [1]\nb: *x", "1:4: aliases are not supported; write the value out"),
        (
            "seed: !!python/object/apply:os.system ['true']",  # would build an object
            "1:7: expected text, a number, a list or a section, got "
            "'python/object/apply:os.system'; is it text that needs quotes?",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_where_and_what(
    text: str, expected: str, write: Write
) -> None:
    assert complaint(write(text)) == [f"x.yaml:{expected}"]


NO_SETTING = {  # by message: what YAML allows, or nearly, and a config does not
    r"x\.yaml:1:7: expected text, a number, a list or a section, got ": (
        ["seed: 2020-01-01", "seed: !!set {1, 2}", "seed: !!binary aGk=", "seed: !own 3", "seed: ="]
    ),
    r"x\.yaml: not valid YAML: ": (
        ["seed: !!bool x", "seed: !!int ''", "seed: !!int abc", "seed: !!float ."]
    ),
    r"x\.yaml:1:\d: expected a name; a number or null needs quotes$": (
        ["1: 2", "null: 3", "? [a]\n: 1", "data: {1: 2}"]
    ),
    r"x\.yaml:2:1: not valid YAML: found duplicate key \"seed\"$": ["seed: 1\nseed: 2"],
    r"x\.yaml:\d:\d+: merge keys \(<<\) are not supported; write the settings out$": (
        ["<<: {seed: 1}", "data: &b {name: mnist}\ntrain:\n  <<: *b"]
    ),
    r"x\.yaml:1:\d+: variables are not supported, got '.*\$\{DIR\}.*'; write the value out": (
        ["data: {name: '${DIR}'}", "data: {name: 'a/${DIR}/b'}", "network: {hidden: [1, '${DIR}']}"]
    ),
}


@pytest.mark.parametrize("message", NO_SETTING)
def test_what_yaml_has_and_a_config_has_not_is_refused(message: str, write: Write) -> None:
    for text in NO_SETTING[message]:
        (line,) = complaint(write(text))
        assert re.match(message, line), text[:20]


def test_all_mistakes_are_reported_at_once(write: Write) -> None:
    lines = complaint(write("seed: -1\ndata: {nam: x}\ntrain: {epochs: 0}"), "optimizer.lr=fast")

    assert len(lines) == 4
    assert "--set optimizer.lr=fast: lr must be a number in (0, 100], got 'fast'" in lines


def test_of_thousands_of_mistakes_the_first_are_reported(write: Write) -> None:
    lines = complaint(write("\n".join(f"k{i}: 1" for i in range(2000))))

    assert len(lines) == MAX_ERRORS + 1
    assert lines[-1] == "settings: and 1950 more"


def test_an_override_wins_over_the_file_and_reads_yaml(write: Write) -> None:
    settings = load_config(
        write("optimizer: {name: adam, lr: 1e-2}"), ["optimizer.lr=2e-2", "network.hidden=[8]"]
    )

    assert settings.optimizer == Adam(lr=0.02)
    assert settings.network.hidden == (8,)


@pytest.mark.parametrize("override", ["lr", "=3", "x="])
def test_an_override_without_key_or_section_is_refused(override: str) -> None:
    assert complaint(None, override)[0].startswith(f"--set {override}: ")


def test_an_override_inside_of_what_is_no_section_is_refused(write: Write) -> None:
    assert complaint(write("seed: 1\nnetwork: 5"), "network.hidden=[8]") == [
        "x.yaml:2:1: network must be a section of settings, got 5"
    ]
    assert complaint(None, "seed=1", "seed.x=2") == [
        "--set seed=1: seed must be a section of settings, got 1"
    ]


SAME = {  # texts for one value
    "network.hidden": ["[64, 32]", "64,32", "(64,32)", "64, 32"],
    "network.activation": ["tanh", "Tanh", "TANH"],
    "optimizer.name": ["adam", "Adam", "ADAM"],
    "schedule.name": ["one_cycle", "One_Cycle"],
    "data.shape": ["[28, 20]", "28,20"],
    "train.class_weight": ["[1, 0.5]", "1,0.5"],
    "data.background": ["light", "Light"],
}


@pytest.mark.parametrize("key", SAME)
def test_a_value_is_read_as_people_type_it(key: str, write: Write) -> None:
    first, *others = SAME[key]
    section, name = key.split(".")
    files = [f"{section}:\n  {name}: {text}" for text in SAME[key]]

    assert {load_config(None, [f"{key}={text}"]) for text in others} == {
        load_config(None, [f"{key}={first}"])
    }
    assert {load_config(write(file)) for file in files} == {load_config(None, [f"{key}={first}"])}


def test_one_number_is_a_list_of_one() -> None:
    assert load_config(None, ["network.hidden=256"]).network.hidden == (256,)
    assert complaint(None, "network.hidden=64-32") == [
        "--set network.hidden=64-32: hidden must be a list, got '64-32'; an example is 256,128"
    ]


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("lr=0.1", "unknown key 'lr'; did you mean 'optimizer.lr'?"),
        ("epochs=3", "unknown key 'epochs'; did you mean 'train.epochs'?"),
        ("learning_rate=3", "unknown key 'learning_rate'; did you mean 'optimizer.lr'?"),
        ("random_state=3", "unknown key 'random_state'; did you mean 'seed'?"),
        ("train.lr=3", "unknown key 'lr' in train; did you mean 'optimizer.lr'?"),
        ("network.hidden_layer_sizes=3", "... in network; did you mean 'hidden'?"),
        ("train.batch=3", "unknown key 'batch' in train; did you mean 'batch_size'?"),
        ("optimizer.nmae=adam", "unknown key 'nmae' in optimizer; did you mean 'name'?"),
    ],
)
def test_a_key_of_another_place_or_program_is_answered_with_ours(override: str, hint: str) -> None:
    (line,) = complaint(None, override)

    assert line.endswith(hint.removeprefix("...")), line


def test_the_kind_of_a_section_may_come_after_its_settings() -> None:
    first = load_config("mnist", ["optimizer.lr=1e-3", "optimizer.name=adam"])

    assert first == load_config("mnist", ["optimizer.name=adam", "optimizer.lr=1e-3"])
    assert first.optimizer == Adam(lr=1e-3)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_file_that_windows_wrote_is_read(encoding: str, write: Write, tmp_path: Path) -> None:
    write("")
    mark = "\ufeff" if encoding.endswith("e") else ""
    (tmp_path / "x.yaml").write_bytes(f"{mark}seed: 3\r\n".encode(encoding))

    assert load_config("x.yaml").seed == 3


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    assert complaint("quickstar") == [
        "unknown config 'quickstar'; did you mean 'quickstart'? `mlp config list` shows what "
        "there is"
    ]


def test_a_missing_binary_or_huge_file_is_refused(write: Write, tmp_path: Path) -> None:
    assert complaint("none.yaml") == [
        "none.yaml: cannot read the config: No such file or directory"
    ]
    write("")
    (tmp_path / "x.yaml").write_bytes(b"\x1f\x8b\xff")
    assert "not UTF-8 text at byte 1" in complaint("x.yaml")[0]
    write("# " + "x" * MAX_CONFIG_SIZE)
    assert "is it a config?" in complaint("x.yaml")[0]


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "? " * 5000])
def test_deep_nesting_is_refused(write: Write, text: str) -> None:
    assert complaint(write(text))[0].startswith("x.yaml: nested too deeply")


def test_rulers_of_dashes_in_comments_are_no_nesting(write: Write) -> None:
    ruler = "# " + "-" * 98 + "\n"

    assert load_config(write(30 * ruler + "seed: 3\n")).seed == 3


def test_the_shipped_schema_is_the_models() -> None:
    """When this fails, run `make docs`."""
    shipped = Path(__file__).parents[2] / "configs" / "config.schema.json"

    assert shipped.read_text(encoding="utf-8") == json_schema()


def test_another_schedule_or_optimizer_begins_with_its_own_defaults(write: Write) -> None:
    warm = write("schedule: {warmup: 0.9}")
    adam = load_config("mnist", ["optimizer.name=adam", "optimizer.lr=1e-3"]).optimizer

    assert load_config(warm, ["schedule.name=one_cycle"]).schedule == OneCycle()
    assert load_config(warm, ["schedule.name=Cosine"]).schedule == Cosine(warmup=0.9)
    assert adam == Adam(lr=1e-3)
    assert load_config("mnist", ["optimizer.name=sgd"]) == load_config("mnist")


@pytest.mark.parametrize(
    "text", ["-3", "balance", "[1, -2]", "['1', 2]", "{cat: -1}", "{cat: many}", "[1, [2]]"]
)
def test_class_weights_are_a_word_a_list_or_a_map(text: str, write: Write) -> None:
    (line,) = complaint(write(f"train: {{class_weight: {text}}}"))

    expected = "class_weight must be one of 'none', 'balanced' or a list or a map to a number in"
    assert line.startswith(f"x.yaml:1:9: {expected}")


@pytest.mark.parametrize("value", ["none", "balanced", [1, 0.5], {"cat": 2.0}])
def test_class_weights_are_written_and_read_back(value: Any, write: Write) -> None:
    config = load_config(None, [f"train.class_weight={json.dumps(value)}"])

    assert load_config(write(dump_config(config))) == config
    assert load_config(None, ["train.class_weight.cat=2"]).train.class_weight == {"cat": 2.0}
