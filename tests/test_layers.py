"""Imports point one way: the arrows below, and no other."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "mlpcli"
ALLOWED = {
    "nn": set(),
    "checks": {"nn"},
    "data": set(),
    "runs": {"data", "checks", "nn"},
    "show": {"runs", "data", "checks", "nn"},
    "cli": {"show", "runs", "checks", "data", "nn"},
    "api": {"runs", "checks", "data", "nn"},  # a module, which nothing imports
}
ONLY_IN = {
    "typer": {"cli"},
    "rich": {"cli", "show"},
    "pooch": {"data/fetch.py"},
    "requests": {"data/transfer.py"},
    "urllib3": {"data/transfer.py"},
    "ruamel": {"runs/tree.py"},
    "pydantic": {"runs/checked.py", "runs/checkpoint.py", "runs/config.py", "runs/settings.py"},
    "filelock": {"lock.py"},
    "safetensors": {"runs/checkpoint.py", "runs/export.py", "runs/state_dict.py"},
    "onnx": {"runs/graph.py"},
    "onnxruntime": {"runs/graph.py"},
    "tensorboardX": {"runs/events.py"},
    "matplotlib": {"show/figure.py", "show/plots.py", "show/svg.py"},
    "jinja2": {"show/report.py"},
    "markupsafe": {"show/report.py"},
    "PIL": {"data/pictures.py", "show/pixels.py"},
}


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_folders_import_only_what_the_picture_allows() -> None:
    for folder, allowed in ALLOWED.items():
        for path in [*(PACKAGE / folder).rglob("*.py"), *PACKAGE.glob(f"{folder}.py")]:
            for name in imports(path):
                top, *rest = name.split(".")
                target = rest[0] if top == "mlpcli" and rest else None
                if target in ALLOWED:
                    assert target == folder or target in allowed, f"{path} imports {name}"


def test_the_mathematics_knows_only_numpy() -> None:
    known = {"numpy", "mlpcli", "collections", "itertools", "math", "threading", "types", "typing"}
    for path in (PACKAGE / "nn").rglob("*.py"):
        assert {name.split(".")[0] for name in imports(path)} <= known, path


def test_a_library_is_imported_in_its_own_place_only() -> None:
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE)
        for name in imports(path):
            homes = ONLY_IN.get(name.split(".")[0])
            if homes:
                assert {place.as_posix(), place.parts[0]} & homes, f"{place} imports {name}"


def test_text_leaves_by_one_place() -> None:
    for path in (PACKAGE / "cli").rglob("*.py"):
        if path.name != "output.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                assert name not in ("print", "typer.echo", "typer.secho"), f"{path}: {name}"


def test_every_module_says_what_it_owns() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
