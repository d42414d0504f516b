"""The settings of a run: one typed model, the single list of them with defaults, units and ranges.

A config file is a set of changes to it; `config.py` reads such files and reports what is wrong.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Fraction = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=100)]
Decay = Annotated[
    float, Field(ge=0, le=1, description="factor of W in its gradient; biases do not decay")
]


class Section(BaseModel):
    """Part of the settings: unknown keys, coerced types and later changes are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Data(Section):
    """What is learnt from."""

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
    activation: Literal["relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid"] = Field(
        default="relu", description="function of the hidden layers"
    )


class Sgd(Section):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = "sgd"
    lr: Rate = Field(default=0.1, description="learning rate at its highest")
    momentum: Fraction = Field(default=0.9, description="share of the velocity kept at each step")
    weight_decay: Decay = 0.0


class Adam(Section):
    """Adam."""

    name: Literal["adam"] = "adam"
    lr: Rate = Field(default=1e-3, description="learning rate at its highest")
    beta1: Fraction = Field(default=0.9, description="share of the mean gradient kept at each step")
    beta2: Fraction = Field(default=0.999, description="share of the mean square kept at each step")
    eps: float = Field(default=1e-8, gt=0, le=1, description="added to the root mean square")
    weight_decay: Decay = 0.0


def _optimizer_name(value: Any) -> str:
    return (
        str(value.get("name", "sgd")) if isinstance(value, dict) else getattr(value, "name", "sgd")
    )


Optimizer = Annotated[
    Annotated[Sgd, Tag("sgd")] | Annotated[Adam, Tag("adam")], Discriminator(_optimizer_name)
]


class Schedule(Section):
    """The learning rate over time."""

    name: Literal["constant", "cosine"] = Field(
        default="cosine", description="shape of the learning rate"
    )


class Train(Section):
    """How long, and in what portions."""

    epochs: int = Field(default=10, ge=1, le=100_000, description="passes over the training images")
    batch_size: int = Field(default=128, ge=1, le=60_000, description="images in one step")
    patience: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="epochs without a better validation accuracy before stopping early",
    )
    label_smoothing: Fraction = Field(
        default=0.0, description="share of each target spread over all classes"
    )


class Checkpoints(Section):
    """When the state of a training is saved, apart from the end of each epoch."""

    every_seconds: float = Field(
        default=30.0, ge=0, le=1e9, description="within an epoch; 0 saves after every step"
    )


class Config(Section):
    """Everything that decides a run, apart from the machine."""

    seed: int = Field(default=0, ge=0, lt=2**63, description="decides every random choice")
    data: Data = Data()
    network: Network = Network()
    optimizer: Optimizer = Sgd()
    schedule: Schedule = Schedule()
    train: Train = Train()
    checkpoint: Checkpoints = Checkpoints()
