import json
import os
import platform
from pathlib import Path

import pytest

from mlpcli.errors import CheckpointError
from mlpcli.runs.environment import environment
from mlpcli.runs.folder import METRICS, RunFolder
from tests.cli.outcome import call, documented, facts, piped, refusal


def test_a_run_is_told_to_be_identical(run: str) -> None:
    status, out, err = call("reproduce", run)

    assert status == 0
    head, weights = out.splitlines()
    assert head == "run: bit-identical, in 3 epochs and the final weights"
    assert weights.startswith("weights: SHA-256 ")
    assert [line[:9] for line in err.splitlines()] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert [path.name for path in Path().iterdir() if path.is_dir()] == ["run"]


def test_a_repetition_that_cannot_be_removed_is_told_and_removed_by_the_next(
    run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: RunFolder) -> None:
        raise CheckpointError("no")

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "remove", refuse)
        # as of a process that is gone, whose number no process has
        patch.setattr(os, "getpid", lambda: 2**22 + 1)
        status, _, err = call("reproduce", run, "--quiet")
    left = [path.name for path in Path().glob(".run.*")]

    assert status == 0
    assert len(left) == 1
    assert err.startswith("warning: ")
    assert err.endswith(f"{left[0]}: cannot be removed; the next `mlp reproduce run` removes it\n")
    call("reproduce", run, "--quiet")
    assert not list(Path().glob(".run.*"))


def test_json_is_one_object_as_the_contract_has_it(run: str) -> None:
    found = facts(call("reproduce", run, "--json", "--quiet"))

    comparison = {"loss_difference", "loss_tolerance", "accuracy_difference", "accuracy_tolerance"}
    about = {"schema", "run", "verdict", "epochs", "since", "weights_sha256", "environment"}
    assert found.keys() == about | comparison
    assert (found["run"], found["verdict"], found["epochs"]) == ("run", "identical", 3)
    assert (found["since"], found["environment"]) == (None, {})
    assert documented(found)


def test_another_result_is_a_failed_check_that_names_the_epoch(run: str) -> None:
    path = Path(run, METRICS)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["validation_loss"] += 1
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    status, out, err = call("reproduce", run, "--quiet")

    assert status == 1
    assert out.startswith("run: different; the bits differ from epoch 2 on\n")
    assert out.endswith("versions, BLAS, threads and processor are the same\n")
    assert err == "error: run: the repetition differs from epoch 2 on\n"


@pytest.mark.slow
def test_another_blas_explains_other_bits(small: list[str]) -> None:
    """OpenBLAS has kernels for several processors, and a variable that chooses among them."""
    known = environment(1)
    if platform.machine() != "x86_64" or not any("openblas" in each for each in known.blas):
        pytest.skip("needs OpenBLAS on x86-64")
    assert piped("train", *small, "--out", "run", OPENBLAS_CORETYPE="Nehalem").status == 0
    if RunFolder(Path("run")).load_record().environment.blas_architecture != ("Nehalem",):
        pytest.skip("this OpenBLAS has kernels for one processor alone")
    other = {"OPENBLAS_CORETYPE": "Sandybridge"}

    found = facts(piped("reproduce", "run", "--json", **other))
    text = piped("reproduce", "run", **other).out

    assert found["verdict"] == "close"
    changed = {"then": ["Nehalem"], "now": ["Sandybridge"]}
    assert found["environment"]["blas_architecture"] == changed
    assert text.startswith("run: within the tolerance; the bits differ from epoch ")
    assert "blas_architecture: Nehalem in the run, Sandybridge now\n" in text


@pytest.mark.slow
def test_the_threads_of_the_record_are_used(small: list[str]) -> None:
    assert piped("train", *small, "--out", "run", "--threads", "1").status == 0
    assert RunFolder(Path("run")).load_record().environment.threads == 1

    assert facts(piped("reproduce", "run", "--json", "--out", "again"))["environment"] == {}
    assert RunFolder(Path("again")).load_record().environment.threads == 1


def test_what_is_no_run_is_named() -> None:
    assert refusal("reproduce", "none") == "none: no such run; `mlp train` makes one"
    assert os.listdir() == []
