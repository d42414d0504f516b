"""Which files a real process opens: `train` none of the test split."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.test_dataset import save_idx

pytestmark = pytest.mark.slow

# `mlp`, writing the path of each file that it opens, by whichever module, to a file of its own
TRACED = """
import os, sys
trace = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def note(event, args):
    if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
        os.write(trace, os.fsencode(args[0]) + b"\\n")
sys.addaudithook(note)
from mlpcli.__main__ import main
main()
"""


def opened(place: Path, *args: str) -> set[Path]:
    """Files below place that a command opens."""
    trace = place / "trace"
    trace.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", TRACED, str(trace), *args],
        cwd=place,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    paths = {place / os.fsdecode(line) for line in trace.read_bytes().splitlines()}
    return {path.relative_to(place) for path in paths if path.is_relative_to(place)}


def pictures(place: Path, arrays: dict[str, Any]) -> None:
    for split in ("train", "test"):
        for i, label in enumerate(arrays[f"y_{split}"]):
            folder = place / split / f"class-{label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(arrays[f"x_{split}"][i]).save(folder / f"{i}.png")


FORMS = {"plain": save_idx, "packed": partial(save_idx, packed=True), "pictures": pictures}


@pytest.mark.parametrize("made", FORMS.values(), ids=FORMS)
def test_training_opens_no_file_of_the_test_split(
    tmp_path: Path, dots: str, made: Callable[[Path, dict[str, Any]], None]
) -> None:
    made(tmp_path / "data", dict(np.load(dots)))
    paths = (path for path in (tmp_path / "data").rglob("*") if path.is_file())
    files = {path.relative_to(tmp_path) for path in paths}
    test = {path for path in files if "t10k" in path.name or "test" in path.parts}
    small = ("--set", "network.hidden=[8]", "--set", "data.name=data", "--epochs", "2")

    seen = opened(tmp_path, "train", *small, "--out", "run")
    seen |= opened(tmp_path, "train", "--resume", "run", "--epochs", "3")
    seen |= opened(tmp_path, "reproduce", "run")

    assert seen & files == files - test
    assert test <= opened(tmp_path, "eval", "run")
