"""A sweep: its definition and its trials, as they are planned and kept in its folder."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mlpcli.api.find_run import RUNS
from mlpcli.api.sweep_plan import (
    THREADS,
    Checksums,
    Trial,
    address_of,
    changed,
    data_checksums,
    plan,
)
from mlpcli.config.load import flat_settings
from mlpcli.config.schema import Metric
from mlpcli.config.sweep_file import Definition, Halving, restored, stored
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.sweep_folder import SweepFolder
from mlpcli.version import __version__


class Planned(NamedTuple):
    """A sweep that is about to run, or has run."""

    folder: SweepFolder
    definition: Definition  # the last one, where --extend added some
    trials: list[Trial]

    @property
    def metric(self) -> Metric:
        """Whose highest value on the validation images is the best."""
        return self.definition.base.train.metric

    @property
    def halving(self) -> Halving | None:
        """Whether only the best trials are trained to the end."""
        return self.definition.sweep.early_terminate


def prepare(
    definition: Definition, folder: Path, *, extend: bool = False, offline: bool = False
) -> Planned:
    """The plan of a sweep for a folder, which may have a part of it; writes nothing.

    Raises CheckpointError, with each difference, where another sweep lies there, unless it is to be
    extended by this one; also where it is of another version or other data.
    """
    place = SweepFolder(folder)
    place.claim()
    _require_same_version(place)
    checksums = data_checksums(offline=offline)
    trials = plan(definition, checksums)
    _require_same_epochs(definition, trials)
    if not place.holds_sweep():
        return Planned(place, definition, trials)
    before = load(folder)
    _require_same_data(before, checksums)
    if extend:
        known = {trial.address for trial in before.trials}
        more = [trial for trial in trials if trial.address not in known]
        return Planned(place, definition, [*before.trials, *more])
    if lines := list(_differences(before.definition, definition)):
        raise CheckpointError(
            f"{folder}: the sweep there differs; --extend adds the new trials to it", *lines
        )
    return before


def load(folder: Path) -> Planned:
    """The sweep in a folder, which may be named as in runs/; raises CheckpointError."""
    place = SweepFolder(
        folder if folder.exists() or not (RUNS / folder).exists() else RUNS / folder
    )
    values = place.load_plan()
    try:
        definitions = [restored(each) for each in values["definitions"]]
        trials = [
            Trial(
                each["address"],
                each["parameters"],
                changed(definitions[each["definition"]].base, each["parameters"]).replace(
                    seed=each["seed"]
                ),
            )
            for each in values["trials"]
        ]
        return Planned(place, definitions[-1], trials)
    except (ConfigError, LookupError, TypeError, ValueError) as err:
        raise CheckpointError(f"{folder}: its sweep.json is damaged: {err}") from err


def save(planned: Planned) -> None:
    """Write the plan, unless it is there; what an earlier definition has planned keeps its base."""
    place, definition = planned.folder, stored(planned.definition)
    values: dict[str, Any] = place.load_plan() if place.holds_sweep() else {}
    definitions = values.get("definitions", [])
    known = {each["address"]: each for each in values.get("trials", [])}
    if definition not in definitions[-1:]:
        definitions = [*definitions, definition]
    new = {"address": "", "definition": len(definitions) - 1}
    trials = [
        known.get(trial.address)
        or {
            **new,
            "address": trial.address,
            "seed": trial.config.seed,
            "parameters": trial.parameters,
        }
        for trial in planned.trials
    ]
    content = {"version": __version__, "threads": THREADS, "definitions": definitions}
    if values.get("trials") != trials or values.get("definitions") != definitions:
        place.save_plan({**content, "trials": trials})


def _require_same_version(place: SweepFolder) -> None:
    """Trials of two versions are not compared with each other."""
    version = place.load_plan().get("version") if place.holds_sweep() else __version__
    if version != __version__:
        raise CheckpointError(
            f"{place}: its sweep is of mlp {version}, this is {__version__}; finish it with that "
            "version, or name another folder"
        )


def _require_same_data(before: Planned, checksums: Checksums) -> None:
    """The address of a trial holds the checksums of its data."""
    if any(
        address_of(each.config, checksums(each.config)) != each.address for each in before.trials
    ):
        raise CheckpointError(
            f"{before.folder}: the files of its data have changed; name another folder"
        )


def _differences(before: Definition, now: Definition) -> Iterator[str]:
    """A line for each part of the definition that has changed."""
    old, new = _flat(before), _flat(now)
    for key in [*old, *(new.keys() - old.keys())]:
        if old.get(key) != new.get(key):
            then, today = old.get(key, "nothing"), new.get(key, "nothing")
            yield f"  {key}: {then!r} in the folder, {today!r} now"


def _flat(definition: Definition) -> dict[str, Any]:
    values = stored(definition)["sweep"]
    parameters = values.pop("parameters")
    values.pop("config", None)  # its settings are what counts
    flat = {f"parameters.{key}": value for key, value in parameters.items()}
    return values | flat | flat_settings(definition.base)


def _require_same_epochs(definition: Definition, trials: Iterable[Trial]) -> None:
    """Halving compares trials after the same epochs of schedules of the same length."""
    lengths = {trial.config.train.epochs for trial in trials}
    if definition.sweep.early_terminate and len(lengths) > 1:
        raise ConfigError(
            "early_terminate: halving needs the same train.epochs in all trials, got "
            f"{', '.join(map(str, sorted(lengths)))}"
        )
