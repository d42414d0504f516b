"""The settings of a run: one typed model, the single list of them with defaults, units and ranges.

A config file is a set of changes to it; `load` reads such files and reports what is wrong.
"""

from typing import Annotated, Literal

from pydantic import Field

from mlpcli.config.optimizer import Optimizer, Sgd
from mlpcli.config.schedule import Cosine, Schedule
from mlpcli.config.section import Fraction, Section, field
from mlpcli.nn.activation import ACTIVATIONS

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=100_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=100_000_000)]
Metric = Literal["accuracy", "balanced_accuracy", "macro_f1"]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class Data(Section):
    """What the network is trained on."""

    name: str = field(
        "synth", "a data set's name, synth, or a path", synonyms="dataset", min_length=1
    )
    validation: Share | CountOrNone | Annotated[str, Field(min_length=1)] | None = field(
        None,
        "images kept for validation: a share or a number of the training images, 0 for none, or a "
        "data set's name or path; default: the data's own validation split or, without one, 0.1",
    )
    images: Share | Count | None = field(
        None, "training images to use, as many of each class as its share; of synth, to draw"
    )
    folds: int | None = field(
        None, "parts of the training images, one of which is kept for validation", ge=2, le=100
    )
    fold: int = field(0, "which of the folds is kept, from 0", ge=0, lt=100)
    resize: bool = field(False, "shrink images that are larger than 32x32")
    white: float | None = field(
        None, "value of a white pixel; default: 1, 16, 255 or 65535, as the images suggest", gt=0
    )
    background: Literal["auto", "dark", "light"] = field(
        "auto", "of the images; light ones are inverted"
    )
    shape: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = field(
        None, "height and width of images that are rows of pixels; default: square", strict=False
    )
    column_major: bool = field(False, "pixels of a row stand column by column, as in MATLAB")
    label: str | None = field(None, "column or array of the labels; default: by its name")
    ten_is_zero: bool = field(False, "label 10 stands for the digit 0")


class Network(Section):
    """Layers between the 1024 inputs and one output per class."""

    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = field(
        (512, 256),
        "units of each hidden layer",
        synonyms="hidden_layer_sizes hidden_sizes hidden_units units",
        strict=False,
        max_length=32,
    )
    activation: Literal[tuple(ACTIVATIONS)] = field(  # type: ignore[valid-type]  # from one table
        "relu", "function of the hidden layers", synonyms="act nonlinearity"
    )
    init: Literal["he", "glorot", "lecun"] = field("he", "variance of the initial weights")
    batch_norm: bool = field(
        False,
        "normalize each hidden unit over the images of a step",
        synonyms="batchnorm batch_normalization bn",
    )
    input_dropout: Fraction = field(0.0, "fraction of the inputs dropped in each step")
    dropout: Fraction = field(
        0.0, "fraction of the hidden units dropped in each step", synonyms="dropout_rate drop"
    )
    max_norm: float | None = field(
        None, "largest length of a hidden unit's weight vector", gt=0, le=1000
    )


class Train(Section):
    """How long, and in batches of what size."""

    epochs: int = field(
        10,
        "passes over the training images",
        synonyms="epoch max_epochs num_epochs n_epochs num_train_epochs max_iter",
        ge=1,
        le=100_000,
    )
    batch_size: int = field(128, "images in one step", synonyms="batch batchsize", ge=1, le=60_000)
    patience: int | None = field(
        None,
        "epochs without a better train.metric before stopping early",
        synonyms="n_iter_no_change",
        ge=1,
        le=100_000,
    )
    time_budget: float | None = field(
        None,
        "seconds for steps, validation and saving; the schedule ends with them",
        synonyms="max_time",
        gt=0,
        le=1e7,
    )
    target: float | None = field(
        None, "value of train.metric, a fraction, that ends training", gt=0, le=1
    )
    label_smoothing: Fraction = field(0.0, "share of each target spread over all classes")
    class_weight: (
        Literal["none", "balanced"]
        | Annotated[tuple[Weight, ...], Field(strict=False)]
        | dict[str, Weight]
    ) = field(
        "none",
        "of each class in the loss: none; balanced, n / (classes * its images); a list of numbers; "
        "or a map from names to numbers, 1 for the other classes",
    )
    metric: Metric = field(
        "accuracy", "of the validation images: decides the best weights, patience and target"
    )
    ema: float | None = field(
        None, "decay of an average of the weights over the steps, used in their place", gt=0, lt=1
    )
    calibration: Literal["temperature", "none"] = field(
        "temperature",
        "how probabilities are calibrated: by a temperature, fitted on the validation images",
    )


class Augment(Section):
    """How far the variants of the training images may be from them; each epoch sees new ones."""

    shift: float = field(0.0, "pixels, in x and in y", ge=0, le=16)
    rotate: float = field(0.0, "degrees, in both directions", ge=0, le=180)
    scale: float = field(0.0, "fraction of the size, the same in x and in y", ge=0, le=0.5)
    stretch: float = field(0.0, "fraction of the size, in x and in y each on its own", ge=0, le=0.5)
    shear: float = field(0.0, "degrees by which upright lines are slanted", ge=0, le=60)
    elastic: float = field(
        0.0, "pixels, root mean square of the smooth displacement in x and in y", ge=0, le=8
    )
    elastic_sigma: float = field(4.0, "pixels, width of the Gaussian that smooths it", ge=1, le=16)
    erase: float = field(0.0, "probability that a rectangle becomes noise", ge=0, le=1)
    flip: bool = field(False, "mirror half of the images, left to right; not for characters")

    def changes_images(self) -> bool:
        """Whether a variant can be other than its image."""
        return any(self.model_dump(exclude={"elastic_sigma"}).values())


class Checkpoints(Section):
    """When the state of a training is saved, apart from the end of each epoch."""

    every_seconds: float = field(30.0, "within an epoch; 0 saves after every step", ge=0, le=1e9)


class Log(Section):
    """Other logs of a training."""

    tensorboard: bool = field(
        False, "TensorBoard event files in the run's folder events/; extra tensorboard"
    )


class Config(Section):
    """Everything that decides a run, apart from the machine."""

    seed: int = field(
        0,
        "decides every random choice",
        synonyms="random_state random_seed manual_seed",
        ge=0,
        lt=2**63,
    )
    data: Data = Data()
    network: Network = Network()
    optimizer: Optimizer = Sgd()
    schedule: Schedule = Cosine()
    train: Train = Train()
    augment: Augment = Augment()
    checkpoint: Checkpoints = Checkpoints()
    log: Log = Log()
