"""The errors that a user can fix; `cli/` turns each into one line and an exit status.

MlpError
├── ConfigError       a setting, a config file, an option
├── DataError         a data set: its name, its files, their contents
├── CheckpointError   a run folder or the weights in it
├── TrainingError     a process that a training consists of was killed
├── ClusterError      a scheduler or its workers cannot be used, or were lost: exit status 3
├── OutputError       a file that was asked for cannot be written
├── SubmissionError   a learner's file that cannot be graded
├── CheckFailed       a check did not hold: exit status 1, not 2
└── Interrupted       Ctrl-C or another signal, after what was done is safe: exit status 130 or so

Any other exception is a mistake in the program: `crash` reports it in one line, with status 70.

A message reads *where: what is wrong, got the offending value; what to do*.
"""

import difflib
from collections.abc import Iterable


class MlpError(Exception):
    """Anything a user can fix: bad usage, config, data or file.

    Its arguments are the lines of the message. A line that begins with a space belongs to the one
    before; every other one is an error of its own.
    """

    exit_code = 2
    label = "error"  # what the line on standard error opens with

    def __str__(self) -> str:
        return "\n".join(self.args)


class ConfigError(MlpError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(MlpError):
    """A data set cannot be found, fetched or read."""


class CheckpointError(MlpError):
    """A run folder cannot be written, or its weights cannot be used."""


class TrainingError(MlpError):
    """A training cannot go on, since one of its processes was killed."""


class ClusterError(MlpError):
    """The scheduler of a sweep cannot be reached or was lost, or its workers cannot be used."""

    exit_code = 3


class OutputError(MlpError):
    """A file that was asked for cannot be written."""


class SubmissionError(MlpError):
    """A learner's file cannot be run, or returns nothing that can be graded."""


class CheckFailed(MlpError):
    """A check did not hold: a wrong gradient, a non-finite loss, too low an accuracy."""

    exit_code = 1


class Interrupted(MlpError):
    """A signal asked to stop; the message says what was saved."""

    label = "interrupted"

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal  # the shells' convention: such as 130 for Ctrl-C


def nearest(word: str, choices: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The choice most similar to a misspelled word; None if none is similar enough.

    cutoff: the least similarity, in [0, 1], as `difflib.get_close_matches` measures it.
    """
    return next(iter(difflib.get_close_matches(word, list(choices), 1, cutoff)), None)
