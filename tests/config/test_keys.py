"""The catalogue of settings: it is the schema's, and knows the words of other programs."""

import pytest

from mlpcli.config.keys import find, settings
from mlpcli.config.load import flat_settings, load_config

KINDS = ["optimizer.name=adam", "optimizer.name=adamw"]
KINDS += [f"schedule.name={name}" for name in ("constant", "step", "cosine", "one_cycle")]


def test_it_has_every_setting_of_every_kind_and_no_other() -> None:
    keys = {key for kind in ["seed=0", *KINDS] for key in flat_settings(load_config(None, [kind]))}

    assert set(settings()) == keys


def test_every_listed_value_is_accepted() -> None:
    for setting in settings().values():
        for value in setting.values:
            if setting.key not in ("optimizer.nesterov", "augment.flip"):
                load_config(None, [f"{setting.key}={value}"])

    assert settings()["optimizer.name"].values == ("sgd", "adam", "adamw")
    assert settings()["data.resize"].values == ("true", "false")


def test_no_word_means_two_settings() -> None:
    words = [name for each in settings().values() for name in (each.name, *each.synonyms)]

    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("lr", "optimizer.lr"),
        ("--learning-rate", "optimizer.lr"),
        ("--batchsize", "train.batch_size"),
        ("dataset", "data.name"),
        ("hidden_layer_sizes", "network.hidden"),
        ("max-iter", "train.epochs"),
        ("random_state", "seed"),
        ("Momentum", "optimizer.momentum"),
        ("optimizer.weight_decya", "optimizer.weight_decay"),
    ],
)
def test_a_word_of_another_program_finds_the_setting(word: str, key: str) -> None:
    setting = find(word)

    assert setting is not None
    assert setting.key == key


@pytest.mark.parametrize("word", ["device", "workers", "verbose", "gpu", "x", "", "--"])
def test_a_foreign_word_finds_nothing(word: str) -> None:
    assert find(word) is None
