"""One process at a time in a run's folder."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mlpcli import lock
from mlpcli.errors import CheckpointError
from mlpcli.lock import LOCK


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold an existing folder; raises CheckpointError naming the process that holds it already."""

    def refuse(owner: str) -> None:
        raise CheckpointError(
            f"{folder}: process {owner} is writing a run here; wait for it or choose another folder"
        )

    with ExitStack() as stack:
        try:
            stack.enter_context(lock.held(folder, refuse))
        except OSError as err:
            raise CheckpointError(f"{folder}: cannot write the run here: {err.strerror}") from err
        yield


def check_free(folder: Path) -> None:
    """Raise CheckpointError, as `held` does, when a process holds the folder now."""
    if (folder / LOCK).exists():
        with held(folder):
            pass
