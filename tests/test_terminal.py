import io
import sys
import unicodedata

import pytest

from mlpcli.terminal import HIDDEN, printable, wants_color

SEEN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"


@pytest.mark.parametrize("none", ["", "0"])
def test_an_empty_or_zero_force_color_has_no_effect(
    none: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", none)
    for name in ("NO_COLOR", "CI", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)

    assert wants_color(Terminal())
    assert not wants_color(io.StringIO())


def test_control_and_format_characters_are_hidden_but_those_that_are_drawn() -> None:
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    missed = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) in kinds and not HIDDEN.match(char)
    ]

    drawn = [char for char in missed if char not in SEEN and not 0x13430 <= ord(char) < 0x13440]
    assert drawn == ["\n"]


def test_a_character_beyond_16_bits_is_escaped_as_in_json() -> None:
    assert printable("a\U000e0041") == r"a\udb40\udc41"
