"""Imports point one way: the arrows below, and no other."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from tests.source import FILES, PACKAGE, calls, imports, loaded, place

BELOW_API = {"runs", "training", "config", "data", "checks", "nn"}
ALLOWED = {  # what is not listed imports none of them
    "config": {"data", "nn"},
    "training": {"config", "data", "nn"},
    "runs": {"training", "config", "data", "nn"},
    "checks": {"nn"},
    "api": BELOW_API,
    "show": {"api", *BELOW_API},
    "cli": {"show", "api", "config"},
    "signals": {"errors"},
    "atomic": {"errors", "lock"},
    "files": {"atomic", "errors"},
    "python": {"show", "api", *BELOW_API},  # what Python users call, as `cli` is what a shell calls
    "workbook": {"api", "checks"},
    "__init__": {
        "python",
        "workbook",
        "api",
        "errors",
        "version",
        *BELOW_API,
    },  # the names that they import
    "crash": {"annotation", "terminal", "version"},
    "__main__": {"cli", "crash", "signals"},
}
SHARED = {
    "annotation",
    "errors",
    "terminal",
    "crash",
    "signals",
    "lock",
    "atomic",
    "files",
    "version",
}
USES_SHARED = {"data", "config", "training", "runs", "api", "show", "cli", "python"}
EXCEPTIONS = {"cli/completion.py": {"mlpcli.data.registry"}}  # a shell waits for the answer
ONLY_IN = {
    "typer": {"cli"},
    "rich": {"cli", "show"},
    "tqdm": {"data/fetch.py", "data/download.py"},
    "pooch": {"data/fetch.py"},
    "platformdirs": {"api/workbook_progress.py", "data/cache.py"},
    "requests": {"data/download.py"},
    "urllib3": {"data/download.py"},
    "ruamel": {"config/yaml_source.py"},
    "pydantic": {
        "api/grade_results.py",
        "api/workbook_progress.py",
        "training/progress.py",
        "config/load.py",
        "config/optimizer.py",
        "config/schedule.py",
        "config/schema.py",
        "config/section.py",
        "config/sweep_file.py",
        "runs/checkpoint.py",
        "runs/environment.py",
        "runs/folder.py",
        "runs/record.py",
    },
    "pydantic_core": {"config/load.py", "config/sweep_file.py"},
    "filelock": {"lock.py"},
    "threadpoolctl": {"runs/environment.py", "training/threads.py"},
    "safetensors": {"api/export.py", "runs/checkpoint.py"},
    "nbformat": {"api/workbook_notebook.py"},
    "distributed": {"api/sweep_cluster.py"},
    "lark": {"checks/questions/grammar.py"},
    "onnx": {"api/onnx_graph.py"},
    "onnxruntime": {"api/onnx_graph.py"},
    "tensorboardX": {"runs/tensorboard.py"},
    "matplotlib": {"show/figure.py", "show/plots.py", "show/svg.py", "show/sweep_plot.py"},
    "IPython": {"show/notebook.py"},
    "jinja2": {"show/html.py"},
    "markupsafe": {"show/explain_page.py", "show/playground.py", "show/report.py"},
    "junitparser": {"show/junit.py"},
    "pyarrow": {"data/formats/parquet.py"},
    "h5py": {"data/formats/hdf5.py"},
    "PIL": {"data/pictures.py", "show/pixels.py"},
    # not in cli, where a command holds no logic
    "numpy": {"nn", "data", "training", "runs", "checks", "api", "show", "python"},
}
WRITERS = {"open", "mkdir", "touch", "unlink", "rename", "rmdir", "save", "savez", "tofile"}


def layer(path: Path) -> str:
    """The folder of a module, or its own name if it lies beside the folders."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imported_modules(path: Path) -> set[str]:
    """The modules of the package that a module imports, or imports a name from."""
    names = [name for name in imports(path) if name.partition(".")[0] == "mlpcli"]
    return {name if name in MODULES else name.rpartition(".")[0] for name in names}


def test_a_layer_imports_only_what_lies_below() -> None:
    for path in FILES:
        here = layer(path)
        allowed = {here, *ALLOWED.get(here, ()), *(SHARED if here in USES_SHARED else ())}
        for name in imported_modules(path) - EXCEPTIONS.get(place(path), set()):
            target = name.removeprefix("mlpcli.").partition(".")[0]
            assert target in allowed, f"{place(path)} imports {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: imported_modules(path) for name, path in MODULES.items()}

    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_the_mathematics_knows_only_numpy() -> None:
    known = {"numpy", "mlpcli", "collections", "itertools", "math", "types", "typing"}
    for path in (PACKAGE / "nn").rglob("*.py"):
        libraries = {name.split(".")[0] for name in imports(path)}
        if path.name == "team.py":  # the one module that starts processes
            libraries -= sys.stdlib_module_names
        assert libraries <= known, path


def test_a_library_is_imported_in_its_own_place_only() -> None:
    for path in FILES:
        for name in imports(path):
            library = name.split(".")[0]
            if library not in sys.stdlib_module_names | {"mlpcli"}:
                homes = ONLY_IN.get(library, set())
                assert {place(path), layer(path)} & homes, f"{place(path)} imports {name}"


def test_training_writes_no_file() -> None:
    for path in (PACKAGE / "training").rglob("*.py"):
        called = {name.rpartition(".")[2] for name, _ in calls(path)}
        written = {name for name in called if name in WRITERS or name.startswith("write")}
        assert not written, f"{path}: {written}"
        assert not imports(path) & {"mlpcli.atomic", "mlpcli.lock"}, path


def test_text_leaves_by_one_place() -> None:
    for path in (PACKAGE / "cli").rglob("*.py"):
        if path.name != "output.py":
            called = {name for name, _ in calls(path)}
            assert not called & {"print", "typer.echo", "typer.secho"}, path


def test_every_module_says_what_it_owns() -> None:
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_the_package_is_imported_without_numpy() -> None:
    assert not {"numpy", "pydantic", "mlpcli.api"} & loaded("import mlpcli")


@pytest.mark.slow
def test_predict_loads_no_check(settings: Config, dots: str, tmp_path: Path) -> None:
    for _ in train(settings, tmp_path / "run", preflight=False):
        pass
    command = ["mlp", "predict", str(tmp_path / "run"), dots]

    names = loaded(f"from mlpcli.cli import app\nsys.argv = {command}\napp(standalone_mode=False)")

    assert "mlpcli.api.predict" in names
    assert [name for name in names if name.startswith("mlpcli.checks")] == []
