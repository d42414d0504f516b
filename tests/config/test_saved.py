"""A run's settings are the same whether they are read fast or as any config is."""

from pathlib import Path

import pytest

from mlpcli.config import saved
from mlpcli.config.load import dump_config, flat_settings, load_config
from mlpcli.config.saved import saved_settings
from mlpcli.config.shipped import shipped
from mlpcli.errors import ConfigError

GOLDEN = Path(__file__).parents[1] / "golden" / "run-0.1.0" / "config.yaml"
FAST = (
    "network.hidden=[]",
    "network.hidden=[64, 32]",
    "data.shape=[8, 8]",
    "data.name='../a folder/of_files-2.npz'",
    *(
        f"data.name='{text}'"
        for text in ("12", "true", "Null", "~", ".5", "1e5", "off", "x", "0x1")
    ),
    "optimizer={name: adamw, lr: 1e-5}",
    "schedule={name: step, at: [0.25, 0.5]}",
    "train.class_weight=[1, 2.5]",
    "train.time_budget=1e7",
)
SLOW = (
    "train.class_weight={a: 1.0, '3': 2}",
    "data.name='x: y'",
    "data.name='# x'",
    'data.name="it\'s"',
    'data.name="a\\tb\\nc"',
    "data.name='-x'",
    "data.name='=x'",
    "data.name='お'",
    f"data.name='{'a very long name ' * 9}'",
)


def typed(settings: dict[str, object]) -> list[tuple[str, object, type]]:
    return [(key, value, type(value)) for key, value in settings.items()]


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_config_is_read_fast_with_every_value(name: str, tmp_path: Path) -> None:
    check(flat_settings(load_config(name)), dump_config(load_config(name)), tmp_path, fast=True)


@pytest.mark.parametrize("change", FAST)
def test_usual_values_are_read_fast(change: str, tmp_path: Path) -> None:
    config = load_config(None, [change])
    check(flat_settings(config), dump_config(config), tmp_path, fast=True)


@pytest.mark.parametrize("change", SLOW)
def test_unusual_values_are_read_as_any_config(change: str, tmp_path: Path) -> None:
    config = load_config(None, [change])
    check(flat_settings(config), dump_config(config), tmp_path, fast=False)


def check(expected: dict[str, object], text: str, folder: Path, *, fast: bool) -> None:
    """Assert that a file gives these settings, of these types and in this order."""
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    if fast:
        saved._read(text)
    else:
        with pytest.raises((ValueError, LookupError, AttributeError)):
            saved._read(text)

    assert typed(saved_settings(path)) == typed(expected)


def test_what_an_earlier_version_lacks_has_its_default() -> None:
    found = saved_settings(GOLDEN)

    assert found == flat_settings(load_config(str(GOLDEN)))
    assert found["train.metric"] == "accuracy"


@pytest.mark.parametrize(
    "edit", [("    ", "  "), ("max_norm: null", "max_norm:"), ("seed: 0", "seed: 0  # mine")]
)
def test_an_edited_file_is_read_as_any_config(edit: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(load_config(None)).replace(*edit))

    assert saved_settings(path) == flat_settings(load_config(None))


@pytest.mark.parametrize(
    "text", ["", "a: [", "optimizer:\n  name: lbfgs\nschedule:\n  name: cosine\n"]
)
def test_what_is_no_config_is_refused_or_the_defaults(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)

    if not text:
        assert saved_settings(path) == flat_settings(load_config(None))
        return
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        saved_settings(path)
