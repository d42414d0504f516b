import numpy as np
import pytest

from mlpcli.api.summary import summarize
from mlpcli.config.load import load_config
from mlpcli.training import build

DEFAULT = load_config(None)


def test_the_parameters_are_those_of_the_network() -> None:
    found = summarize(DEFAULT)

    assert [row.W for row in found.rows] == [(1024, 512), (512, 256), (256, 10)]
    assert sum(row.parameters for row in found.rows) == 658_698
    assert [row.activation for row in found.rows] == ["relu", "relu", "softmax"]


def test_operations_are_those_of_the_products_and_the_sums_over_rows() -> None:
    """Counted from the shapes of the workbook's products, for one image."""

    def product(rows: int, inner: int, columns: int) -> int:
        return 2 * rows * inner * columns

    first, second, third = summarize(DEFAULT).rows

    assert first.forward == product(1, 1024, 512) + 512  # h0 @ W1 + b1
    assert first.backward == product(1024, 1, 512) + 512  # h0.T @ grad_z1, grad_b1
    assert second.backward == product(512, 1, 256) + 256 + product(1, 256, 512)  # and grad_h1
    assert third.backward == product(256, 1, 10) + 10 + product(1, 10, 256)


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["optimizer.name=adam", "network.activation=gelu"],
        ["optimizer.name=adamw", "train.ema=0.99", "network.hidden=[]"],
    ],
)
def test_the_memory_is_that_of_the_engines_arrays(settings: list[str]) -> None:
    chosen = load_config(None, settings)
    engine = build.make_engine(chosen, classes=10)
    vectors = [engine.theta, engine.grad, *engine.state]
    vectors += [] if chosen.train.ema is None else [engine.mean]
    per_batch = {id(a): a.nbytes for a in (*engine._z, *engine._h, *engine._grad_z)}
    images = np.zeros((chosen.train.batch_size, 1024), "float32").nbytes

    found = summarize(chosen)

    assert found.weights == engine.theta.nbytes
    assert found.training == sum(vector.nbytes for vector in vectors)
    assert found.batch == images + sum(per_batch.values())


def test_the_classes_come_from_the_data(dots: str) -> None:
    named = load_config(None, ["data.name=emnist-letters"])
    own = load_config(None, [f"data.name={dots}"])

    assert summarize(named).rows[-1].W[1] == 26
    assert summarize(own).rows[-1].W[1] == 3
    assert summarize(own, classes=7).rows[-1].W[1] == 7
