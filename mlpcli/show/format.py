"""The format of numbers, tables, CSV and JSON objects, shared by all results."""

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from rich.cells import cell_len

from mlpcli.terminal import one_line

SCHEMA = 1  # of every JSON object printed; see docs/contract.md
FORMULA = re.compile(r"[=+\-@\t\r].", re.DOTALL)  # how it begins, for a spreadsheet
NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?")
NOT_RECORDED = "not recorded"


def json_object(values: Any) -> str:
    """A mapping or record as one JSON object on one line, which names its schema.

    In it, records become objects, arrays lists, and numbers that are not finite null.
    """
    return json.dumps({"schema": SCHEMA, **_plain(values)}, ensure_ascii=False, allow_nan=False)


def pick(record: Any, *names: str) -> dict[str, Any]:
    """These attributes of a record, by their names."""
    return {name: getattr(record, name) for name in names}


def csv_line(cells: Iterable[Any]) -> str:
    """One line of CSV, without its end.

    A spreadsheet would compute a text that begins as a formula does, so it gets an apostrophe.

    >>> csv_line(["=1+1", "-0.5", -0.5])
    "'=1+1,-0.5,-0.5"
    """
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(map(_inert, cells))
    return line.getvalue()


def _inert(cell: Any) -> Any:
    is_formula = isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def table(rows: list[list[str]]) -> list[str]:
    """Rows of text as aligned lines: the first column left-aligned, the others right-aligned."""
    columns = []
    for i, column in enumerate(zip(*(map(one_line, row) for row in rows), strict=True)):
        width = max(map(cell_len, column))
        spaces = [(" " * (width - cell_len(cell)), cell) for cell in column]
        columns.append([space + cell if i else cell + space for space, cell in spaces])
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def percent(fraction: Any, digits: int = 2) -> str:
    """A fraction in percent.

    >>> percent(0.98114)
    '98.11%'
    """
    return f"{100 * fraction:.{digits}f}%" if _is_number(fraction) else NOT_RECORDED


def points(difference: float) -> str:
    """A difference of fractions in percentage points.

    >>> points(0.0012)
    '+0.12'
    """
    return f"{100 * difference:+z.2f}"


def count(number: Any) -> str:
    """A whole number with thousands separators.

    >>> count(658698)
    '658,698'
    """
    return f"{number:,.0f}" if _is_number(number) else NOT_RECORDED


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is 1.

    >>> counted(1, "epoch"), counted(2, "epoch")
    ('1 epoch', '2 epochs')
    """
    return f"{number:,} {noun}" + "s" * (number != 1)


def fixed(number: Any, digits: int = 4) -> str:
    """A number with this many decimals."""
    return f"{number:,.{digits}f}" if _is_number(number) else NOT_RECORDED


def short(number: Any) -> str:
    """A number of any size with two significant digits.

    >>> short(8.6595e-08)
    '8.7e-08'
    """
    return f"{number:.2g}" if _is_number(number) else NOT_RECORDED


def error(number: float) -> str:
    """A small number in scientific notation.

    >>> error(3.04e-13)
    '3.0e-13'
    """
    return f"{number:.1e}"


def seconds(number: Any) -> str:
    """A time in its one or two largest units.

    >>> seconds(4.73), seconds(83.2), seconds(7321)
    ('4.7 s', '1 min 23 s', '2 h 2 min')
    """
    if not _is_number(number):
        return NOT_RECORDED
    if number < 60:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def probability(p: float) -> str:
    """A p-value.

    >>> probability(0.034), probability(1e-7)
    ('p = 0.034', 'p < 0.001')
    """
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def size(count: int) -> str:
    """A number of bytes.

    >>> size(512), size(658_698 * 4)
    ('0.5 kB', '2.6 MB')
    """
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def text(value: Any) -> str:
    """A value of a record; a list with commas."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
