import json

import numpy as np

from mlpcli.show.format import json_object


def test_numbers_that_json_has_not_are_null() -> None:
    odd = json_object(
        {"loss": float("nan"), "norms": np.array([1, np.inf]), "scalar": np.float32("-inf")}
    )

    assert json.loads(odd) == {"schema": 1, "loss": None, "norms": [1, None], "scalar": None}
