"""The curves of runs: drawn in the terminal, as JSON, and as a figure in a file."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.text import Text

from mlpcli.api.plot import Plot, Track
from mlpcli.errors import ConfigError
from mlpcli.show import curves, figure
from mlpcli.show.curves import Canvas, Curve, Scale
from mlpcli.show.format import METRICS, counted, json_object, percent, pick, size
from mlpcli.terminal import one_line

STYLES = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_black")
SYMBOLS = "●■▲◆▼★✚✖"  # of the runs, as in the report
LETTERS = "abcdefgh"  # the same in ASCII
TRAIN, VALIDATION, BEST = "magenta", "green", "●"  # of a single run, in the colors of the live view
MARK_DISTANCE = 8  # columns, at least, between two symbols on a curve
MIN_BESIDE = 48  # columns; below, two panels stand one above the other
SMALL_HEIGHT = 9  # lines of the curves after a training
FIGURE_SUFFIXES = (".svg", ".png")
LOG_FROM = 4  # how many times its least value the largest loss is, on a logarithmic axis


Draw = Callable[..., list[Text]]  # a panel; takes the canvas, and whether it labels the epochs


def drawing(plot: Plot, canvas: Canvas) -> list[Text]:
    """Loss above accuracy, below the runs' names: lines of text that fill the canvas."""
    lines = [_legend(plot, i, canvas) for i in range(len(plot.tracks))]
    if all(len(track.epochs) < 2 for track in plot.tracks):
        return [*lines, Text("a curve needs two epochs; --json has the figures")]
    panels = _panels(plot)
    room = canvas.height - len(lines) + len(panels) - 1  # all but the last lack the epochs
    height = max(6, room // len(panels))
    for i, panel in enumerate(panels, 1):
        is_last = i == len(panels)
        lines += panel(canvas._replace(height=height - (not is_last)), epochs=is_last)
    return lines


def small_drawing(plot: Plot, canvas: Canvas) -> list[Text]:
    """Loss and accuracy side by side in a few lines; one of them where it is narrow."""
    panels = _panels(plot)
    canvas = canvas._replace(height=min(SMALL_HEIGHT, canvas.height - 1))
    head = [_names(plot, canvas)] if len(plot.tracks) > 1 or plot.tracks[0].note else []
    if len(panels) == 1 or canvas.width < MIN_BESIDE:
        return [*head, *panels[-1](canvas, epochs=True)]
    half = canvas._replace(width=(canvas.width - 2) // 2)
    both = [panel(half, epochs=True) for panel in panels]
    return [*head, *curves.beside(*both, width=half.width + 2)]


def as_json(plot: Plot, path: Path | None = None) -> str:
    """Each run's numbers as one JSON object; path: the figure that was written."""
    runs = [
        {
            "run": history.run,
            **pick(history.record, "status", "metric"),
            "best_epoch": history.record.best and history.record.best.epoch,
            "history": [each.model_dump(mode="json") for each in history.epochs],
        }
        for history in plot.histories
    ]
    written = {} if path is None else {"figure": str(path)}
    return json_object({**written, "metric": plot.metric, "runs": runs})


def claim(path: Path, *, overwrite: bool) -> None:
    """Raise an MlpError unless a figure may be written to a path."""
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        raise ConfigError(f"--out {path}: expected a name that ends in .svg or .png")
    figure.claim(path, overwrite=overwrite)


def write(plot: Plot, path: Path) -> None:
    """Draw all losses and the accuracy of each run into a file; raises OutputError."""
    from mlpcli.show import plots  # imports matplotlib
    from mlpcli.show.plots import Line, Panel

    losses, scores = list[Line](), list[Line]()
    for i, track in enumerate(plot.tracks):
        losses.append(Line(track.epochs, track.train_loss, i, dashed=True))
        for lines, values in ((losses, track.validation_loss), (scores, track.score)):
            if values:
                lines.append(Line(track.epochs[: len(values)], values, i, ring=track.best or None))
    validated = len(losses) > len(plot.tracks)
    title = (
        "loss in nats (dashed: training, solid: validation)" if validated else "train loss in nats"
    )
    panels = [Panel(title, losses, log=True)]
    if scores:
        panels.append(Panel(f"validation {METRICS[plot.metric]}", scores, percent=True))
    names = [f"{track.name}{f', {track.note}' if track.note else ''}" for track in plot.tracks]
    plots.save_history(path, panels, names)


def figure_as_text(plot: Plot, path: Path) -> str:
    """The figure's path and size, and what is in it."""
    return f"figure: {path} ({size(path.stat().st_size)}, {counted(len(plot.histories), 'run')})"


def _legend(plot: Plot, i: int, canvas: Canvas) -> Text:
    """What a run has reached, in words."""
    track, metric = plot.tracks[i], METRICS[plot.metric]
    epochs = counted(track.epochs[-1], "epoch")
    facts = [*filter(None, [track.note]), epochs]
    if track.score and track.best:
        best = percent(track.score[track.best - 1])
        facts.append(f"best {metric} {best} in epoch {track.best}")
    elif track.score:
        facts.append(f"{metric} {percent(track.score[-1])} in the last epoch")
    if len(facts) > 1 and len(f"  {track.name}: {', '.join(facts)}") > canvas.width:
        facts.remove(epochs)  # which the axis shows
    line = Text(f"{one_line(track.name)}: {', '.join(facts)}")
    if len(plot.tracks) > 1:
        line = Text.assemble((_symbols(canvas)[i], STYLES[i]), " ", line)
    line.truncate(canvas.width)
    return line


def _names(plot: Plot, canvas: Canvas) -> Text:
    """The symbols of the runs with the last part of their names, in a line; what a mean is of."""
    line = Text()
    if len(plot.tracks) == 1:
        line.append(plot.tracks[0].note)
        return line
    for track, symbol, style in zip(plot.tracks, _symbols(canvas), STYLES, strict=False):
        line.append(symbol, style)
        line.append(f" {one_line(Path(track.name).name)}  ")
    line.truncate(canvas.width)
    return line


def _symbols(canvas: Canvas) -> str:
    return LETTERS if canvas.ascii_ else SYMBOLS


def _panels(plot: Plot) -> Sequence[Draw]:
    """What draws the loss, and the accuracy where it was measured."""
    scored = any(track.score for track in plot.tracks)
    return [partial(_loss, plot), partial(_score, plot)][: 1 + scored]


def _loss(plot: Plot, canvas: Canvas, *, epochs: bool) -> list[Text]:
    """Train and validation loss of one run; of several the validation loss, to keep it readable."""
    if len(plot.tracks) == 1:
        titles, drawn = _two_losses(plot.tracks[0], canvas)
    else:
        field = "validation" if all(track.validation_loss for track in plot.tracks) else "train"
        losses = [getattr(track, f"{field}_loss") for track in plot.tracks]
        drawn = [_curve(i, values, canvas) for i, values in enumerate(losses)]
        titles = [Text(f"{field} loss", "bold")]
    values = [value for curve in drawn for value in curve.values]
    scale = Scale(log=0 < LOG_FROM * min(values) < max(values))
    return curves.panel(titles, drawn, on=canvas, scale=scale, epochs=epochs)


def _two_losses(track: Track, canvas: Canvas) -> tuple[list[Text], list[Curve]]:
    """The losses of a single run, below a title that names their lines."""
    both = {"train": track.train_loss, "validation": track.validation_loss}
    head = Text.assemble(("loss", "bold"))
    drawn, title, short = [], head.copy(), head.copy()
    for (name, values), style in zip(both.items(), (TRAIN, VALIDATION), strict=True):
        if values:
            dashed = name == "train"
            marks = {} if dashed else _best(track, canvas)
            character = "." if dashed else "*"
            epochs = track.epochs[: len(values)]
            drawn.append(Curve(epochs, values, style, character, dashed=dashed, marks=marks))
            key = 2 * (character if canvas.ascii_ else "╌" if dashed else "━")
            title.append_text(Text.assemble("  ", (key, style), f" {name} {values[-1]:.4f}"))
            short.append_text(Text.assemble(" ", (key, style), f" {name}"))
    return [title, short, head], drawn


def _score(plot: Plot, canvas: Canvas, *, epochs: bool) -> list[Text]:
    metric = METRICS[plot.metric]
    titles = [Text.assemble((name, "bold")) for name in (f"validation {metric}", metric)]
    if len(plot.tracks) == 1:
        (track,) = plot.tracks
        values = [100 * value for value in track.score]
        marks = _best(track, canvas)
        drawn = [Curve(track.epochs[: len(values)], values, VALIDATION, "*", marks=marks)]
        for text in (f"  {percent(track.score[-1])}", f", best {max(values):.2f}%"):
            titles.insert(0, Text.assemble(titles[0], text))
    else:
        scores = [[100 * value for value in track.score] for track in plot.tracks]
        drawn = [_curve(i, values, canvas) for i, values in enumerate(scores) if values]
    return curves.panel(titles, drawn, on=canvas, scale=Scale(unit="%"), epochs=epochs)


def _best(track: Track, canvas: Canvas) -> dict[int, str]:
    return {track.best: "O" if canvas.ascii_ else BEST} if track.best else {}


def _curve(i: int, values: list[float], canvas: Canvas) -> Curve:
    """The curve of one of several runs, with its symbol every few columns."""
    symbol = _symbols(canvas)[i]
    every = max(1, -(-len(values) * MARK_DISTANCE // canvas.width))
    epochs = range(1, len(values) + 1)
    marks = dict.fromkeys(epochs[i % every :: every], symbol)
    return Curve(epochs, values, STYLES[i], symbol, marks=marks)
