"""The settings of the optimizers."""

from typing import Annotated, Any, Literal

from pydantic import Tag

from mlpcli.config.section import Fraction, Section, field, named


def rate(default: float) -> Any:
    """The field of a learning rate."""
    synonyms = "learning_rate learning_rate_init lr0 eta"
    return field(default, "learning rate at its highest", synonyms=synonyms, gt=0, le=100)


def decay(default: float) -> Any:
    """The field of a weight decay that is part of the gradient."""
    text = "factor of W in its gradient; biases do not decay"
    return field(default, text, synonyms="l2 wd", ge=0, le=1)


class Sgd(Section):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = field("sgd", "kind of optimizer", synonyms="solver optim")
    lr: float = rate(0.1)
    momentum: Fraction = field(0.9, "share of the velocity kept at each step")
    nesterov: bool = field(False, "look ahead along the velocity")
    weight_decay: float = decay(0.0)


class AdaptiveMoments(Section):
    """What Adam and AdamW share."""

    name: str
    lr: float = rate(1e-3)
    beta1: Fraction = field(0.9, "share of the mean gradient kept at each step")
    beta2: Fraction = field(0.999, "share of the mean square kept at each step")
    eps: float = field(1e-8, "added to the root mean square", gt=0, le=1)


class Adam(AdaptiveMoments):
    """Adam."""

    name: Literal["adam"] = "adam"
    weight_decay: float = decay(0.0)


class AdamW(AdaptiveMoments):
    """Adam with weight decay apart from the gradient."""

    name: Literal["adamw"] = "adamw"
    weight_decay: float = field(0.01, "times lr, share of W taken away in each step", ge=0, le=10)


Optimizer = Annotated[
    Annotated[Sgd, Tag("sgd")] | Annotated[Adam, Tag("adam")] | Annotated[AdamW, Tag("adamw")],
    named("sgd"),
]
