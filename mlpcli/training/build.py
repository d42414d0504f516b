"""From settings to the parts of a training: engine, update rule, learning rate, dropout."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.optimizer import AdamW, Sgd
from mlpcli.config.schedule import Cosine, OneCycle, Steps
from mlpcli.config.schema import Config
from mlpcli.data.preprocessing import INPUTS
from mlpcli.nn import dropout, mlp, optim, schedule
from mlpcli.nn.activation import ACTIVATIONS, Activation
from mlpcli.nn.engine import Engine, Source
from mlpcli.nn.mlp import Masks, Params
from mlpcli.nn.team import Team
from mlpcli.training.rng import stream


def layer_sizes(config: Config, *, classes: int) -> tuple[int, ...]:
    """Width of every layer, input first."""
    return (INPUTS, *config.network.hidden, classes)


def initial_params(config: Config, *, classes: int, dtype: str = "float32") -> Params:
    """The configured network before its first step."""
    sizes, rng = layer_sizes(config, classes=classes), stream(config.seed, "init")
    return mlp.init(sizes, rng=rng, scheme=config.network.init, dtype=dtype)


def make_engine(
    config: Config,
    *,
    classes: int,
    active_inputs: NDArray[np.intp] | None = None,
    source: Source | None = None,
    team: Team | None = None,
) -> Engine:
    """The engine at its initial parameters, with the rule that updates them.

    active_inputs: indices (k,), in the order of the columns of a batch; default: all inputs.
    source, team: as `Engine` takes them.
    """
    return Engine(
        initial_params(config, classes=classes),
        batch_size=config.train.batch_size,
        active_inputs=active_inputs,
        activation=activation(config),
        weight_decay=l2_penalty(config),
        decoupled_decay=config.optimizer.weight_decay - l2_penalty(config),
        max_norm=config.network.max_norm,
        ema=config.train.ema,
        batch_norm=config.network.batch_norm,
        rule=update_rule(config),
        slots=len(optim.SLOTS[config.optimizer.name]),
        source=source,
        team=team,
    )


def activation(config: Config) -> Activation:
    """The activation of the hidden layers."""
    return ACTIVATIONS[config.network.activation]


def update_rule(config: Config) -> optim.UpdateRule:
    """How a step changes the parameters; the decay of AdamW comes before it."""
    optimizer = config.optimizer
    if isinstance(optimizer, Sgd):
        return optim.sgd(optimizer.momentum, nesterov=optimizer.nesterov)
    return optim.adam(optimizer.beta1, optimizer.beta2, optimizer.eps)


def state_names(config: Config) -> tuple[str, ...]:
    """Names of the vectors in `Engine.optimizer_state`."""
    averaged, normalized = config.train.ema is not None, config.network.batch_norm
    names = [*optim.SLOTS[config.optimizer.name]]
    names += ["raw"] if averaged or normalized else []
    names += ["average"] if averaged and normalized else []
    return tuple(names)


def l2_penalty(config: Config) -> float:
    """Weight decay as it stands in the loss; that of AdamW does not."""
    return 0.0 if isinstance(config.optimizer, AdamW) else config.optimizer.weight_decay


def learning_rate(config: Config) -> Callable[[float], float]:
    """The learning rate as a function of the fraction of the training that is done, in [0, 1]."""
    chosen = config.schedule
    if isinstance(chosen, OneCycle):
        factor = schedule.one_cycle(chosen.warmup, chosen.start)
    else:
        shape: schedule.Schedule = schedule.constant
        if isinstance(chosen, Steps):
            shape = schedule.step(chosen.at, chosen.factor)
        elif isinstance(chosen, Cosine):
            shape = schedule.cosine
        factor = schedule.with_warmup(shape, chosen.warmup)
    return lambda progress: config.optimizer.lr * factor(progress)


def dropout_masks(
    config: Config,
    shape: tuple[int, ...],
    purpose: str,
    *counters: int,
    rows: slice | None = None,
    dtype: str = "float32",
) -> Masks | None:
    """Dropout masks for images of shape (n, inputs), from the seed's stream of purpose and place.

    rows: those of the n that are wanted; default: all.
    """
    network = config.network
    rates = (network.input_dropout, *(network.dropout for _ in network.hidden))
    if not any(rates):
        return None
    rng = stream(config.seed, purpose, *counters)
    n, inputs = shape
    return dropout.masks(n, (inputs, *network.hidden), rates, rng=rng, dtype=dtype, rows=rows)
