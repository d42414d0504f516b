"""A sweep: which settings to try, from a YAML file or words; every mistake with its place.

The file has the shape that users of W&B know, with the dotted keys of `--set` as parameters.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from mlpcli.config import yaml_source
from mlpcli.config.keys import Override, settings
from mlpcli.config.load import MAX_ERRORS, load_config, read_source
from mlpcli.config.schema import Config, Metric
from mlpcli.config.section import Frozen
from mlpcli.config.yaml_source import Tree
from mlpcli.errors import ConfigError, nearest

Distribution = Literal["uniform", "log_uniform_values", "int_uniform", "categorical"]
MAX_TRIALS = 100_000
METRIC_PREFIX = "validation_"  # which a metric's name may have, as in metrics.jsonl


class Parameter(Frozen):
    """What a setting may be: a value, one of some values, or a number between two."""

    value: Any = Field(None, description="the same in all trials")
    values: list[Any] | None = Field(None, description="those to try", min_length=1)
    distribution: Distribution | None = Field(None, description="how a value is drawn")
    min: float | None = Field(None, description="smallest value drawn")
    max: float | None = Field(None, description="largest value drawn")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = self.model_fields_set
        kinds = [{"value"} <= given, {"values"} <= given, bool({"min", "max"} & given)]
        if sum(kinds) != 1:
            raise ValueError("needs value, values, or min and max: one of these")
        if kinds[2]:
            self._check_range()
        elif self.distribution and not (kinds[1] and self.distribution == "categorical"):
            raise ValueError(f"{self.distribution} does not fit; a list of values is categorical")
        return self

    def _check_range(self) -> None:
        if self.min is None or self.max is None:
            raise ValueError("needs both min and max")
        if not self.min < self.max:
            raise ValueError(f"min must be below max, got {self.min:g} and {self.max:g}")
        if self.distribution == "categorical":
            raise ValueError("categorical needs values, not min and max")
        if self.distribution == "log_uniform_values" and self.min <= 0:
            raise ValueError(f"log_uniform_values needs a min above 0, got {self.min:g}")
        if self.distribution == "int_uniform" and not (
            self.min.is_integer() and self.max.is_integer()
        ):
            raise ValueError("int_uniform needs whole numbers as min and max")

    @property
    def choices(self) -> list[Any] | None:
        """The values to try; None where they are drawn from a range."""
        if "value" in self.model_fields_set:
            return [self.value]
        return self.values


class Halving(Frozen):
    """Successive halving: only the best trials are trained further."""

    type: Literal["halving"] = Field(description="kind of early stopping")
    min_iter: int = Field(1, description="epochs before the first selection", ge=1, le=100_000)
    eta: int = Field(3, description="keep one in this many configs at each selection", ge=2, le=100)


class Sweep(Frozen):
    """The trials of a sweep, as a file has them."""

    config: str | None = Field(None, description="a shipped config's name, or a file's path")
    method: Literal["grid", "random"] = Field(
        "grid", description="grid: all combinations; random: some, drawn at random"
    )
    run_cap: int | None = Field(
        None, description="most configs to train; required by random", ge=1, le=MAX_TRIALS
    )
    seed: int = Field(0, description="seed of the random search", ge=0, lt=2**63)
    seeds: int = Field(1, description="trials of each config, with different seeds", ge=1, le=1000)
    metric: Metric | None = Field(
        None, description="validation metric that ranks the configs; default: the config's"
    )
    parameters: dict[str, Parameter] = Field(
        description="settings to vary, by dotted key", min_length=1
    )
    early_terminate: Halving | None = Field(
        None, description="how poor trials are stopped early; without it, none are"
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_metric(cls, values: Any) -> Any:
        """W&B's `metric: {name: ..., goal: maximize}` as the name."""
        metric = values.get("metric") if isinstance(values, dict) else None
        if isinstance(metric, dict) and metric.keys() <= {"name", "goal"} and "name" in metric:
            if metric.get("goal", "maximize") != "maximize":
                raise ValueError(f"metric: goal must be 'maximize', got {metric['goal']!r}")
            metric = metric["name"]
        if isinstance(metric, str):
            values = {**values, "metric": metric.removeprefix(METRIC_PREFIX)}
        return values

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        ranges = [key for key, parameter in self.parameters.items() if parameter.choices is None]
        if self.method == "grid" and ranges:
            raise ValueError(
                f"method: a grid needs values, but {ranges[0]} has a range; use random"
            )
        if self.method == "random" and self.run_cap is None:
            raise ValueError("run_cap: random needs it, the number of configs to draw")
        if "seed" in self.parameters and self.seeds > 1:
            raise ValueError("seeds: must be 1 where seed is a parameter")
        return self


class Definition(NamedTuple):
    """A checked sweep, with the config that its parameters change."""

    sweep: Sweep
    base: Config  # with the sweep's metric; the parameters are not yet in it


def is_sweep(source: str) -> bool:
    """Whether a YAML file is a sweep, not a config; raises ConfigError as reading it does."""
    return not {"parameters", "method"}.isdisjoint(yaml_source.parse(*read_source(source)).values)


def load_sweep(source: str, *, seeds: int | None = None) -> Definition:
    """The sweep in a file; seeds: in place of its own.

    Raises ConfigError with a line for each mistake, also of the settings.
    """
    tree = yaml_source.parse(*read_source(source))
    if seeds is not None:
        yaml_source.apply(tree, Override("seeds", str(seeds), f"--seeds {seeds}"))
    return _checked(tree, source)


