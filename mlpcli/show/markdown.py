"""Results as GitHub-flavored Markdown, for the summary of a job or a comment."""

import re
from collections.abc import Iterable, Iterator, Sequence

from mlpcli.show.format import Block
from mlpcli.show.junit import Case
from mlpcli.terminal import one_line

SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~&$!]")
ITEM = re.compile(r"\d+(?=[.)] )|(?=[-+] )")  # how a text begins that would be a list
NUMBER = re.compile(r"[-+<]? ?[\d.,]+(e[-+]?\d+)?%?|-?")  # a cell in a column of numbers


def markdown(blocks: Iterable[Block]) -> str:
    """Lines as a list below a heading, which is the first one, and tables."""
    parts: list[list[str]] = []
    items: list[str] | None = None  # of the list at the end
    for block in blocks:
        if not isinstance(block, str):
            parts.append(list(_table(block)))
            items = None
        elif not parts:
            parts.append([f"### {_escaped(block)}"])
        elif not block:
            items = None
        else:
            if items is None:
                parts.append(items := [])
            items.append(f"- {_escaped(' '.join(block.split()))}")
    return "\n\n".join("\n".join(lines) for lines in parts)


def check_blocks(title: str, summary: str, cases: Sequence[Case]) -> list[Block]:
    """A table of checks and their verdicts, and what is known about the failures."""
    details = dict.fromkeys(line for case in cases for line in case.details.split("\n") if line)
    known = details if any(case.failure for case in cases) else ()
    return [title, summary, *known, check_table(cases)]


def check_table(cases: Sequence[Case]) -> list[list[str]]:
    """A row for each check, with what is checked unless it is always the same."""
    first = 0 if len({case.group for case in cases}) > 1 else 1
    rows = [[case.group, case.name, _verdict(case)][first:] for case in cases]
    return [["checked", "check", "verdict"][first:], *rows]


def _verdict(case: Case) -> str:
    for word, text in (("failed", case.failure), ("skipped", case.skipped)):
        if text:
            return f"{word}: {text}"
    return "passed"


def _table(rows: list[list[str]]) -> Iterator[str]:
    head, *body = rows
    columns = list(zip(*body, strict=True)) or [()] * len(head)
    numeric = [i > 0 and all(map(NUMBER.fullmatch, cells)) for i, cells in enumerate(columns)]
    yield _row(map(_escaped, head))
    yield _row("---:" if right else ":---" for right in numeric)
    for row in body:
        yield _row(map(_escaped, row))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    text = SPECIAL.sub(r"\\\g<0>", one_line(text))
    item = ITEM.match(text)
    return f"{item[0]}\\{text[item.end() :]}" if item else text
