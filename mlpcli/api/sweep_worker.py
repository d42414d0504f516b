"""A worker process: it reads tasks and writes outcomes, a line of JSON each, until its input ends.

The first line is the question that it must answer before its first task. Its input ends when the
driver does, however that happens; then a training stops after its step, saved, and the worker is
gone. It prints nothing else: what nobody foresaw is a line as well.
"""

import json
import os
import queue
import signal
import sys
import threading
from typing import TextIO

from mlpcli.api.sweep_question import Question, Worker
from mlpcli.api.sweep_trial import Outcome, Task
from mlpcli.errors import Interrupted
from mlpcli.signals import CAUGHT


def main() -> None:
    """Work through the tasks of standard input."""
    out, sys.stdout = sys.stdout, sys.stderr
    sys.excepthook = lambda kind, err, _: _write(
        out, Outcome("", "died", f"{kind.__name__}: {err}")
    )
    for number in CAUGHT:  # a terminal's Ctrl-C reaches all processes; the driver decides
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    if not (first := lines.get()):
        return
    asked, worker = Question(**json.loads(first)), Worker()
    while line := lines.get():
        try:
            _write(out, worker.perform(Task(**json.loads(line)), asked))
        except Interrupted:
            break


def _read(lines: "queue.SimpleQueue[str]") -> None:
    """Pass on lines; at the end of the input, ask the main thread to stop as a signal would."""
    for line in sys.stdin:
        lines.put(line)
    lines.put("")
    os.kill(os.getpid(), signal.SIGTERM)


def _write(out: TextIO, outcome: Outcome) -> None:
    try:
        out.write(json.dumps(outcome._asdict()) + "\n")
        out.flush()
    except OSError:  # the driver has gone; the run's record has all of it
        os._exit(1)


if __name__ == "__main__":
    main()
