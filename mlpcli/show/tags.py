"""The tags and notes of runs, after `mlp runs tag` and `mlp runs note`."""

from mlpcli.api.tags import Tagged
from mlpcli.show.format import json_object


def as_text(runs: list[Tagged]) -> str:
    """A line for each run: its tags, and its note."""
    return "\n".join(map(_line, runs))


def as_json(runs: list[Tagged]) -> str:
    """The same as one JSON object."""
    return json_object(
        {"runs": [{"run": run, "tags": tags, "note": note or None} for run, (tags, note) in runs]}
    )


def _line(tagged: Tagged) -> str:
    tags, note = tagged.tags
    return f"{tagged.run}: {' '.join(tags) or 'no tags'}{f'; {note}' * bool(note)}"
