"""`python -m tests.faults._reader`: a process that gives the program one wrong file after another.

It prints one JSON text for each: what went wrong, or an empty one. A file that takes too long ends
the process, which its parent sees.
"""

import faulthandler
import hashlib
import json
import os
import re
import resource
import shlex
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.cli.outcome import Outcome, call
from tests.faults.formats import FORMATS, lay
from tests.faults.harmful import harmful
from tests.faults.mutate import mutated

SECONDS = 5  # of a processor, that reading a file may take
PATIENCE = 60  # seconds of the clock, on a machine however busy
MOST = 500 << 20  # bytes that the process may take
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
LOST = Path(tempfile.gettempdir()) / "mlp-lost"  # files that something went wrong with


class Reader:
    """A folder with right files in it, and what the program makes of wrong ones."""

    def __init__(self, place: Path) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (2 * MOST, 2 * MOST))
        faulthandler.register(signal.SIGPROF, chain=True)  # say where, then end
        os.fsync = lambda fd: None  # what is tested here needs no disk
        self.place = place / "around" / "place"
        self.place.mkdir(parents=True)
        os.chdir(self.place)
        lay(self.place)
        self.kept = {path: path.read_bytes() for path in self._files()}

    def right(self, name: str) -> list[bytes]:
        """Right files of a format; the program reads the first, to import what that needs."""
        found = FORMATS[name].right(self.place)
        told = self._read(name, found[0])
        assert not told, told
        return found

    def tell(self, name: str, data: bytes, *, what: str = "") -> None:
        """Print what goes wrong with a file; what says which it is."""
        told = self._read(name, data)
        if told:
            LOST.mkdir(exist_ok=True)
            path = LOST / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            told = f"{path}: {what}: {told}"
        print(json.dumps(told), file=sys.__stdout__, flush=True)

    def _read(self, name: str, data: bytes) -> str:
        format = FORMATS[name]
        for command in format.commands:
            (self.place / format.path).write_bytes(data)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    outcome = call(*shlex.split(command))
                _check(command, outcome)
                if format.is_right:
                    right = format.is_right(data)
                    assert right == (outcome.status == 0), f"is right: {right}; got {outcome}"
            except AssertionError as err:
                return f"`mlp {command}`: {err}"
            except Exception as err:  # what a user would see as a traceback
                last = traceback.extract_tb(err.__traceback__)[-1]
                return f"`mlp {command}`: {err!r:.300} at {last.filename}:{last.lineno}"
            finally:
                faulthandler.cancel_dump_traceback_later()
                signal.setitimer(signal.ITIMER_PROF, 0)
                self._restore()
        peak = _peak()
        return f"took {peak >> 20} MB" if peak > MOST else ""

    def _files(self) -> list[Path]:
        """Every file in the folder and beside it, the locks left out."""
        files = (path for path in self.place.parent.rglob("*") if path.is_file())
        return [path for path in files if path.name != ".lock"]

    def _restore(self) -> None:
        for path in self._files():
            if path not in self.kept:
                path.unlink()
        for path, data in self.kept.items():
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)


def _peak() -> int:
    """The most bytes that this process has had in memory; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def _check(command: str, outcome: Outcome) -> None:
    """Assert what holds of every command, whatever it reads."""
    status, out, err = outcome
    odd = UNSEEN.search(out + err)
    assert not odd, f"printed {odd}"
    assert status in (0, 1, 2), f"exit status {status}"
    if status == 2:
        assert not out, f"printed {out!r} and failed"
    if status:
        for line in err.splitlines():
            assert line.startswith(("error: ", "warning: ", "note: ", "  ")), f"printed {line!r}"
    if "--format jsonl" in command:
        for line in out.splitlines():
            json.loads(line, parse_constant=_no)
    if out and "--json" in command:
        facts = json.loads(out, parse_constant=_no)
        if "confusion" in facts:
            counts = facts["confusion"]
            assert sum(map(sum, counts)) == facts["n"] > 0, "the counts do not add up"


def _no(name: str) -> None:
    raise AssertionError(f"printed {name}, which is no JSON")


def main() -> None:
    """Give files to the program: a folder, how many, how many are done, formats.

    Of the formats, Hypothesis's files; without formats, those that were made to harm.
    """
    place, inputs, done, *formats = sys.argv[1:]
    reader = Reader(Path(place))
    if formats:
        _mutated(reader, int(inputs), int(done), formats)
    else:
        _harmful(reader, int(inputs), int(done))


def _harmful(reader: Reader, inputs: int, done: int) -> None:
    """So many of them, evenly spread."""
    files = list(harmful(reader.right))
    for i in range(done, inputs):
        what, name, data = files[i * len(files) // inputs]
        reader.tell(name, data, what=what)


def _mutated(reader: Reader, inputs: int, done: int, formats: list[str]) -> None:
    files = {name: mutated(name, reader.right(name)) for name in formats}

    @seed(done)
    @settings(
        max_examples=inputs - done,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def read(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(formats))
        reader.tell(name, data.draw(files[name]))

    read()


if __name__ == "__main__":
    main()
