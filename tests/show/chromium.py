"""Chromium, which shows the pages that tests look at."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium"),
]


@contextmanager
def launched() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    root = hasattr(os, "getuid") and os.getuid() == 0  # for whom Chromium has no sandbox
    with sync_playwright() as playwright:
        args = ["--no-sandbox"] if root else []
        with playwright.chromium.launch(executable_path=CHROMIUM, args=args) as found:
            yield found


def opened(browser: Any, file: Path, look: dict[str, Any]) -> Iterator[Any]:
    """A page whose `said` are messages, errors, and requests other than for the file itself."""
    page = browser.new_page(**look)
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    own = (file.as_uri(), "data:")
    page.on("request", lambda r: None if r.url.startswith(own) else page.said.append(r.url))
    page.goto(file.as_uri())
    yield page
    page.close()
