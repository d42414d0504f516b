"""The Python API: load data, train, evaluate, predict, check a gradient.

It prints nothing unless asked for progress; errors that a user can fix are raised as an `MlpError`.
A notebook shows a `Model` and an `Evaluation` with their plots.

>>> from tempfile import TemporaryDirectory
>>> import mlpcli
>>> folder = TemporaryDirectory()
>>> changes = {"data.images": 2000, "network.hidden": [32], "train.epochs": 4}
>>> config = mlpcli.load_config("quickstart", changes)
>>> model = mlpcli.train(config, f"{folder.name}/first")
>>> model
<model 1024-32-10 of .../first: relu, 33,130 parameters, best weights>
>>> [epoch.epoch for epoch in model.history]
[1, 2, 3, 4]
>>> test = mlpcli.load_data("synth", "test")
>>> test
<synth: 10,000 images of 28x28, 10 classes>
>>> bool((model.predict(test.images) == test.labels).mean() > 0.8)
True
>>> mlpcli.evaluate(model.run, split="validation")
<.../first, best weights, validation split of synth: accuracy ... 200 images>
>>> mlpcli.check_gradient(model)
[<.../first: right; 33,130 of 33,130 parameters, largest error ...>]
>>> folder.cleanup()
"""

from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from mlpcli.api import eval as api_eval
from mlpcli.api import gradcheck, settings
from mlpcli.api.find_run import find
from mlpcli.api.settings import Changes
from mlpcli.api.trainer import Event
from mlpcli.api.trainer import train as train_run
from mlpcli.checks.gradcheck import Verdict
from mlpcli.config.schema import Config
from mlpcli.data import dataset, preprocessing
from mlpcli.data.dataset import Split
from mlpcli.data.fit import RESIZE_OPTION
from mlpcli.data.raw import Reading
from mlpcli.errors import ConfigError, DataError, MlpError
from mlpcli.nn import Array
from mlpcli.nn.mlp import Params, parameter_count
from mlpcli.runs import selection
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.selection import Kind, Selection, Weights
from mlpcli.training import build, scoring
from mlpcli.training.progress import Epoch, Metrics
from mlpcli.training.threads import cores

File = Literal["train", "test"]
Part = Literal["test", "validation", "train"]
Settings = Config | str | Path | Mapping[str, Any]


class Model(NamedTuple):
    """A run's network."""

    run: Path  # the run's folder
    weights: Kind  # "best" or "last"
    config: Config
    classes: tuple[str, ...]  # names, in the order of the outputs
    params: Params  # W1 is params[0].W, float32; calibrated: the last layer is divided by T
    selection: Selection = Selection("best")  # by "auto" or by name

    @property
    def history(self) -> list[Metrics]:
        """The metrics of each epoch, as the run's folder has them; raises CheckpointError."""
        return RunFolder(self.run).load_metrics()

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.intp]:
        """The most probable class of each image, as its position in `classes`: (n,).

        images: uint8 (n, height, width), at most 32x32, as `load_data` gives them: light on dark
        if the training images are, and placed as they are. They are used as they come; `mlp
        predict` prepares images of any kind. Raises DataError for others.
        """
        return self.probabilities(images).argmax(axis=1)

    def probabilities(self, images: NDArray[np.uint8]) -> Array:
        """Probability of each class, (n, classes) in float64; images as `predict` takes them."""
        images = np.asarray(images)
        dataset.require_images("predict", images)
        if max(images.shape[1:]) > preprocessing.SIDE:
            height, width = images.shape[1:]
            raise DataError(f"predict: images must be at most 32x32, got {height}x{width}")
        activation = build.activation(self.config)
        return scoring.probabilities(self.params, images, activation=activation)

    def __repr__(self) -> str:
        sizes = build.layer_sizes(self.config, classes=len(self.classes))
        return (
            f"<model {'-'.join(map(str, sizes))} of {self.run}: {self.config.network.activation}, "
            f"{parameter_count(sizes):,} parameters, {self.weights} weights>"
        )

    def _repr_html_(self) -> str:
        from mlpcli.show import notebook

        sizes = build.layer_sizes(self.config, classes=len(self.classes))
        facts = {
            "network": f"{'-'.join(map(str, sizes))}, {self.config.network.activation}",
            "parameters": f"{parameter_count(sizes):,}",
            "data": f"{self.config.data.name}, {len(self.classes)} classes",
            "weights": self.weights,
        }
        try:
            past = self.history
        except MlpError:  # the folder has gone, or was imported
            past = []
        return notebook.network(str(self.run), facts, past, self.config.train.metric)


