"""The mathematics: NumPy in, NumPy out."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]  # any float or complex dtype; shapes stand in names, comments and docstrings
