"""The trials of a sweep, drawn before the first one starts, and their addresses.

An address is a hash of all that decides a trial's result, so the trials and their folders depend on
no clock, order or number of workers.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice, pairwise, product
from typing import Any, NamedTuple

import numpy as np

from mlpcli.config.load import DEFAULT_KINDS, flat_settings
from mlpcli.config.schema import Config
from mlpcli.config.sweep_file import MAX_TRIALS, Definition, Parameter, Sweep, number_kind
from mlpcli.errors import ConfigError
from mlpcli.training.build import layer_sizes
from mlpcli.training.loader import load_split
from mlpcli.version import __version__

THREADS = 1  # of a trial: so many workers as cores are faster than trials that share steps
ADDRESS_LENGTH = 16  # hexadecimal digits
DRAWS = 100  # at most, for each config of a random sweep, since equal ones are drawn once
# settings on which no result of a sweep depends
IRRELEVANT = ("checkpoint.", "log.", "train.calibration")

Checksums = Callable[[Config], dict[str, str]]  # of the files that a config trains on


class Trial(NamedTuple):
    """One training of a sweep."""

    address: str  # and its folder's name
    parameters: dict[str, Any]  # what the sweep changes, by dotted key, without the seed
    config: Config

    @property
    def group(self) -> str:
        """What the trials of the same config with other seeds share."""
        return json.dumps(self.parameters, sort_keys=True)


def plan(definition: Definition, checksums: Checksums | None = None) -> list[Trial]:
    """Every trial, in the order of the file; equal ones once. Raises ConfigError and DataError."""
    checksums = checksums or data_checksums()
    trials: dict[str, Trial] = {}
    for parameters in draws(definition.sweep):
        config = changed(definition.base, parameters)
        for seed in range(config.seed, config.seed + definition.sweep.seeds):
            own = config if seed == config.seed else config.replace(seed=seed)
            address = address_of(own, checksums(own))
            trials.setdefault(address, Trial(address, parameters, own))
    return list(trials.values())


def longest_first(trials: Iterable[Trial]) -> list[Trial]:
    """The trials by falling work, so that no long one is left to the end; of equal ones as given.

    Work is the number of weights times the epochs, with which a trial's time grows.
    """
    return sorted(trials, key=lambda trial: -_work(trial.config))


def draws(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """What each config changes; a larger `run_cap` only adds to them."""
    if sweep.method == "grid":
        choices = [parameter.choices or [] for parameter in sweep.parameters.values()]
        size = math.prod(map(len, choices)) if sweep.run_cap is None else sweep.run_cap
        if size * sweep.seeds > MAX_TRIALS:
            seeds = f"{sweep.seeds} seed{'s' * (sweep.seeds > 1)}"
            raise ConfigError(
                f"sweep: {size:,} configs with {seeds} are more than {MAX_TRIALS:,} trials; "
                "set run_cap"
            )
        for values in islice(product(*choices), size):
            yield dict(zip(sweep.parameters, values, strict=True))
        return
    assert sweep.run_cap is not None
    rng, seen = np.random.default_rng(sweep.seed), set[str]()
    for _ in range(DRAWS * sweep.run_cap):
        drawn = {key: _draw(parameter, rng) for key, parameter in sweep.parameters.items()}
        text = json.dumps(drawn)
        if text not in seen:
            seen.add(text)
            yield drawn
        if len(seen) == sweep.run_cap:
            return


def changed(base: Config, parameters: dict[str, Any]) -> Config:
    """The config with these settings; a new kind of optimizer or schedule brings its defaults."""
    sections: dict[str, dict[str, Any]] = {}
    for key, value in parameters.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    new: dict[str, Any] = {}
    for section, values in sections.items():
        if "" in values:  # the seed
            new[section] = values[""]
            continue
        before = getattr(base, section)
        is_new = section in DEFAULT_KINDS and values.get("name", before.name) != before.name
        new[section] = values if is_new else {**before.model_dump(), **values}
    try:
        return base.replace(**new)
    except ValueError as err:  # pydantic's: values that fit alone, but not together
        _, where, reason, *_ = f"{err}\n\n".split("\n")
        words = ", ".join(f"{key}={value}" for key, value in parameters.items())
        reason = reason.partition(" [type=")[0].strip().lower()
        raise ConfigError(f"sweep: {words}: {where}: {reason}") from err


def address_of(config: Config, files: dict[str, str]) -> str:
    """The hash of a trial's settings, its data, the version and the threads."""
    settings = flat_settings(config).items()
    content = {
        "settings": {key: value for key, value in settings if not key.startswith(IRRELEVANT)},
        "data": files,
        "version": __version__,
        "threads": THREADS,
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:ADDRESS_LENGTH]


def data_checksums(*, offline: bool = False) -> Checksums:
    """A function that reads each data set once."""

    @cache
    def read(text: str) -> dict[str, str]:
        config = Config.model_validate({"data": json.loads(text)})
        return load_split(config, "train", offline=offline).files

    return lambda config: read(data_key(config))


def data_key(config: Config) -> str:
    """What decides which images are read."""
    return json.dumps(config.data.model_dump(mode="json"))


def _work(config: Config) -> int:
    pairs = pairwise(layer_sizes(config, classes=1))
    return sum(fan_in * fan_out for fan_in, fan_out in pairs) * config.train.epochs


def _draw(parameter: Parameter, rng: np.random.Generator) -> Any:
    """A value of a parameter; a fraction has six digits, so that it can be typed again."""
    if parameter.choices is not None:
        return parameter.choices[int(rng.integers(len(parameter.choices)))]
    assert parameter.min is not None
    assert parameter.max is not None
    kind = number_kind(parameter)
    if kind == "int_uniform":
        return int(rng.integers(int(parameter.min), int(parameter.max), endpoint=True))
    if kind == "log_uniform_values":
        drawn = math.exp(rng.uniform(math.log(parameter.min), math.log(parameter.max)))
    else:
        drawn = rng.uniform(parameter.min, parameter.max)
    return min(parameter.max, max(parameter.min, float(f"{drawn:.6g}")))
