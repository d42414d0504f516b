"""The settings of a run: one typed model, the single list of them with defaults, units and ranges.

A config file is a set of changes to it; `config.py` reads such files and reports what is wrong.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from mlpcli.nn.activation import ACTIVATIONS

Fraction = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=100)]
Decay = Annotated[
    float, Field(ge=0, le=1, description="factor of W in its gradient; biases do not decay")
]
Beta1 = Annotated[
    float, Field(ge=0, lt=1, description="share of the mean gradient kept at each step")
]
Beta2 = Annotated[
    float, Field(ge=0, lt=1, description="share of the mean square kept at each step")
]
Eps = Annotated[float, Field(gt=0, le=1, description="added to the root mean square")]
Warmup = Annotated[
    float,
    Field(
        ge=0, lt=1, description="fraction of the training in which lr rises from 0, along a line"
    ),
]


class Section(BaseModel):
    """Part of the settings: unknown keys, coerced types and later changes are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def replace(self, **changes: Any) -> Self:
        """The section with these values in place of its own, checked as a file's are."""
        return self.model_validate({**dict(self), **changes})


class Data(Section):
    """What the network is trained on."""

    name: str = Field(
        default="synth", min_length=1, description="a data set's name, synth, or a path"
    )
    validation: float = Field(
        default=0.1, gt=0, lt=1, description="fraction of the training images kept for validation"
    )
    images: int | None = Field(
        default=None, ge=100, le=100_000_000, description="training images to draw; synth only"
    )
    resize: bool = Field(default=False, description="shrink images that are larger than 32x32")


class Network(Section):
    """Layers between the 1024 inputs and one output per class."""

    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = Field(
        default=(512, 256), strict=False, max_length=32, description="units of each hidden layer"
    )
    activation: Literal[tuple(ACTIVATIONS)] = Field(  # type: ignore[valid-type]  # from one table
        default="relu", description="function of the hidden layers"
    )
    init: Literal["he", "glorot", "lecun"] = Field(
        default="he", description="variance of the initial weights"
    )
    input_dropout: Fraction = Field(
        default=0.0, description="fraction of the inputs dropped in each step"
    )
    dropout: Fraction = Field(
        default=0.0, description="fraction of the hidden units dropped in each step"
    )
    max_norm: float | None = Field(
        default=None, gt=0, le=1000, description="largest length of a hidden unit's weight vector"
    )


class Sgd(Section):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = "sgd"
    lr: Rate = Field(default=0.1, description="learning rate at its highest")
    momentum: Fraction = Field(default=0.9, description="share of the velocity kept at each step")
    nesterov: bool = Field(default=False, description="look ahead along the velocity")
    weight_decay: Decay = 0.0


class Adam(Section):
    """Adam."""

    name: Literal["adam"] = "adam"
    lr: Rate = Field(default=1e-3, description="learning rate at its highest")
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Eps = 1e-8
    weight_decay: Decay = 0.0


class AdamW(Section):
    """Adam with weight decay apart from the gradient."""

    name: Literal["adamw"] = "adamw"
    lr: Rate = Field(default=1e-3, description="learning rate at its highest")
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Eps = 1e-8
    weight_decay: float = Field(
        default=0.01, ge=0, le=10, description="times lr, share of W taken away in each step"
    )


class Constant(Section):
    """A constant learning rate."""

    name: Literal["constant"] = "constant"
    warmup: Warmup = 0.0


class Steps(Section):
    """The learning rate drops at some points."""

    name: Literal["step"] = "step"
    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        default=(0.5, 0.75),
        strict=False,
        max_length=100,
        description="fractions of what follows the warm-up, at which lr falls",
    )
    factor: float = Field(default=0.1, gt=0, lt=1, description="of lr, at each of them")
    warmup: Warmup = 0.0


class Cosine(Section):
    """The learning rate falls to 0 along half a cosine."""

    name: Literal["cosine"] = "cosine"
    warmup: Warmup = 0.0


