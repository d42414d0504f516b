"""The docs keep up with the program."""

import json
import re
from pathlib import Path

import pytest

from mlpcli.api.workbook_session import select
from mlpcli.cli import app
from mlpcli.config.load import json_schema
from mlpcli.config.sweep_file import json_schema as sweep_schema
from mlpcli.data.registry import DATASETS

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
TRAINING = (
    "Network",
    "Train",
    "Sgd",
    "Adam",
    "AdamW",
    "Constant",
    "Steps",
    "Cosine",
    "OneCycle",
    "Augment",
)
COMMANDS = [
    c.name or c.callback.__name__ for c in app.registered_commands if c.callback and not c.hidden
]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_readme_and_among_the_commands(command: str) -> None:
    assert f"`mlp {command}`" in read("README.md")
    assert f"## mlp {command}\n" in read("docs/commands.md"), "make docs"


def test_every_data_set_stands_in_the_page_about_data() -> None:
    assert [name for name in DATASETS if f"| `{name}` |" not in read("docs/data.md")] == []


def test_every_way_to_train_stands_in_the_page_about_it() -> None:
    page = read("docs/training.md")
    named = set(re.findall(r"`(?:\w+\.)?(\w+)(?:=\w+)?`", page))
    kinds = set(re.findall(r"`(?:optimizer|schedule).name=(\w+)`", page))
    sections = json.loads(json_schema())["$defs"]
    chosen = {key: section["properties"] for key, section in sections.items() if key in TRAINING}

    assert set().union(*chosen.values()) - {"name", "epochs", "batch_size"} <= named
    assert {p["name"]["const"] for p in chosen.values() if "name" in p} == kinds


def test_every_promise_names_tests_and_faults_that_exist() -> None:
    table = read("docs/reliability.md").partition("## Promises")[2].partition("\n## ")[0]
    promises = re.findall(r"^\| (?!promise|---)(.*) \| (.*) \|$", table, re.MULTILINE)
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests/faults").glob("*.py")]
    faults = {name for text in sources for name in re.findall(r'\bFault\(\s*f?"([^"]+)"', text)}

    assert promises
    for promise, keepers in promises:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", keepers)
        named = re.findall(r"fault `([^`]+)`", keepers)
        assert tests or named, promise
        assert set(named) <= faults, promise
        for file, name in tests:
            assert f"\ndef {name}(" in read(file), promise


def test_the_shipped_schema_is_that_of_the_settings() -> None:
    assert json.loads(read("configs/config.schema.json")) == json.loads(json_schema()), "make docs"


def test_the_shipped_schema_of_sweeps_is_theirs() -> None:
    shipped = json.loads(read("configs/sweep.schema.json"))

    assert shipped == json.loads(sweep_schema()), "make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    # ../../ leads to a page of the repository's host, such as a badge
    links = re.findall(r"\]\((?!\.\./\.\./)([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_short_and_has_its_pictures() -> None:
    readme = read("README.md")
    pictures = re.findall(r'src="([^"]+)"', readme)

    assert readme.count("\n") < 250
    assert len(pictures) == 3
    assert [name for name in pictures if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_config_opens_with_its_command_and_its_schema(path: Path) -> None:
    command, schema, *_ = path.read_text(encoding="utf-8").splitlines()

    assert command == f"# mlp train {path.stem}"
    assert schema == "# yaml-language-server: $schema=./config.schema.json"


def test_the_question_shown_on_its_page_has_its_place_among_all() -> None:
    shown = re.search(r"^(\S+)  .* \((\d+) of (\d+)\)$", read("docs/questions.md"), re.MULTILINE)
    names = [question.id for question in select(None, None)]

    assert shown
    assert (names.index(shown[1]) + 1, len(names)) == (int(shown[2]), int(shown[3]))
