"""Graded files that attack, cheat, or send anything: the verdict is never theirs."""

import io
import json
import os
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlpcli.api import grade_results, grade_worker
from mlpcli.api.grade_results import GarbledError
from mlpcli.checks.grading.answers import FUNCTIONS, LAYOUTS, Answer, Answers
from mlpcli.checks.grading.verdict import evaluate
from mlpcli.checks.problem import Problem
from mlpcli.nn import Array, mlp
from mlpcli.terminal import printable
from tests.checks.grading.submissions import CHEATS, LAYERED, WHOLE, but
from tests.cli.outcome import Outcome
from tests.faults.processes import mlp as program
from tests.faults.table import Fault, alone

MOMENT = 5  # seconds within which a process that was killed is gone
SIZES = (12, 9, 7, 10)
TO_ALL = "for fd in range(3, 20):\n    try: os.write(fd, {!r})\n    except OSError: pass\n"
ANSWER = '{"event":"answer","step":"grad_b3","arrays":[{"name":"","dtype":"<f8","shape":[%s]}]}\n'
END = '{"event":"end"}\n'
FORGED = '{"event":"defined","names":["grad_b3"]}\n' + ANSWER % "" + "8 bytes." + END
ATTACKS = {  # NUMBER and FILE are replaced
    "kills itself": "os.kill(os.getpid(), NUMBER)\nos._exit(1)",  # some signals are ignored
    "exits": "os._exit(NUMBER)",
    "kills its parent": "os.kill(os.getppid(), 9)",
    "kills its parent's group": "os.killpg(os.getpgid(os.getppid()), 9)",
    "starts a process": "import subprocess as s; s.Popen(['sleep', '99'], start_new_session=True)",
    "starts a shell": "os.system('sleep 99 &')",
    "forks": "if os.fork() == 0:\n    os.setsid()\n    time.sleep(99)",
    "nests": TO_ALL.format(b"[" * 60_000 + b"\n"),
    "sends a long line": TO_ALL.format(b'{"event":"stopped","text":"%s"}\n' % (b"a" * 70_000)),
    "announces 10^11 numbers": TO_ALL.format((ANSWER % 10**11).encode()),
    "announces and sends nothing": TO_ALL.format((ANSWER % 10**6).encode()) + "time.sleep(99)",
    "forges an error": TO_ALL.format(b'{"event":"stopped","text":"a\\n3 of 3 right"}\n')
    + "os._exit(0)",
    "forges an end": TO_ALL.format(END.encode()) + "os._exit(0)",
    "forges answers": TO_ALL.format(FORGED.encode()) + "os._exit(0)",
    "floods the pipe": "while True:\n" + textwrap.indent(TO_ALL.format(b"x" * 60_000), "    "),
    "floods its output": "while True: sys.stdout.write('\\x1b[2J{\"ok\": true}\\n' * 999)",
    "prints JSON": 'print(\'{"schema": 1, "ok": true}\', flush=True); os._exit(0)',
    "writes to its parent's output": "open(f'/proc/{os.getppid()}/fd/1', 'w').write('{}')",
    "writes a large file": "open('x', 'wb').write(bytes(1 << 26))",
    "takes memory": "x = bytearray(1 << 33)",
    "hangs": "signal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
    "swallows": "while True:\n    try: time.sleep(99)\n    except BaseException: pass",
    "stops": "os.kill(os.getpid(), signal.SIGSTOP)",
    "closes everything": "os.closerange(0, 99)\nos._exit(0)",
    "makes pipes": """
for name in ("job.json", "inputs.npz", "outcome.jsonl", "0-grad_z3.npz"):
    if os.path.exists(name): os.remove(name)
    os.mkfifo(name)
open("job.json")""",
    "replaces its folder": """
import shutil
here = os.getcwd()
shutil.rmtree(here)
os.symlink(os.path.dirname(FILE), here)
os._exit(1)""",
    "raises lines": "raise ValueError('a\\n3 of 3 right\\x1b[31m\\u202e' * 999)",
    "raises what cannot be shown": """
class E(BaseException):
    def __str__(self): os._exit(0)
raise E""",
    "replaces what the worker uses": """
import json
json.dumps = lambda *a, **k: '{"event": "end"}'
os._exit = lambda *a: None
raise SystemExit""",
    "leaves a thread": """
import threading
threading.Thread(target=time.sleep, args=(99,)).start()
os._exit(1)""",
    "refuses every event": """
def refuse(event, args): raise SystemExit
sys.addaudithook(refuse)
open("x")""",
    "recurses": "def f(): f()\nf()",
    "reads mlpcli": "open(os.path.join(os.path.dirname(sys.argv[0]), '..', 'nn', 'mlp.py'))",
}


def attack(rng: np.random.Generator, own: Path) -> None:
    """A file that harms while it is read or in a function ends with one line; nothing is left."""
    name = [*ATTACKS][rng.integers(len(ATTACKS))]
    file, place = own / "mywork.py", own / "temporary"
    place.mkdir()
    lines = ATTACKS[name].replace("NUMBER", f"{rng.integers(1, 65)}")
    lines = lines.replace("FILE", repr(f"{file}"))
    source = f"import os, signal, sys, time\n{lines}\n{LAYERED}"
    told = f"{name}, while it is read"
    if rng.integers(2):
        body = textwrap.indent(lines, "    ")
        source = but(LAYERED, "    return h2.T", f"{body}\n    return h2.T")
        source, told = f"import os, signal, sys, time\n{source}", f"{name}, in grad_W3"
    file.write_text(source, encoding="utf-8")
    env = os.environ | {"TMPDIR": str(place)}
    words = ("grade", str(file), "--timeout", "2", "--json")
    done = program(*words, env=env, start_new_session=True)
    _check(done, told)
    assert file.read_text(encoding="utf-8") == source, f"{told}: the file has changed"
    left = {path.name for path in own.iterdir()} - {"mywork.py", "temporary"}
    assert not left, f"{told}: {left} left behind"
    end = time.monotonic() + MOMENT
    while _working_in(place) and time.monotonic() < end:
        time.sleep(0.01)
    assert not _working_in(place), f"{told}: a process is left"


