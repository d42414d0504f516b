"""The chart with which the page on performance opens."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from benchmarks import picture, results


def test_libraries_stand_in_the_order_of_their_medians(tmp_path: Path) -> None:
    found = json.loads(results.RESULTS.read_text("utf-8"))["native"]

    picture.draw_epochs(found, tmp_path / "epochs.svg")

    words = [e.text or "" for e in ElementTree.parse(tmp_path / "epochs.svg").iter() if e.text]
    seconds = [
        float(word.removesuffix(" s")) for word in words if re.fullmatch(r"\d\.\d\d s", word)
    ]
    half = len(seconds) // 2
    assert half == 5
    assert seconds[:half] == sorted(seconds[:half])
    assert seconds[half:] == sorted(seconds[half:])
    assert words.count("mlpcli") == 2
    assert "dense products" not in words


def test_the_page_opens_with_the_chart() -> None:
    before, chart, _ = results.PAGE.read_text("utf-8").partition("(pictures/epochs.svg)")

    assert chart
    assert before.count("\n") < 10
    assert (results.PICTURES / "epochs.svg").is_file()
