"""A learner's progress in the workbooks, in one file that survives whatever ends the program.

The file is `workbook.json` in the folder `MLPCLI_STATE`, or in the platform's folder for the state
of programs. Each answer is written at once.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from platformdirs import user_state_dir
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpcli import files, lock
from mlpcli.checks.questions.question import Question
from mlpcli.errors import ConfigError, OutputError

FILE = "workbook.json"
MAX_FILE_SIZE = 4_000_000  # bytes
MAX_ANSWER_LENGTH = 5000  # characters that are kept of an answer

# right: judged; matched, differed: an answer in words, as its writer judges it; shown: the model
# answer was looked at instead; wrong: tried, and not right yet
Status = Literal["right", "matched", "differed", "shown", "wrong"]
DONE: tuple[Status, ...] = ("right", "matched", "differed", "shown")


class Entry(BaseModel):
    """What is known of one question."""

    model_config = ConfigDict(extra="forbid")

    status: Status
    answer: str = Field("", max_length=MAX_ANSWER_LENGTH)  # the last one
    tries: int = Field(0, ge=0)  # answers that were judged
    hints: int = Field(0, ge=0, le=3)  # that were looked at


class Progress(BaseModel):
    """The file of progress."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1  # of this format
    questions: dict[str, Entry] = Field(default_factory=dict)  # by id

    def is_done(self, question: Question) -> bool:
        """Whether a question need not be asked again."""
        entry = self.questions.get(question.id)
        return entry is not None and entry.status in DONE


def path() -> Path:
    """The file of progress; it need not exist. Raises ConfigError where no folder is known."""
    try:
        chosen = os.environ.get("MLPCLI_STATE")
        folder = Path(chosen).expanduser() if chosen else Path(user_state_dir("mlpcli"))
    except RuntimeError as err:
        raise ConfigError(
            "no home folder is known; set MLPCLI_STATE to a folder for progress"
        ) from err
    return folder / FILE


def load() -> Progress:
    """The progress so far; raises ConfigError for a file that holds something else."""
    file = path()
    try:
        return Progress.model_validate_json(files.read(file, limit=MAX_FILE_SIZE))
    except (FileNotFoundError, NotADirectoryError):
        return Progress()
    except OSError as err:
        raise ConfigError(f"{file}: not readable: {err.strerror}") from err
    except ValidationError as err:
        raise ConfigError(
            f"{file}: not a progress file of `mlp workbook`; delete it, or set MLPCLI_STATE to "
            "another folder"
        ) from err


def save(changes: dict[str, Entry | None]) -> None:
    """Put entries into the file, or take them out where they are None.

    What another process has put there meanwhile stays. Raises OutputError where it cannot.
    """
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with lock.folder_lock(file.parent, lambda owner: None):
            questions = load().questions
            for name, entry in changes.items():
                if entry is None:
                    questions.pop(name, None)
                else:
                    questions[name] = entry
            values = {name: entry.model_dump() for name, entry in questions.items()}
            text = json.dumps({"version": 1, "questions": values}, indent=1, ensure_ascii=False)
            files.write(file, text.encode("utf-8", "backslashreplace") + b"\n")
    except OSError as err:
        raise OutputError(f"{file}: cannot write: {err.strerror}") from err


def restart(questions: Iterable[Question]) -> None:
    """Forget the answers to these questions."""
    save(dict.fromkeys((question.id for question in questions), None))