def cheat(rng: np.random.Generator, own: Path) -> None:
    """No trick is right with a secret seed; a right file is."""
    name = [*CHEATS, "right"][rng.integers(len(CHEATS) + 1)]
    seed = int(rng.integers(2**63))
    (own / "mywork.py").write_text(WHOLE if name == "right" else CHEATS[name], encoding="utf-8")
    words = ("grade", str(own / "mywork.py"), "--seed", f"{seed}", "--strict", "--json")
    done = program(*words)
    told = f"{name}, seed {seed}"
    if name == "right":
        assert done.status == 0, f"{told}: {done}"
    else:
        _check(done, told)


def garbled(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """Results with wrong bytes or wild numbers are refused, or judged and found wrong."""
    params = mlp.init(SIZES, rng=rng, dtype="float64")
    problem = Problem(params, rng.random((4, SIZES[0])), mlp.one_hot(rng.permutation(10)[:4], 10))
    for i in range(n):
        calls = _calls(problem, rng)
        try:
            if i % 2 == 0:
                found = grade_results.messages(io.BytesIO(_wrong(_bytes(calls), rng)))
                calls = grade_results.answers(found, "mywork.py")
            right = evaluate(problem, calls, strict=bool(rng.integers(2))).right
        except GarbledError:
            yield ""
        except Exception as err:  # what a user would see as a traceback
            yield f"trial {i}: {err!r:.300}"
        else:
            yield f"trial {i}: {right} steps right by chance" if right else ""


def _check(done: Outcome, told: str) -> None:
    """Assert that a file was refused or found wrong, in one line."""
    told = f"{told}: {done.status}, {done.out[-300:]!r}, {done.err[-1000:]!r}"
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert done.status in (1, 2), told
    assert len(errors) == 1, told
    assert "Traceback" not in done.err, told
    assert printable(done.err) == done.err, told
    assert len(done.err) < 500_000, told
    if done.status == 1:
        assert json.loads(done.out)["ok"] is False, told
    else:
        assert done.out == "", told


def _working_in(place: Path) -> list[str]:
    """The processes whose folder lies in a place, as Linux tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(place) in os.readlink(path):
                found.append(path.parent.name)
        except OSError:  # it has ended
            continue
    return found


def _calls(problem: Problem, rng: np.random.Generator) -> Answers:
    """Answers of the right shapes, most of them, with wild numbers."""
    calls: Answers = {}
    for layout in LAYOUTS:
        n = 1 if layout.single else len(problem.y)
        wholes: dict[str, list[tuple[int, ...]]] = {
            "grad_z3": [(n, 10)],
            "grad_W3": [SIZES[-2:]],
            "grad_b3": [(10,)],
            "backward": [array.shape for layer in problem.params for array in layer],
            "update": [array.shape for layer in problem.params for array in layer],
        }
        calls[layout] = {
            name: Answer([_wild(s, rng) for s in wholes[name]], own_grad_z3=bool(rng.integers(2)))
            for name in FUNCTIONS
        }
    return calls


def _wild(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    if rng.random() < 0.1:
        shape = tuple(rng.integers(0, 5, rng.integers(0, 5)).tolist())
    numbers = rng.standard_normal(shape)
    special = rng.choice([0, 1, 5e-324, 1e-160, 1e99, 1e160, 1e308, np.inf, -np.inf, np.nan])
    with np.errstate(all="ignore"):
        numbers = np.where(rng.random(shape) < rng.choice([0, 0.1, 1]), special, numbers)
        return numbers.astype(rng.choice(["<f4", "<f8"]))


def _bytes(calls: Answers) -> bytes:
    """The messages in which the worker would send these answers."""
    out = io.BytesIO()
    send = grade_worker.sender(out)
    send({"event": "defined", "names": list(FUNCTIONS)}, [])
    for number, row in enumerate(calls.values()):
        for name, answer in row.items():
            facts = {"event": "answer", "layout": number, "step": name}
            send(facts, [("", array) for array in answer.arrays])
    send({"event": "end"}, [])
    return out.getvalue()


def _wrong(data: bytes, rng: np.random.Generator) -> bytes:
    """The same with some bytes changed, left out, or put in twice."""
    for _ in range(rng.integers(1, 4)):
        i, j = sorted(rng.integers(0, len(data) + 1, 2).tolist())
        j = min(j, i + int(rng.choice([1, 8, 100, 10**6])))
        middle = [b"", data[i:j] * 2, rng.bytes(j - i), b"9" * (j - i), b"[" * 3000]
        data = data[:i] + middle[rng.integers(len(middle))] + data[j:]
    return data


FAULTS = (
    Fault("graded file that attacks", alone(attack), few=6, many=200),
    Fault("graded file that cheats", alone(cheat), few=2, many=40),
    Fault("results of a graded file", garbled, few=30, many=1000),
)