class OneCycle(Section):
    """The learning rate rises linearly, falls as fast, then anneals to 0."""

    name: Literal["one_cycle"] = "one_cycle"
    start: float = Field(
        default=0.04, ge=0, le=1, description="fraction of lr, before the rise and after the fall"
    )
    warmup: float = Field(
        default=0.45, gt=0, le=0.5, description="fraction of the training in which lr rises"
    )


def _named(default: str) -> Discriminator:
    """The kind of a section is its name, or the default without one."""

    def name(value: Any) -> str:
        if isinstance(value, dict):
            return str(value.get("name", default))
        return getattr(value, "name", default)

    return Discriminator(name)


Optimizer = Annotated[
    Annotated[Sgd, Tag("sgd")] | Annotated[Adam, Tag("adam")] | Annotated[AdamW, Tag("adamw")],
    _named("sgd"),
]
Schedule = Annotated[
    Annotated[Constant, Tag("constant")]
    | Annotated[Steps, Tag("step")]
    | Annotated[Cosine, Tag("cosine")]
    | Annotated[OneCycle, Tag("one_cycle")],
    _named("cosine"),
]


class Train(Section):
    """How long, and in batches of what size."""

    epochs: int = Field(default=10, ge=1, le=100_000, description="passes over the training images")
    batch_size: int = Field(default=128, ge=1, le=60_000, description="images in one step")
    patience: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="epochs without a better validation accuracy before stopping early",
    )
    time_budget: float | None = Field(
        default=None,
        gt=0,
        le=1e7,
        description="seconds for steps, validation and saving; the schedule ends with them",
    )
    target: float | None = Field(
        default=None, gt=0, le=1, description="validation accuracy, a fraction, that ends training"
    )
    label_smoothing: Fraction = Field(
        default=0.0, description="share of each target spread over all classes"
    )
    ema: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="decay of an average of the weights over the steps, used in their place",
    )


class Augment(Section):
    """How far the variants of the training images may be from them; each epoch sees new ones."""

    shift: float = Field(default=0.0, ge=0, le=16, description="pixels, in x and in y")
    rotate: float = Field(default=0.0, ge=0, le=180, description="degrees, in both directions")
    scale: float = Field(
        default=0.0, ge=0, le=0.5, description="fraction of the size, the same in x and in y"
    )
    stretch: float = Field(
        default=0.0, ge=0, le=0.5, description="fraction of the size, in x and in y each on its own"
    )
    shear: float = Field(
        default=0.0, ge=0, le=60, description="degrees by which upright lines are slanted"
    )
    elastic: float = Field(
        default=0.0,
        ge=0,
        le=8,
        description="pixels, root mean square of the smooth displacement in x and in y",
    )
    elastic_sigma: float = Field(
        default=4.0, ge=1, le=16, description="pixels, width of the Gaussian that smooths it"
    )
    erase: float = Field(
        default=0.0, ge=0, le=1, description="probability that a rectangle becomes noise"
    )
    flip: bool = Field(
        default=False, description="mirror half of the images, left to right; not for characters"
    )

    def changes_images(self) -> bool:
        """Whether a variant can be other than its image."""
        return any(self.model_dump(exclude={"elastic_sigma"}).values())


class Checkpoints(Section):
    """When the state of a training is saved, apart from the end of each epoch."""

    every_seconds: float = Field(
        default=30.0, ge=0, le=1e9, description="within an epoch; 0 saves after every step"
    )


class Log(Section):
    """Other logs of a training."""

    tensorboard: bool = Field(
        default=False,
        description="TensorBoard event files in the run's folder events/; extra tensorboard",
    )


class Config(Section):
    """Everything that decides a run, apart from the machine."""

    seed: int = Field(default=0, ge=0, lt=2**63, description="decides every random choice")
    data: Data = Data()
    network: Network = Network()
    optimizer: Optimizer = Sgd()
    schedule: Schedule = Cosine()
    train: Train = Train()
    augment: Augment = Augment()
    checkpoint: Checkpoints = Checkpoints()
    log: Log = Log()
