"""Nothing loads code from data."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent.parent / "mlpcli"
FILES = sorted(PACKAGE.rglob("*.py"))
LOADERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
LOADERS |= {"torch", "yaml", "runpy", "ctypes", "pandas"}
RUNNERS = {"eval", "exec", "compile", "__import__"}
RUN = {  # what runs a learner's own file, as the command says, and mistakes planted in our own text
    "api/grade_worker.py": {"compile", "exec"},
    "checks/mutants.py": {"exec"},
}


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Calls of functions and methods, each with the last part of its name."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def test_no_module_can_load_code_from_data() -> None:
    for path in FILES:
        imported = set()
        for node in nodes(path):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(f"{node.module}".partition(".")[0])
        run = {name for name, call in calls(path) if name in RUNNERS and _is_plain(call)}

        assert not imported & LOADERS, path
        assert run == RUN.get(path.relative_to(PACKAGE).as_posix(), set()), path


def test_numpy_is_never_allowed_to_unpickle() -> None:
    read = []
    for path in FILES:
        for name, call in calls(path):
            told = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if name in ("read_array", "open_memmap") or ast.unparse(call.func) == "np.load":
                read.append(told.get("allow_pickle"))
            assert told.get("allow_pickle", "False") == "False", f"{path}: {ast.unparse(call)}"

    assert set(read) == {"False"}


def _is_plain(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name)


def test_yaml_is_read_in_its_safe_form_alone() -> None:
    readers = [call for path in FILES for name, call in calls(path) if name == "YAML"]

    assert readers
    for call in readers:
        told: dict[Any, Any] = {word.arg: word.value for word in call.keywords}
        assert ast.unparse(told["typ"]) == "'safe'"
        assert ast.unparse(told["pure"]) == "True"


def test_code_in_data_is_never_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.poisoned", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)

    assert facts["seen"] == []
    assert not facts["trace"]
    assert facts["control"] != []  # what would have been seen
    assert set(facts["right"]) == {0}
    assert len(facts["wrong"]) > 30
    assert set(facts["wrong"]) == {2}
