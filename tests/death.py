"""The death of a process at any of its operations on the disk."""

import os
from collections.abc import Callable
from typing import Any

import pytest


class Dead(BaseException):
    """The process is no more; nothing catches it, and nothing is written after it."""


def die_at(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the n-th operation on the disk on, each one raises Dead in place of being done."""
    count = 0

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count >= n:
                raise Dead
            return real(*args, **kwargs)

        return operation

    for name in ("open", "fsync", "replace", "unlink"):
        monkeypatch.setattr(os, name, mortal(getattr(os, name)))
