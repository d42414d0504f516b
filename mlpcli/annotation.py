"""Annotations of GitHub Actions: errors and warnings on a job's page and beside their files."""

import os
import re
import sys
from pathlib import Path

MESSAGE = re.compile(r"(?:internal )?(?P<level>error|warning): (?P<text>.*)", re.DOTALL)
IN_TEXT, IN_PROPERTY = "%\r\n", "%\r\n:,"  # characters that would end it
PLACE = re.compile(r"(?P<file>.+?)(?::(?P<line>\d+)(?::(?P<col>\d+))?)?: ")


def annotation(message: str) -> str:
    """The workflow command for a message `error: ...` or `warning: ...`.

    It is empty for other messages, and where GITHUB_ACTIONS is not true.
    """
    match = MESSAGE.match(message)
    if not match or os.environ.get("GITHUB_ACTIONS") != "true":
        return ""
    properties = {"title": _title(), **_place(match["text"])}
    given = ",".join(f"{key}={_escaped(value, IN_PROPERTY)}" for key, value in properties.items())
    return f"::{match['level']} {given}::{_escaped(match['text'], IN_TEXT)}"


def _title() -> str:
    """The command, whose name is the first word."""
    word = "".join(sys.argv[1:2])
    return f"mlp {word}" if word.isalpha() else "mlp"


def _place(text: str) -> dict[str, str]:
    """The file with which a message begins, in the repository, and the place in it; if any."""
    match = PLACE.match(text)
    if not match or not os.path.isfile(match["file"]):
        return {}
    file = Path(match["file"])
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or ".").resolve()
    if file.resolve().is_relative_to(workspace):
        file = file.resolve().relative_to(workspace)
    place = {key: match[key] for key in ("line", "col") if match[key]}
    return {"file": file.as_posix(), **place}


def _escaped(text: str, special: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in special else c for c in text)
