"""The settings of the learning-rate schedules."""

from typing import Annotated, Literal

from pydantic import Field, Tag

from mlpcli.config.section import Section, field, named

WARMUP = "fraction of the training in which lr rises from 0, along a line"
Warmup = Annotated[float, Field(ge=0, lt=1, description=WARMUP)]


class Constant(Section):
    """A constant learning rate."""

    name: Literal["constant"] = field("constant", "kind of schedule", synonyms="scheduler")
    warmup: Warmup = 0.0


class Steps(Section):
    """The learning rate drops at some points."""

    name: Literal["step"] = "step"
    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = field(
        (0.5, 0.75),
        "fractions of what follows the warm-up, at which lr falls",
        strict=False,
        max_length=100,
    )
    factor: float = field(0.1, "of lr, at each of them", gt=0, lt=1)
    warmup: Warmup = 0.0


class Cosine(Section):
    """The learning rate falls to 0 along half a cosine."""

    name: Literal["cosine"] = "cosine"
    warmup: Warmup = 0.0


class OneCycle(Section):
    """The learning rate rises linearly, falls as fast, then anneals to 0."""

    name: Literal["one_cycle"] = "one_cycle"
    start: float = field(0.04, "fraction of lr, before the rise and after the fall", ge=0, le=1)
    warmup: float = field(0.45, "fraction of the training in which lr rises", gt=0, le=0.5)


Schedule = Annotated[
    Annotated[Constant, Tag("constant")]
    | Annotated[Steps, Tag("step")]
    | Annotated[Cosine, Tag("cosine")]
    | Annotated[OneCycle, Tag("one_cycle")],
    named("cosine"),
]
