"""Every command of docs/tutorial.md runs, in the page's order, in one folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
PUBLISHED = (DATA / "mnist").is_dir()
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
SMALL = "--set 'network.hidden=[16]'"  # in place of 512 and 256 units
# The one liberty that is taken with what the page says: what would take long is made small.
SHORTER = {r"^mlp train .*": rf"\g<0> --epochs 1 {SMALL}", r"^mlp gradcheck$": rf"\g<0> {SMALL}"}

Block = tuple[str, str, list[str]]  # language, what is typed, what the page shows of the output


def blocks() -> list[Block]:
    """The page's commands and Python, each with the output that is shown up to the next."""
    found: list[Block] = []
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        if language == "text":
            found[-1][2].append(text)
        else:
            found.append((language, text, []))
    return found


def obstacle(typed: str) -> bool:
    """Whether it cannot be run here: it installs, or needs the published files."""
    return "pip install" in typed or ("mnist" in typed and not PUBLISHED)


def form(text: str) -> str:
    """A text without its numbers and choice of weights, and with one space between words."""
    text = re.sub(r"\b(best|last) weights", "# weights", text)  # after one epoch, both are the same
    return " ".join(re.sub(r"\d[\d.,]*(e[+-]\d+)?", "#", text).split())


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    for language, typed, shown in blocks():  # each needs what the earlier ones have made
        if not obstacle(typed):
            check(tmp_path, language, typed, shown)


def check(folder: Path, language: str, typed: str, shown: list[str]) -> None:
    """Run a block in a folder; assert that it shows what the page says."""
    for long, short in SHORTER.items():
        typed = re.sub(long, short, typed, flags=re.MULTILINE)
    mlp = f'mlp() {{ "{sys.executable}" -m mlpcli "$@"; }}\n'
    program = [sys.executable, "-c"] if language == "python" else ["bash", "-ec"]
    done = subprocess.run(
        [*program, typed if language == "python" else mlp + typed],
        cwd=folder,
        env=os.environ
        | {
            "MLPCLI_DATA": str(
                DATA if PUBLISHED else folder / "cache"
            ),  # drawn digits go there too
            "MLPCLI_STATE": str(folder / "state"),
            "COLUMNS": "80",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )

    wrong = any(lines.startswith("wrong") for lines in shown)  # the page tells of exit status 1
    assert done.returncode == (1 if wrong else 0), f"{typed}: {done.stderr}"
    for lines in shown:
        assert form(lines) in form(done.stdout), typed
