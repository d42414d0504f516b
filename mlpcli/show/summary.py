"""A network's costs as a table, or as one JSON object."""

from mlpcli.api.summary import Summary
from mlpcli.show.format import json_object, pick, size, table


def as_text(summary: Summary) -> str:
    """A line for each layer, their sums, and the memory that training takes."""
    head = ["layer", "W", "then", "parameters", "FLOPs forward", "FLOPs backward"]
    rows = [
        [f"z{r.layer}", "x".join(map(str, r.W)), r.activation, *map("{:,}".format, r[3:])]
        for r in summary.rows
    ]
    total = ["total", "", "", *map("{:,}".format, _totals(summary))]
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
    parameters, forward, backward = _totals(summary)
    return json_object(
        {
            "layers": summary.rows,
            "parameters": parameters,
            "forward": forward,
            "backward": backward,
            "batch_size": summary.batch_size,
            "bytes": pick(summary, "weights", "training", "batch"),
        }
    )


def _totals(summary: Summary) -> list[int]:
    """Parameters, and operations forward and backward, of all layers."""
    return [sum(column) for column in zip(*(row[3:] for row in summary.rows), strict=True)]
