"""The questions of the workbooks, as the files workbook_NN.toml beside this module list them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

SHARED = ("variables", "layer", "images", "batch_norm")  # keys that a section may have
KINDS = ("formula", "indices", "tensor", "shape", "sign", "value", "rewrite", "words")


class Wrong(NamedTuple):
    """A wrong answer that learners give, and why it is wrong."""

    answer: str
    reason: str


class Question(NamedTuple):
    """One question; formulas in its prompt, hints, reasons and prose stand in backticks."""

    workbook: int
    section: str  # its title, as the statements of --verify have it
    code: str  # the section's short name, unique in all workbooks: "z3", "W3"
    number: str  # the workbook's, with a letter where a question asks for several answers
    kind: str  # one of KINDS
    prompt: str
    answer: str  # the model answer in the notation of the grammar; of kind "words", prose
    hints: tuple[str, str, str]  # from a nudge to nearly the answer
    written: str = ""  # the answer as the workbook spells it, where it differs
    form: tuple[str, ...] = ()  # forms that the answer must have, by their names in forms.py
    only: tuple[str, ...] = ()  # the symbols that it may contain, without their indices
    where: str = ""  # the entries that are compared: "i ≠ y*", "i = y*"; empty: all
    wrong: tuple[Wrong, ...] = ()
    proof: tuple[str, ...] = ()  # numbers of the statements that prove it, if not its own
    variables: Mapping[str, tuple[float, float]] = MappingProxyType(
        {}
    )  # scalars and their ranges; none: the network's
    layer: int = 3  # the layer of a symbol without number: `h` is h3
    images: int = 1  # more: symbols are matrices with a row for each image
    batch_norm: bool = False  # symbols are of one unit of layer 2, as in batch_points.py

    @property
    def id(self) -> str:
        """How a question is named: "W3.13"."""
        return f"{self.code}.{self.number}"

    @property
    def judged(self) -> bool:
        """Whether the program can tell if an answer is right."""
        return self.kind != "words"


class Workbook(NamedTuple):
    """One workbook."""

    number: int
    title: str
    questions: tuple[Question, ...]


def read(path: Path) -> Workbook:
    """The workbook in a file; a section gives its questions what `SHARED` names."""
    book = tomllib.loads(path.read_text(encoding="utf-8"))
    questions = [
        _question(int(book["workbook"]), section, table)
        for section in book["sections"]
        for table in section["questions"]
    ]
    return Workbook(int(book["workbook"]), book["title"], tuple(questions))


def find(name: str) -> Question | None:
    """The question with an id, in any case; None if there is no such question."""
    return next((q for q in QUESTIONS if q.id.lower() == name.strip().lower()), None)


def _question(workbook: int, section: dict[str, Any], table: dict[str, Any]) -> Question:
    shared = {key: section[key] for key in SHARED if key in section}
    values = {**shared, **table, "code": section["code"], "section": section["title"]}
    for key in ("hints", "form", "only", "proof"):
        values[key] = tuple(values.get(key, ()))
    values["wrong"] = tuple(Wrong(**each) for each in values.get("wrong", ()))
    values["proof"] = values["proof"] or (values["number"],)
    values["variables"] = {name: tuple(ends) for name, ends in values.get("variables", {}).items()}
    return Question(workbook=workbook, **values)


WORKBOOKS = tuple(map(read, sorted(Path(__file__).parent.glob("workbook_*.toml"))))
QUESTIONS = tuple(question for workbook in WORKBOOKS for question in workbook.questions)