class Evaluation(api_eval.Evaluation):
    """Scores of a run's weights on a split; a notebook shows the confusion matrix."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from mlpcli.show import notebook

        return notebook.evaluation(self)


def load_data(
    name: str | Path, split: File = "train", *, resize: bool = False, offline: bool = False
) -> Split:
    """The "train" or "test" part of the data set with a name or at a path.

    Its `images` are uint8 (n, height, width), its `labels` positions in `classes`.
    resize: shrink images larger than 32x32, which are refused otherwise.
    A published set is fetched the first time, unless offline. Raises DataError.

    >>> import mlpcli
    >>> train = mlpcli.load_data("synth")
    >>> train.images.shape, train.classes[train.labels[0]]
    ((20000, 28, 28), '0')
    """
    _one_of("split", split, get_args(File))
    try:
        return dataset.load(str(name), split, how=Reading(resize=resize), offline=offline)
    except DataError as err:
        raise DataError(str(err).replace(RESIZE_OPTION, "resize=True")) from err


def load_config(
    source: str | Path | Mapping[str, Any] | None = None, changes: Changes = ()
) -> Config:
    """The settings of a shipped config's name or of a file, with changes.

    Without a source they are the defaults; changes alone may be the source.
    changes: values by dotted keys, or by sections as in a file, or `key=value` texts.
    Raises ConfigError with a line for each mistake.

    >>> import mlpcli
    >>> mlpcli.load_config("mnist", {"train.epochs": 3}).train.epochs
    3
    >>> mlpcli.load_config("mnist", ["train.epochs=3"]).train.epochs
    3
    >>> mlpcli.load_config({"optimizer": {"learning_rate": 1}})
    Traceback (most recent call last):
    mlpcli.errors.ConfigError: optimizer.learning_rate=1: unknown key 'learning_rate' ...
    """
    return settings.load(source, changes)


def train(
    config: Settings,
    out: str | Path,
    *,
    progress: bool = False,
    on_epoch: Callable[[Metrics], object] | None = None,
    overwrite: bool = False,
    offline: bool = False,
    threads: int | None = None,
) -> Model:
    """Train as `mlp train` does, into the folder out; returns its network, as `load` does.

    config: settings, or what `load_config` makes them of, such as "mnist" or {"train.epochs": 2}.
    progress: draw the curve in a notebook as it grows; elsewhere, show what `mlp train` shows on
    standard error.
    on_epoch: called after each epoch has been saved; an exception in it ends the training.
    threads: how many cores share the work; the default is all.
    The warnings of `mlp train` are in the folder's run.json.
    Raises MlpError: CheckFailed when the loss is not finite, Interrupted after Ctrl-C.
    """
    threads, config = threads or cores(), _settings(config)
    events = train_run(config, Path(out), overwrite=overwrite, offline=offline, threads=threads)
    with closing(events):  # so that the folder is free again, whatever on_epoch does
        seen = _calling(on_epoch, events) if on_epoch else events
        if progress:
            _watch(seen, config, Path(out))
        else:
            deque(seen, maxlen=0)
    return load(out)


def load(run: str | Path, *, weights: Weights = "auto") -> Model:
    """The network of a run; raises CheckpointError.

    run: its folder, or its name in the folder runs/.
    weights: "best", "last", or "auto", which takes the last where the learning rate ended at 0 and
    the validation curve did not fall, else the best; `selection` of the model says why.
    """
    _one_of("weights", weights, get_args(Weights))
    folder = find(run)
    selected, (metadata, params, *_) = selection.load(RunFolder(folder), weights)
    which = selected.weights
    return Model(folder, which, metadata.config, metadata.classes, params, selected)


def evaluate(
    run: str | Path | Model,
    *,
    split: Part = "test",
    data: str | Path | None = None,
    weights: Weights | None = None,
    offline: bool = False,
) -> Evaluation:
    """Loss, accuracy and confusion matrix of a run on a split of its data, or of other data.

    Its `scores.accuracy` is a fraction, `scores.loss` in nats.
    weights: as for `load`; the default is those of a Model, and "auto" for a run's folder.
    data: a name or a path, with the classes of the run or some of them. It may have class folders
    or a test split alone, and images of any size, pixel range and background: they are prepared as
    `mlp predict` does, and `notes` say how. Raises MlpError.
    """
    _one_of("split", split, get_args(Part))
    folder = run.run if isinstance(run, Model) else find(run)
    weights = weights or (run.weights if isinstance(run, Model) else "auto")
    _one_of("weights", weights, get_args(Weights))
    other = None if data is None else str(data)
    result = api_eval.evaluate_run(
        folder, split=split, data=other, weights=weights, offline=offline
    )
    return Evaluation(*result)


def check_gradient(subject: Settings | Model, *, quick: bool = False) -> list[Verdict]:
    """Check the gradient of every parameter: the `ok` of each verdict is its result.

    The network of settings, as `train` takes them, is checked at its start and after some steps
    of training.
    quick: by the complex step alone.

    >>> import mlpcli
    >>> mlpcli.check_gradient({"network.hidden": [16], "data.name": "synth", "data.images": 1000})
    [<initial parameters: right; 16,570 of 16,570 ...>, <after 8 steps of training: right; ...>]
    """
    if isinstance(subject, Model):
        run, _, config, classes, params, _ = subject
        points = iter([gradcheck.point_of_params(params, config, classes, str(run))])
    else:
        points = gradcheck.points_of_config(_settings(subject))
    return list(gradcheck.check_points(points, quick=quick))


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name}: must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def _watch(events: Generator[Event], config: Config, folder: Path) -> None:
    """Run a training to its end and show it, in a notebook or as `mlp train` does."""
    from mlpcli.show import console, notebook

    epochs, metric = config.train.epochs, config.train.metric
    if notebook.is_open():
        notebook.watch(events, epochs=epochs, metric=metric)
    else:
        console.watch(events, epochs=epochs, metric=metric, quiet=False)
        console.curves(folder)


def _calling(on_epoch: Callable[[Metrics], object], events: Generator[Event]) -> Generator[Event]:
    for event in events:
        if isinstance(event, Epoch):
            on_epoch(event.metrics)
        yield event


def _settings(source: Settings) -> Config:
    return source if isinstance(source, Config) else load_config(source)
