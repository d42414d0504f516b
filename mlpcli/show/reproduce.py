"""The comparison of a run with its repetition, as text and as JSON."""

from typing import Any

from mlpcli.api.reproduce import LOSS_TOLERANCE, Reproduction
from mlpcli.show.format import counted, json_object, pick, text


def as_text(result: Reproduction) -> str:
    """The verdict, the weights, the largest difference of the epochs, and what else differs."""
    epochs = counted(result.epochs, "epoch")
    if result.since is None:
        head = f"{result.run}: bit-identical, in {epochs} and the final weights"
        return f"{head}\nweights: SHA-256 {result.weights[0]}"
    verdict = "within the tolerance" if result.verdict == "close" else "different"
    lines = [
        f"{result.run}: {verdict}; the bits differ from epoch {result.since} on",
        f"largest difference in {epochs}: {_percent(result.loss)} of a loss (tolerance "
        f"{_percent(LOSS_TOLERANCE)}), {_percent(result.accuracy)} of the validation images "
        f"(tolerance {_percent(result.allowed)})",
        f"weights in the run: SHA-256 {result.weights[0]}",
        f"weights now: SHA-256 {result.weights[1]}",
    ]
    lines += [
        f"{name}: {_value(then)} in the run, {_value(now)} now"
        for name, (then, now) in result.environment.items()
    ]
    if not result.environment:
        lines.append("versions, BLAS, threads and processor are the same")
    return "\n".join(lines)


def as_json(result: Reproduction) -> str:
    """Everything, as one JSON object."""
    then, now = result.weights
    differences = {n: {"then": a, "now": b} for n, (a, b) in result.environment.items()}
    return json_object(
        {
            **pick(result, "run", "verdict", "epochs", "since"),
            "loss_difference": result.loss,
            "loss_tolerance": LOSS_TOLERANCE,
            "accuracy_difference": result.accuracy,
            "accuracy_tolerance": result.allowed,
            "weights_sha256": {"then": then, "now": now},
            "environment": differences,
        }
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items()) or "none"
    return text(value)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g}%"
