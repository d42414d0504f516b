"""The short form of `make faults`."""

import os

import pytest

if os.name == "nt":
    pytest.skip("needs POSIX signals and limits", allow_module_level=True)

from tests.faults.table import Fault, discovered, tried


@pytest.mark.slow
@pytest.mark.parametrize("fault", discovered(), ids=lambda fault: fault.name)
def test_nothing_is_lost(fault: Fault) -> None:
    row = tried(fault, fault.few)

    if row.skipped:
        pytest.skip(row.skipped)
    assert row.lost == []
    assert row.held == fault.few
