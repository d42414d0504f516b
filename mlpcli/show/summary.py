"""A network's costs as a table, or as one JSON object."""

from mlpcli.runs.summary import Summary
from mlpcli.show.text import as_json, table


def as_text(summary: Summary) -> str:
    """A line for each layer, their sums, and the memory that training takes."""
    head = ["layer", "W", "then", "parameters", "FLOPs forward", "FLOPs backward"]
    rows = [
        [
            f"z{row.layer}",
            "x".join(map(str, row.W)),
            row.activation,
            f"{row.parameters:,}",
            f"{row.forward:,}",
            f"{row.backward:,}",
        ]
        for row in summary.rows
    ]
    total = ["total", "", "", *(f"{sum(column):,}" for column in _columns(summary))]
    return "\n".join(
        [
            *table([head, *rows, total]),
            "",
            f"weights: {_size(summary.weights)}",
            f"training: {_size(summary.training)} with gradient and optimizer, "
            f"and {_size(summary.batch)} for a batch of {summary.batch_size}",
            "FLOPs are of one image; a multiply-add counts as two",
        ]
    )


def as_object(summary: Summary) -> str:
    """The same facts as one JSON object."""
    parameters, forward, backward = (sum(column) for column in _columns(summary))
    return as_json(
        {
            "layers": [row._asdict() for row in summary.rows],
            "parameters": parameters,
            "forward": forward,
            "backward": backward,
            "batch_size": summary.batch_size,
            "bytes": {
                "weights": summary.weights,
                "training": summary.training,
                "batch": summary.batch,
            },
        }
    )


def _columns(summary: Summary) -> list[list[int]]:
    """Parameters, and operations forward and backward, of every layer."""
    return [list(column) for column in zip(*(row[3:] for row in summary.rows), strict=True)]


def _size(bytes_: int) -> str:
    return f"{bytes_ / 1e6:,.1f} MB" if bytes_ >= 1e6 else f"{bytes_ / 1e3:,.1f} kB"
