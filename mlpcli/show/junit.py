"""Checks as a JUnit XML report, which continuous integration shows as tests."""

import io
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mlpcli import files
from mlpcli.errors import MlpError
from mlpcli.terminal import one_line, printable

OURS = re.compile(rb'<testsuites [^>]*\bname="mlp ')


class Case(NamedTuple):
    """One check; it passed unless one of the last fields says otherwise."""

    group: str  # what is checked: the report's classname
    name: str  # the same in every run, so that its history can be followed
    failure: str = ""  # why it failed
    error: str = ""  # why it could not be tried
    skipped: str = ""  # why it was not tried
    details: str = ""  # lines about the failure


@contextmanager
def report(path: Path | None, command: str) -> Iterator[list[Case]]:
    """A list for the cases of a command, which are written to a file at the end.

    path: None writes nothing; a file that is not such a report is never replaced. An MlpError is
    written as a case with an error, so that no earlier report stays. Raises OutputError.
    """
    cases: list[Case] = []
    if path is None:
        yield cases
        return
    files.claim(path, _is_report, overwrite=None)
    name, started = f"mlp {command}", time.perf_counter()
    try:
        yield cases
    except MlpError as err:
        error = Case(name, name, error=err.args[0], details=str(err))
        files.write(path, _xml(name, [*cases, error], time.perf_counter() - started))
        raise
    files.write(path, _xml(name, cases, time.perf_counter() - started))


def _xml(name: str, cases: Sequence[Case], seconds: float) -> bytes:
    from junitparser import JUnitXml, TestSuite  # takes a moment, and most commands write none

    suite = TestSuite(name)
    suite.add_testcases([_element(case) for case in cases])
    suite.time = round(seconds, 3)
    whole, content = JUnitXml(name), io.BytesIO()
    whole.add_testsuite(suite)
    whole.write(content, pretty=True)
    return content.getvalue()


def _element(case: Case) -> Any:
    from junitparser import Error, Failure, Skipped, TestCase

    # XML has no form for control characters, not even an escaped one
    element = TestCase(one_line(case.name), classname=one_line(case.group))
    for kind in (Failure, Error, Skipped):
        if message := getattr(case, kind.__name__.lower()):
            result = kind(one_line(message))
            result.text = printable(case.details)
            element.result = [result]
    return element


def _is_report(file: BinaryIO) -> bool:
    return OURS.search(file.read(1024)) is not None
