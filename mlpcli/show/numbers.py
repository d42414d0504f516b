"""Numbers as people read them; "not recorded" where there is none."""

from typing import Any

NONE = "not recorded"


def percent(fraction: Any, digits: int = 2) -> str:
    r"""A fraction in percent, in one piece.

    >>> percent(0.98114)
    '98.11\xa0%'
    """
    return f"{100 * fraction:.{digits}f}\u00a0%" if _is_number(fraction) else NONE


def points(difference: float) -> str:
    """A difference of fractions in percentage points.

    >>> points(0.0012)
    '+0.12'
    """
    return f"{100 * difference:+.2f}".replace("-", "\u2212")


def count(number: Any) -> str:
    """A whole number with its thousands apart.

    >>> count(658698)
    '658,698'
    """
    return f"{number:,.0f}" if _is_number(number) else NONE


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there is not one.

    >>> counted(1, "epoch"), counted(2, "epoch")
    ('1 epoch', '2 epochs')
    """
    return f"{number:,} {noun}" + "s" * (number != 1)


def fixed(number: Any, digits: int = 4) -> str:
    """A number with so many digits after the point."""
    return f"{number:,.{digits}f}" if _is_number(number) else NONE


def short(number: Any) -> str:
    """A number of any size with two significant digits.

    >>> short(8.6595e-08)
    '8.7e-08'
    """
    return f"{number:.2g}" if _is_number(number) else NONE


def error(number: float) -> str:
    """A small number, its size first.

    >>> error(3.04e-13)
    '3.0e-13'
    """
    return f"{number:.1e}"


def seconds(number: Any) -> str:
    """A time in the largest units that it fills.

    >>> seconds(4.73), seconds(83.2), seconds(7321)
    ('4.7 s', '1 min 23 s', '2 h 2 min')
    """
    if not _is_number(number):
        return NONE
    if number < 60:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def probability(p: float) -> str:
    """A p-value.

    >>> probability(0.034), probability(1e-7)
    ('p = 0.034', 'p < 0.001')
    """
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
