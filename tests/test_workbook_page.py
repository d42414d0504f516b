"""The page of the derivation agrees with the check and with the code."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api.download import download
from mlpcli.api.workbook import Verification, verify
from mlpcli.checks.workbook.statement import CENTRAL_TOLERANCE
from mlpcli.checks.workbook.statements import STATEMENTS
from mlpcli.show.workbook import as_json

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "workbook.md").read_text(encoding="utf-8")
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
FILE = re.compile(r"mlpcli/[\w/]+\.py")
Statements = list[dict[str, Any]]  # as --json has them
DATA = ROOT.parent / "shared" / "data" / "mnist"


@pytest.fixture(scope="module")
def verification(tmp_path_factory: pytest.TempPathFactory) -> Verification:
    """What `mlp workbook --verify` finds with MNIST in the cache, as the page has it."""
    if not DATA.is_dir():
        pytest.skip("needs the published files in ../shared/data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPCLI_DATA", str(tmp_path_factory.mktemp("cache")))
        download(["mnist"], source=str(DATA))
        return verify()


@pytest.fixture(scope="module")
def printed(verification: Verification) -> Statements:
    """What it prints with --json."""
    values: Statements = json.loads(as_json(verification))["statements"]
    return values


def statements() -> Iterator[tuple[str, str, list[str]]]:
    """Section and bold number of each statement of the page, with the numbers after its arrows."""
    for part in re.split(r"^##? ", PAGE, flags=re.MULTILINE)[1:]:
        section, _, text = part.partition("\n")
        _, *pieces = re.split(r"^- \*\*([\w.]+)\.\*\* ", text, flags=re.MULTILINE)
        for number, said in zip(pieces[::2], pieces[1::2], strict=True):
            yield section, number, re.findall(r"→ `(.+?)`", said)


def digits(value: float | list[int]) -> str:
    return str(tuple(value)) if isinstance(value, list) else f"{value:.6g}"


def test_every_statement_is_on_the_page_once_and_in_order() -> None:
    on_the_page = [(section, number) for section, number, _ in statements()]

    assert on_the_page == [(s.section, s.number if s.workbook == 1 else s.id) for s in STATEMENTS]


@pytest.mark.slow
def test_every_statement_has_the_number_that_the_check_prints(printed: Statements) -> None:
    for (section, number, numbers), values in zip(statements(), printed, strict=True):
        if values["tolerance"] <= CENTRAL_TOLERANCE:
            assert numbers == [digits(values["measured"])], f"{section} {number}"
        assert numbers == [digits(values["stated"])], f"{section} {number}"
        assert values["ok"], f"{section} {number}"
    assert f"`{len(printed)} of {len(printed)} statements of the workbooks hold`" in PAGE


def test_the_table_has_the_probabilities_and_the_gradient(verification: Verification) -> None:
    by_number = {(r.statement.section, r.statement.number): r for r in verification.results}
    gradient = by_number["Backpropagation to z3", "12"]
    rows = re.findall(r"^\| \$(.+?)\$ \| (.+) \|$", PAGE, re.MULTILINE)
    table = {name: row.split(" | ") for name, row in rows}

    assert table["h"] == [f"{h:.3f}" for h in by_number["Backpropagation to z3", "9"].right]
    assert table["h - y"] == [f"{g:.3f}" for g in gradient.left]
    assert table["y"] == ["1"] + ["0"] * 9


def test_the_text_names_the_units_and_classes_that_the_check_shows(
    verification: Verification, printed: Statements
) -> None:
    index = {(s["section"], s["number"]): s["index"] for s in printed}
    unit, right = index["Backprop to W3", "2"]
    (wrong,) = index["Backpropagation: The Concept", "2a"]
    (silent,) = (r for r in verification.results if r.statement.text.startswith("where h2_i = 0"))

    assert f"from unit {unit}, the most active one, to the correct class" in PAGE
    assert f"a handwritten {right}, so" in PAGE
    assert f"from unit {unit} to class {wrong}" in PAGE
    assert f"at $({unit}, {right})$" in PAGE
    assert f"silenced {silent.left.sum():.0f} of {silent.left.size} units" in PAGE


def test_every_quoted_line_is_in_the_file_that_is_named_last() -> None:
    quoted = []
    for block in CODE.finditer(PAGE):
        file = FILE.findall(PAGE[: block.start()])[-1]
        lines = [line.strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
        for line in block[1].splitlines():
            assert line in lines, f"{file}: {line}"
            quoted.append(line)

    assert len(set(quoted)) == len(quoted) > 10


def test_every_file_that_is_named_exists() -> None:
    files = re.findall(r"`((?:mlpcli|tests)/[\w/]+\.py)`", PAGE)

    assert files
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_formulas_survive_markdown() -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", PAGE, flags=re.DOTALL)
    formulas = re.findall(r"\$([^$]+)\$", prose)

    assert len(formulas) > 100
    for formula in formulas:
        assert "\n" not in formula
        assert "*" not in formula  # would begin emphasis
        assert not re.search(r"\\[^a-zA-Z]", formula)  # Markdown would take the backslash
        assert not re.search(r"[^a-zA-Z]_", formula)  # after a letter, _ cannot begin emphasis
