import json
from pathlib import Path

import pytest

from mlpcli.checks import mutants, selftest
from mlpcli.checks.mutants import MUTANTS
from mlpcli.nn import mlp
from tests.cli.outcome import call, facts, output, refusal

SMALL = ("--set", "network.hidden=[16,8]", "--set", "data.name=synth")


@pytest.mark.slow
def test_every_parameter_of_the_full_network_is_checked() -> None:
    found = facts(call("gradcheck", "--json"))

    assert found["ok"] is True
    assert found["checked"] == found["parameters"] == 658_698
    assert found["max_rel_error"] < 1e-9
    assert [t["name"] for t in found["tensors"]] == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert found["tensors"][0]["informative"] > 5000
    points = ["initial parameters", "after 25 steps of training"]
    assert [p["point"] for p in found["points"]] == points


def test_the_table_and_the_rule_are_printed() -> None:
    out = output(call("gradcheck", *SMALL))

    assert "rule: error = |derived - numeric|" in out
    assert "PASS" in out.splitlines()[-1]
    assert out.splitlines()[-1].endswith("16,626 of 16,626 parameters checked")


@pytest.mark.slow
def test_the_loss_of_every_regularizer_is_the_loss_that_is_checked() -> None:
    dropout = ("--set", "network.dropout=0.5", "--set", "network.input_dropout=0.2")
    more = ("--set", "optimizer.weight_decay=0.01", "--set", "train.label_smoothing=0.1")

    found = facts(call("gradcheck", *SMALL, *dropout, *more, "--json"))

    assert found["ok"] is True
    assert found["checked"] == found["parameters"] == 16_626


@pytest.mark.slow
def test_a_quick_check_says_what_it_did() -> None:
    status, out, _ = call("gradcheck", "--quick", *SMALL)

    assert status == 0
    assert out.splitlines()[-1].endswith("complex step alone")


def test_a_run_can_be_checked(run: Path) -> None:
    found = facts(call("gradcheck", "--run", str(run), "--json"))

    assert found["ok"] is True
    assert [p["point"] for p in found["points"]] == [str(run)]


def test_a_run_brings_its_own_settings() -> None:
    told = refusal("gradcheck", "--run", "run", "--set", "seed=1")

    assert told == "--run: a run has its own settings; leave out the config and settings"


@pytest.mark.slow
def test_a_wrong_derivation_is_named_and_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = next(m for m in MUTANTS if m.kind == "missing-mask")
    monkeypatch.setattr(mlp, "backward", mutants.mutate(mutant))

    status, out, err = call("gradcheck", *SMALL)

    assert status == 1
    assert "wrong in the derivation: grad_z2: the derivative of h2 with respect to z2 is" in out
    assert err.startswith("error: FAIL")


@pytest.mark.slow
def test_the_old_option_for_the_workbook_names_the_new_command() -> None:
    now = call("workbook", "--verify", "--json")

    status, out, err = call("gradcheck", "--workbook", "--json")

    assert (status, out) == (0, now.out)
    assert err == (
        "note: mlp gradcheck --workbook is now mlp workbook --verify; "
        "the old option will be removed\n"
    )
    assert "--workbook" not in call("gradcheck", "--help").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--quick --self-test", "--self-test: cannot be combined with --quick"),
        ("--sweep --self-test", "--self-test: cannot be combined with --sweep"),
        ("--timeout 3", "--timeout: is an option of `mlp grade`"),
        (
            "--backward w.py --set seed=1 --run r",
            "--backward: cannot be combined with --set and --run",
        ),
    ],
)
def test_modes_that_exclude_each_other_are_refused(words: str, told: str) -> None:
    assert refusal("gradcheck", *words.split()) == told


@pytest.mark.slow
def test_the_self_test_reports_its_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "NETWORKS", 10)
    found = facts(call("gradcheck", "--self-test", "--json"))

    assert found["killed"] == found["diagnosed"] == found["faults"] == len(MUTANTS)
    assert (found["networks"], found["false_alarms"]) == (10, [])


def test_a_mutant_that_survives_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "NETWORKS", 1)
    harmless = MUTANTS[0]._replace(old="h[-1] - y", new="-y + h[-1]")
    monkeypatch.setattr(mutants, "MUTANTS", (harmless,))

    status, out, _ = call("gradcheck", "--self-test", "--json")

    assert status == 1
    assert json.loads(out)["killed"] == 0
