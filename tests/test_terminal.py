import io

import pytest

from mlpcli.terminal import wants_color


@pytest.mark.parametrize("none", ["", "0"])
def test_an_empty_or_zero_force_color_has_no_effect(
    none: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", none)
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert wants_color(Terminal())
    assert not wants_color(io.StringIO())
