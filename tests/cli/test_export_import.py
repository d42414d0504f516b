import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mlpcli.api import onnx_graph
from tests.cli.outcome import call, documented, facts, kinds, output, refusal

NET = {"fc1.weight": (9, 784), "fc1.bias": (9,), "fc2.weight": (3, 9), "fc2.bias": (3,)}


@pytest.fixture
def net() -> str:
    """A PyTorch-like state_dict for the three classes of `dots`."""
    rng = np.random.default_rng(3)
    save_file({k: rng.standard_normal(size, np.float32) for k, size in NET.items()}, "net.st")
    return "net.st"


@pytest.fixture
def imported(net: str, dots: str) -> str:
    """The run that `net` becomes."""
    output(call("import", net, "--out", "torch", "--set", f"data.name={dots}"))
    return "torch"


def test_export_is_onnx_named_after_the_run_unless_told(run: str) -> None:
    pytest.importorskip("onnxruntime")

    lines = output(call("export", run)).splitlines()

    assert lines[0].startswith("file: run.onnx (")
    assert lines[1:3] == ["network: run (last weights)", "opset: 13"]
    assert lines[3].startswith("largest difference in onnxruntime: ")
    assert Path("run.onnx").is_file()


def test_export_json_is_one_object_as_the_contract_has_it(run: str, dots: str) -> None:
    pytest.importorskip("onnxruntime")

    found = facts(call("export", run, "--weights", "last", "--json"))
    plain = facts(call("export", run, "--format", "npz", "--out", "x.npz", "--json"))

    assert kinds(found) == {
        "int": {"schema", "bytes"},
        "str": {"run", "weights", "file", "format"},
        "dict": {"trial"},
        "NoneType": {"selection"},
    }
    assert (found["format"], found["weights"], found["file"]) == ("onnx", "last", "run.onnx")
    assert (found["trial"]["images"], found["trial"]["data"]) == (90, dots)
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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("none", "none: no such run"),
        ("run --format pt", "invalid value for '--format'"),
        ("run --weights last --format npz", "run/last.safetensors: not a readable"),
        (
            "run --weights best --format npz --out no/x.npz",
            "no/x.npz: cannot write: no is not a folder",
        ),
        (
            "run --weights best --format npz --out run/run.json",
            "run/run.json: is a file of the run",
        ),
        ("run --out x.npz", "x.npz: has the ending of another format than onnx; add --format npz"),
    ],
)
def test_what_cannot_be_exported_is_one_line(run: str, words: str, told: str) -> None:
    Path(run, "last.safetensors").write_bytes(b"\0" * 20)

    assert refusal("export", *words.split()).startswith(told)


def test_the_folder_of_several_seeds_leads_to_the_run_of_one(run: str) -> None:
    Path("five").mkdir()
    Path(run).rename("five/seed-0")

    told = refusal("export", "five", "--format", "npz")

    assert told.endswith("no such file; name one of its runs, such as five/seed-0")


def test_import_makes_a_run_for_the_other_commands(net: str, dots: str) -> None:
    out = output(call("import", net, "--out", "torch", "--set", f"data.name={dots}"))

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


def test_an_imported_run_is_not_trained_on(imported: str) -> None:
    before = Path(imported, "best.safetensors").read_bytes()

    assert refusal("train", "--resume", imported) == (
        "torch/last.safetensors: holds only weights, no optimizer state; train anew"
    )
    assert Path(imported, "best.safetensors").read_bytes() == before


@pytest.mark.parametrize(("command", "verb"), [("report", "report"), ("reproduce", "repeat")])
def test_an_imported_run_has_no_training_to_report_or_repeat(
    imported: str, command: str, verb: str
) -> None:
    assert refusal(command, imported) == (
        f"torch: was imported, so there is no training to {verb}; `mlp eval torch` "
        "evaluates its weights"
    )


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_imported_run_has_no_such_split_whether_its_data_is_there(
    imported: str, dots: str, split: str
) -> None:
    Path(dots).unlink()

    assert refusal("eval", imported, "--split", split) == (
        "torch: was imported, so which images it was trained on is not known; evaluate on "
        "--split test"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("none.st --set data.name=dots.npz", "none.st: no such file"),
        ("net.pt --set data.name=dots.npz", "net.pt: not a safetensors file"),
        ("net.st", "net.st: has 3 outputs, but synth has 10 classes"),
        ("net.st --set data.name=nope", "data set 'nope': neither a name nor a path"),
        ("net.st --config nope", "unknown config 'nope'"),
        ("net.st --set data.name=dots.npz --std 0", "invalid value for '--std'"),
    ],
)
@pytest.mark.usefixtures("net", "dots")
def test_what_cannot_be_imported_is_one_line_and_leaves_no_folder(words: str, told: str) -> None:
    Path("net.pt").write_bytes(b"PK\x03\x04")

    assert refusal("import", *words.split(), "--out", "torch").startswith(told)
    assert not Path("torch").exists()
