import json
from pathlib import Path

from mlpcli.config.load import load_config
from tests.cli.outcome import call, documented, facts, output


def test_the_shipped_configs_are_listed_as_json() -> None:
    found = facts(call("config", "list", "--json"))

    _, *lines = output(call("config", "list")).splitlines()
    assert [each["name"] for each in found["configs"]] == [line.split()[0] for line in lines]
    assert documented(found)


def test_every_setting_is_shown_as_json() -> None:
    found = facts(call("config", "show", "mnist", "--json"))

    assert (found["schema"], found["config"]) == (1, "mnist")
    assert found["settings"] == load_config("mnist").model_dump(mode="json")


def test_each_mistake_of_a_config_has_its_place_in_json() -> None:
    Path("own.yaml").write_text("train:\n  epochs: 0\noptimizer:\n  learning_rate: 1\n")

    status, out, err = call("config", "check", "own.yaml", "--json")

    found = json.loads(out)
    assert (status, found["ok"]) == (2, False)
    assert [(e["line"], e["column"]) for e in found["errors"]] == [(4, 3), (2, 3)]
    told = [f"error: own.yaml:{e['line']}:{e['column']}: {e['text']}" for e in found["errors"]]
    assert err.splitlines() == told
    assert documented(found)


def test_a_valid_config_and_none_at_all_have_the_same_keys() -> None:
    found = facts(call("config", "check", "mnist", "--json"))
    status, out, _ = call("config", "check", "mnits", "--json")

    assert found == {"schema": 1, "config": "mnist", "ok": True, "errors": []}
    (error,) = json.loads(out)["errors"]
    assert status == 2
    assert (error["line"], error["column"]) == (None, None)
    assert error["text"].startswith("unknown config 'mnits'")
