import pytest

from mlpcli.config.schema import Config
from mlpcli.training import preflight
from mlpcli.training.loader import load_split
from tests.trainings import changed


@pytest.fixture(autouse=True)
def enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is done, however busy the machine is."""
    monkeypatch.setattr(preflight, "MAX_SECONDS", 60.0)


def warnings(settings: Config, *changes: str) -> list[str]:
    config = changed(settings, "train.batch_size=128", *changes)
    return list(preflight.preflight(config, load_split(config, "train")))


def test_a_sound_training_gets_no_warning(settings: Config) -> None:
    assert warnings(settings) == []


def test_a_learning_rate_that_is_too_small_is_reported(settings: Config) -> None:
    (text,) = warnings(settings, "optimizer.lr=1e-7")

    assert text.startswith("cannot overfit 20 images: 200 steps at learning rate 1e-07 change")


def test_a_loss_that_becomes_infinite_is_reported(settings: Config) -> None:
    *_, text = warnings(settings, "optimizer.lr=100", "optimizer.weight_decay=1")

    assert text.endswith(" steps on 20 images; lower optimizer.lr")


def test_a_gradient_that_vanishes_is_reported_with_its_layer(settings: Config) -> None:
    deep = [f"network.hidden={[8] * 12}", "network.activation=sigmoid", "network.init=lecun"]

    first, *_ = warnings(settings, *deep)

    assert first.startswith("hardly any gradient reaches W1: at most ")


def test_a_high_initial_loss_is_reported(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "MAX_INITIAL_LOSS", 0.1)

    (text,) = warnings(settings)

    assert text.startswith("the initial loss is ")
    assert "ln(3) = 1.1" in text