def word_sweep(
    config: str | None, words: list[Override], *, seeds: int = 1, single: list[Override]
) -> Definition:
    """The grid that words such as `optimizer.lr=0.03,0.1` ask for; single: values with commas.

    Raises ConfigError with a line for each mistake.
    """
    values: dict[str, Any] = {"config": config, "seeds": seeds, "parameters": {}}
    places: dict[yaml_source.Keys, str] = {("seeds",): f"--seeds {seeds}"}
    for key, text, label in [*single, *words]:
        listed = text if (key, text, label) in single else f"[{text}]"
        read = yaml_source.parse(f"value: {listed}", label).values["value"]
        choices = [read] if listed == text else read
        if len(choices) == 0:
            raise ConfigError(f"{label}: expected values, such as {key}=0.1,0.3")
        one = {"value": choices[0]} if len(choices) == 1 else {"values": choices}
        values["parameters"][key] = one
        places[("parameters", key)] = label
    return _checked(Tree(values, places), "sweep")


def restored(values: dict[str, Any]) -> Definition:
    """A definition as `stored` has it; raises ConfigError."""
    try:
        return Definition(
            Sweep.model_validate(values["sweep"]), Config.model_validate(values["base"])
        )
    except (ValidationError, LookupError, TypeError) as err:
        raise ConfigError(f"not the definition of a sweep: {err}".partition("\n")[0]) from err


def stored(definition: Definition) -> dict[str, Any]:
    """A definition as plain values, which `restored` reads."""
    sweep = definition.sweep.model_dump(mode="json", exclude_unset=True)
    return {"sweep": sweep, "base": definition.base.model_dump(mode="json")}


def json_schema() -> str:
    """JSON Schema of a sweep's file, for editors that complete keys."""
    return json.dumps(Sweep.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _checked(tree: Tree, label: str) -> Definition:
    lines: list[str] = []
    try:
        sweep = Sweep.model_validate(tree.values)
    except ValidationError as err:
        lines += [_line(detail, tree, label) for detail in err.errors()]
    config = tree.values.get("config")
    base = config if isinstance(config, str) else None
    if base is not None and (place := tree.places.get(("config",))):
        try:
            read_source(base)
        except ConfigError as err:
            lines.append(f"{place}: {err}")
            base = None
    for overrides in _tries(tree):
        try:
            load_config(base, overrides)
        except ConfigError as err:
            lines += err.args
    if lines := list(dict.fromkeys(lines)):
        more = [f"{label}: and {len(lines) - MAX_ERRORS} more"]
        raise ConfigError(*lines[:MAX_ERRORS], *more[: len(lines) > MAX_ERRORS])
    metric = [f"train.metric={sweep.metric}"] if sweep.metric else []
    return Definition(sweep, load_config(sweep.config, metric))


def _tries(tree: Tree) -> Iterator[list[Override]]:
    """Changes that together have every value of every valid parameter, each with its place."""
    parameters = tree.values.get("parameters")
    columns = []
    for key, values in parameters.items() if isinstance(parameters, dict) else ():
        try:
            parameter = Parameter.model_validate(values)
        except ValidationError:  # reported by the whole
            continue
        column = list(_column(key, parameter, tree))
        columns.append(column if key in settings() else column[:1])
    firsts = [column[0] for column in columns]
    yield firsts
    for i, column in enumerate(columns):
        for other in column[1:]:
            yield [*firsts[:i], other, *firsts[i + 1 :]]


def _column(key: str, parameter: Parameter, tree: Tree) -> Iterator[Override]:
    """Each value of a parameter, or the ends of its range, with its place."""
    if parameter.choices is None:
        whole = number_kind(parameter) == "int_uniform"
        ends = {"min": parameter.min or 0.0, "max": parameter.max or 0.0}
        pairs: list[tuple[tuple[str | int, ...], Any]]
        pairs = [((name,), int(end) if whole else end) for name, end in ends.items()]
    elif "value" in parameter.model_fields_set:
        pairs = [(("value",), parameter.value)]
    else:
        pairs = [(("values", i), choice) for i, choice in enumerate(parameter.choices)]
    for way, value in pairs:
        place = tree.place(("parameters", key, *way) if key in settings() else ("parameters", key))
        yield Override(key, json.dumps(value), place)


def number_kind(parameter: Parameter) -> str:
    """The distribution of a parameter with a range; W&B's choice where the file names none."""
    if parameter.distribution:
        return parameter.distribution
    low, high = parameter.min or 0.0, parameter.max or 0.0
    whole = low.is_integer() and high.is_integer() and not math.isclose(low, high)
    return "int_uniform" if whole else "uniform"


def _line(detail: ErrorDetails, tree: Tree, label: str) -> str:
    """One line for one of pydantic's errors: where, what is wrong, what to do."""
    kind, keys, text = detail["type"], detail["loc"], detail["msg"]
    place = tree.places.get(keys) or tree.place(keys)
    place = label if place == "settings" else place
    name = str(keys[-1]) if keys else "sweep"
    if kind == "extra_forbidden":
        model = Parameter if keys[0] == "parameters" else Sweep if len(keys) == 1 else Halving
        near = nearest(name, model.model_fields)
        hint = f"did you mean {near!r}?" if near else f"expected {', '.join(model.model_fields)}"
        return f"{place}: unknown key {name!r}; {hint}"
    if kind == "missing":
        return f"{place}: {name} is missing"
    if kind == "value_error":
        text = text.removeprefix("Value error, ")
        if not keys:  # of the whole: it begins with the key that it is about
            key = text.partition(":")[0]
            return f"{tree.places.get((key,), label)}: {text}"
        return f"{place}: {name} {text}"
    text = text.replace("Input should be", "must be").replace(" a valid ", " a ")
    return f"{place}: {name} {text[:1].lower()}{text[1:]}, got {detail['input']!r}"
