"""A network's costs as a table, or as one JSON object."""

from mlpcli.api.summary import Summary
from mlpcli.show.format import json_object, size, table


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
            f"weights: {size(summary.weights)}",
            f"training: {size(summary.training)} with gradient and optimizer, "
            f"and {size(summary.batch)} for a batch of {summary.batch_size}",
            "FLOPs are of one image; a multiply-add counts as two",
        ]
    )


def as_json(summary: Summary) -> str:
    """The same facts as one JSON object."""
    parameters, forward, backward = (sum(column) for column in _columns(summary))
    return json_object(
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
