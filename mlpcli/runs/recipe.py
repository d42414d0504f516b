"""What the settings say about a step: its rule, learning rate, dropout and weight decay."""

from mlpcli.nn import Array, dropout, optim, schedule
from mlpcli.nn.mlp import Masks
from mlpcli.runs.seeds import stream
from mlpcli.runs.settings import AdamW, Config, Cosine, OneCycle, Sgd, Steps


def rule(config: Config) -> optim.Rule:
    """How a step changes the parameters; the decay of AdamW comes before it."""
    optimizer = config.optimizer
    if isinstance(optimizer, Sgd):
        return optim.sgd(optimizer.momentum, nesterov=optimizer.nesterov)
    return optim.adam(optimizer.beta1, optimizer.beta2, optimizer.eps)


def slots(config: Config) -> tuple[str, ...]:
    """Names of the vectors that training goes on from beside the parameters: `Engine.memory`."""
    return (*optim.SLOTS[config.optimizer.name], *(() if config.train.ema is None else ("raw",)))


def penalty(config: Config) -> float:
    """Weight decay as it stands in the loss; that of AdamW does not."""
    return 0.0 if isinstance(config.optimizer, AdamW) else config.optimizer.weight_decay


def lr(config: Config, progress: float) -> float:
    """The learning rate where this fraction of the training is done."""
    return config.optimizer.lr * _schedule(config)(progress)


def masks(config: Config, x: Array, purpose: str, *counters: int) -> Masks | None:
    """Dropout masks for a batch of images x, from the seed's stream of that purpose and place."""
    network = config.network
    rates = (network.input_dropout, *(network.dropout for _ in network.hidden))
    if not any(rates):
        return None
    widths = (x.shape[1], *network.hidden)
    rng = stream(config.seed, purpose, *counters)
    return dropout.masks(len(x), widths, rates, rng=rng, dtype=str(x.dtype))


def _schedule(config: Config) -> schedule.Schedule:
    chosen = config.schedule
    if isinstance(chosen, OneCycle):
        return schedule.one_cycle(chosen.warmup, chosen.start)
    if isinstance(chosen, Steps):
        shape = schedule.step(chosen.at, chosen.factor)
    else:
        shape = schedule.cosine if isinstance(chosen, Cosine) else schedule.constant
    return schedule.warmed(shape, chosen.warmup)
