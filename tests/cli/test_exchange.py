from pathlib import Path

import pytest

from mlpcli.runs import graph
from tests.cli.outcome import call, facts
from tests.cli.test_commands import documented, kinds


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
    monkeypatch.setitem(graph.ACTIVATIONS, "relu", ("Sigmoid", {}))

    status, out, err = call("export", run)

    assert (status, out) == (1, "")
    assert err.startswith("error: --format onnx: onnxruntime must give our probabilities to 1e-05")
    assert not Path("run.onnx").exists()


def test_what_cannot_be_exported_is_one_line(run: str) -> None:
    Path(run, "last.safetensors").write_bytes(b"\0" * 20)
    for args, told in (
        (("none",), "none: no such run folder"),
        ((run, "--format", "pt"), "Invalid value for '--format'"),
        ((run, "--weights", "last", "--format", "npz"), "run/last.safetensors: not a readable"),
        ((run, "--format", "npz", "--out", "no/x.npz"), "no/x.npz: cannot write: No such file"),
        ((run, "--format", "npz", "--out", "run/run.json"), "run/run.json: is a file of the run"),
    ):
        status, out, err = call("export", *args)

        assert (status, out) == (2, ""), args
        assert err.startswith(f"error: {told}"), args
        assert err.count("\n") == 1, args
