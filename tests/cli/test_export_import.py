import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mlpcli.api import onnx_graph
from tests.cli.outcome import call, facts
from tests.cli.test_commands import documented, kinds


@pytest.fixture
def net() -> str:
    """A PyTorch-like state_dict for the three classes of `dots`."""
    rng = np.random.default_rng(3)
    sizes = {"fc1.weight": (9, 784), "fc1.bias": (9,), "fc2.weight": (3, 9), "fc2.bias": (3,)}
    save_file({k: rng.standard_normal(size, np.float32) for k, size in sizes.items()}, "net.st")
    return "net.st"


def test_export_is_onnx_named_after_the_run_unless_told(run: str) -> None:
    pytest.importorskip("onnxruntime")

    status, out, err = call("export", run)

    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("file: run.onnx (")
    assert lines[1:3] == ["network: run (best weights)", "opset: 13"]
    assert lines[3].startswith("largest difference in onnxruntime: ")
    assert Path("run.onnx").is_file()


def test_export_json_is_one_object_as_the_contract_has_it(run: str, dots: str) -> None:
    pytest.importorskip("onnxruntime")

    found = facts(call("export", run, "--weights", "last", "--json"))
    plain = facts(call("export", run, "--format", "npz", "--out", "x.npz", "--json"))

    assert kinds(found) == {
        "schema": "int",
        "run": "str",
        "weights": "str",
        "file": "str",
        "format": "str",
        "bytes": "int",
        "trial": "dict",
    }
    assert (found["format"], found["weights"], found["file"]) == ("onnx", "last", "run.onnx")
    assert found["trial"]["images"] == 90
    assert found["trial"]["data"] == dots
    assert plain["trial"] is None
    assert plain["bytes"] == Path("x.npz").stat().st_size
    assert documented(found)


def test_a_graph_that_differs_fails_the_check(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(onnx_graph.OPERATORS, "relu", onnx_graph.Operator("Sigmoid", {}))

    status, out, err = call("export", run)

    assert (status, out) == (1, "")
    assert err.startswith("error: --format onnx: onnxruntime must give the same probabilities")
    assert not Path("run.onnx").exists()


def test_what_cannot_be_exported_is_one_line(run: str) -> None:
    Path(run, "last.safetensors").write_bytes(b"\0" * 20)
    for args, told in (
        (("none",), "none: no such run folder"),
        ((run, "--format", "pt"), "invalid value for '--format'"),
        ((run, "--weights", "last", "--format", "npz"), "run/last.safetensors: not a readable"),
        ((run, "--format", "npz", "--out", "no/x.npz"), "no/x.npz: cannot write: No such file"),
        ((run, "--format", "npz", "--out", "run/run.json"), "run/run.json: is a file of the run"),
        (
            (run, "--out", "x.npz"),
            "x.npz: has the ending of another format than onnx; add --format npz",
        ),
    ):
        status, out, err = call("export", *args)

        assert (status, out) == (2, ""), args
        assert err.startswith(f"error: {told}"), args
        assert err.count("\n") == 1, args


def test_the_folder_of_several_seeds_leads_to_the_run_of_one(run: str) -> None:
    Path("five").mkdir()
    Path(run).rename("five/seed-0")

    status, _, err = call("export", "five", "--format", "npz")

    assert status == 2
    assert err.endswith("no such file; name the run of one seed, such as five/seed-0\n")


def test_import_makes_a_run_for_the_other_commands(net: str, dots: str) -> None:
    status, out, err = call("import", net, "--out", "torch", "--set", f"data.name={dots}")

    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "run: torch",
        "weights: (outputs, inputs) in the file, as in PyTorch; transposed",
        "inputs: 784, 28x28 pixels, centered in 32x32",
        "W1 (1024, 9): fc1.weight (9, 784)",
        "W2 (9, 3): fc2.weight (3, 9)",
        "activation: relu",
        "parameters: 9,255",
    ]
    assert facts(call("eval", "torch", "--json"))["n"] == 90
    assert call("predict", "torch", dots).status == 0
    assert call("export", "torch", "--format", "safetensors").status == 0
    assert call("runs", "show", "torch").out.startswith("run: torch\nstatus: imported\n")
    assert load_file("torch.safetensors")["W2"].shape == (9, 3)


def test_import_json_is_one_object_as_the_contract_has_it(net: str, dots: str) -> None:
    found = facts(call("import", net, "--out", "torch", "--set", f"data.name={dots}", "--json"))

    assert found == {
        "schema": 1,
        "run": "torch",
        "file": "net.st",
        "transposed": True,
        "inputs": 784,
        "layers": [
            {"name": "W1", "shape": [1024, 9], "from": "fc1.weight", "shape_in_file": [9, 784]},
            {"name": "W2", "shape": [9, 3], "from": "fc2.weight", "shape_in_file": [3, 9]},
        ],
        "activation": "relu",
        "parameters": 9255,
    }
    assert documented(found)
    record = json.loads(Path("torch", "run.json").read_text())
    assert documented({key: record[key] for key in ("status", "imported")})


def test_an_imported_run_is_not_trained_on(net: str, dots: str) -> None:
    call("import", net, "--out", "torch", "--set", f"data.name={dots}")
    before = Path("torch", "best.safetensors").read_bytes()

    status, out, err = call("train", "--resume", "torch")

    assert (status, out) == (2, "")
    assert err == (
        "error: torch/last.safetensors: holds only weights, no optimizer state; train anew\n"
    )
    assert Path("torch", "best.safetensors").read_bytes() == before


def test_an_imported_run_has_no_training_to_report_or_repeat(net: str, dots: str) -> None:
    call("import", net, "--out", "torch", "--set", f"data.name={dots}")
    for command, verb in (("report", "report"), ("reproduce", "repeat")):
        status, out, err = call(command, "torch")

        assert (status, out) == (2, "")
        assert err == (
            f"error: torch: was imported, so there is no training to {verb}; `mlp eval torch` "
            "evaluates its weights\n"
        )


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_imported_run_has_no_such_split_whether_its_data_is_there(
    net: str, dots: str, split: str
) -> None:
    call("import", net, "--out", "torch", "--set", f"data.name={dots}")
    Path(dots).unlink()

    status, out, err = call("eval", "torch", "--split", split)

    assert (status, out) == (2, "")
    assert err == (
        "error: torch: was imported, so which images it was trained on is not known; evaluate on "
        "--split test\n"
    )


def test_what_cannot_be_imported_is_one_line_and_leaves_no_folder(net: str, dots: str) -> None:
    Path("net.pt").write_bytes(b"PK\x03\x04")
    mine = ("--set", f"data.name={dots}")
    for args, told in (
        (("none.st", *mine), "none.st: no such file"),
        (("net.pt", *mine), "net.pt: not a safetensors file"),
        ((net,), "net.st: has 3 outputs, but synth has 10 classes"),
        ((net, "--set", "data.name=nope"), "data set 'nope': neither a name nor a path"),
        ((net, "--config", "nope"), "unknown config 'nope'"),
        ((net, *mine, "--std", "0"), "invalid value for '--std'"),
    ):
        status, out, err = call("import", *args, "--out", "torch")

        assert (status, out) == (2, ""), args
        assert err.startswith(f"error: {told}"), args
        assert err.count("\n") == 1, args
        assert not Path("torch").exists()
