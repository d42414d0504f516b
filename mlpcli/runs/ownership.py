"""Which files mlp has written, by their content: others of the same names are the user's."""

import errno
from pathlib import Path

from mlpcli import files, lock
from mlpcli.config.load import load_config
from mlpcli.errors import ConfigError
from mlpcli.runs import tags

HEAD_SIZE = 4096  # bytes that a file is known by
CONFIG_LINES = {b"data:", b"network:", b"optimizer:", b"train:", b"checkpoint:"}
REPORT_MARK = b'<meta name="generator" content="mlpcli '
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
        return REPORT_MARK in head
    return all(mark in head for mark in EVENT_MARKS)


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
