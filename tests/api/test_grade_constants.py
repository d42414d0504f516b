from pathlib import Path

import pytest

from mlpcli.api.grade_constants import Constants, read
from mlpcli.errors import SubmissionError


def test_constants_are_read_from_lines_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "mywork.py"
    file.write_text(
        "import numpy\nSIZES = [784, 128, 10]  # MNIST\nACTIVATION='tanh'\n"
        'FORM = "columns"\nBIAS_IN_W = "last"\n    SIZES = 3\n# FORM = 3\nif FORM == 3: pass\n'
    )

    assert read(file) == Constants((784, 128, 10), "tanh", "columns", "last")


def test_a_file_without_constants_has_the_workbooks(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xff\n")

    assert read(tmp_path / "a.py") == Constants(None, "relu", None, None)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("SIZES = (N, 10)", "must be a literal on one line, got (N, 10)"),
        ("SIZES = (784,", "must be a literal on one line, got (784,"),
        ("SIZES = " + "(" * 5000, "must be a literal on one line"),
        ("SIZES = 784", "must be 2 to 10 whole numbers, input first"),
        ("SIZES = (784, True)", "must be 2 to 10 whole numbers"),
        ("SIZES = (784, 0, 10)", "widths must be at least 2"),
        ("SIZES = (784, 16, 16, 10)", "widths of neighbors must differ"),
        ("SIZES = (5000, 5001, 10)", "at most 2,000,000 parameters; choose smaller widths"),
        ("SIZES = (10**99, 10)", "must be a literal"),
        ("SIZES = (1" + "0" * 50 + ", 10)", "at most 2,000,000 parameters"),
        ("ACTIVATION = 'tahn'", "got 'tahn'; did you mean 'tanh'?"),
        ("FORM = 'batch'", "must be one of rows, columns, vector, column, row"),
        ("BIAS_IN_W = [1]", "must be one of first, last, got [1]"),
    ],
)
def test_a_constant_that_cannot_be_used_is_one_line(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "mywork.py"
    file.write_text("# mine\n" + line + "\n")

    with pytest.raises(SubmissionError) as caught:
        read(file)

    message = str(caught.value)
    assert message.startswith(f"{file}:2: {line.split()[0]}")
    assert told in message
    assert len(message) < len(str(file)) + 200
