from pathlib import Path

import numpy as np
import pytest

from tests.faults.inputs import children


@pytest.mark.parametrize("n", [1, 3, 5])
def test_a_process_that_dies_over_a_file_loses_it_and_no_other(tmp_path: Path, n: int) -> None:
    told = list(children("_planted")(n, np.random.default_rng(0), tmp_path))

    assert len(told) == n
    assert [bool(what) for what in told] == [i == 2 for i in range(n)]
    if n > 2:
        assert told[2] == "ended with -9: the third\n"
