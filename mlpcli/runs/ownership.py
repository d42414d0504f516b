"""Which files mlp has written, by their content: others of the same names are the user's."""

import errno
import re
from pathlib import Path
from typing import BinaryIO

from mlpcli import files, lock
from mlpcli.config.load import load_config
from mlpcli.errors import ConfigError
from mlpcli.runs import tags
from mlpcli.version import __version__

HEAD_SIZE = 4096  # bytes that a file is known by
CONFIG_LINES = {b"data:", b"network:", b"optimizer:", b"train:", b"checkpoint:"}
# mlp 0.1.0 named no command in its reports
PAGE = re.compile(rb'<meta name="generator" content="mlpcli [^",]*(?:, mlp (\w+))?">')
EVENT_MARKS = (b"brain.Event:2", b"loss/train", b"accuracy/validation", b"images_per_second")


def is_ours(path: Path) -> bool:
    """Whether a file with the name of a file of a run is one; a link is not.

    Raises OSError where a file cannot be read.
    """
    if path.is_symlink():
        return False
    if path.name == lock.LOCK_FILE:
        return lock.is_ours(path)
    try:
        with files.open_regular(path) as file:
            head = file.read(HEAD_SIZE)
    except OSError as err:
        if err.errno in (*lock.NO_FILE, errno.ENOENT):
            return False
        raise
    if path.suffix == ".yaml":
        return _is_config(path, head)
    if path.suffix == ".json":
        return head.startswith(b'{\n  "schema": 1,\n  "status": "')
    if path.name == tags.FILE:
        return tags.is_line(head)
    if path.suffix == ".jsonl":  # empty before the first epoch; its last line may be torn
        return b'{"schema": 1, "epoch": '.startswith(head[:23])
    if path.suffix == ".safetensors":  # after the length of its header
        return head[8:].startswith(b'{"__metadata__":{"mlpcli":"')
    if path.suffix == ".html":
        return _is_page(head, path.stem)
    return all(mark in head for mark in EVENT_MARKS)


def generator(command: str) -> str:
    """What made a page, as its head says."""
    return f"mlpcli {__version__}, mlp {command}"


def is_page(file: BinaryIO, command: str) -> bool:
    """Whether a file is a page that `mlp COMMAND` has written; reads its head."""
    return _is_page(file.read(HEAD_SIZE), command)


def _is_page(head: bytes, command: str) -> bool:
    found = PAGE.search(head)
    return found is not None and (found[1] or b"report").decode() == command


def _is_config(path: Path, head: bytes) -> bool:
    """Whether it is a config with every section, and without a person's comments."""
    lines = head.splitlines()
    if any(line.startswith(b"#") for line in lines) or not CONFIG_LINES.issubset(lines):
        return False
    try:
        load_config(str(path))
    except ConfigError:
        return False
    return True
