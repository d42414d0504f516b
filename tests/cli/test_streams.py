"""What a script or a person gets to see, of real processes."""

import json
import os
import re
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from mlpcli.config import shipped
from mlpcli.runs import checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.signals import CAUGHT
from tests.cli.outcome import PATIENCE, call, hung_up, on_terminal, piped, python, start

HEAVY = {"numpy", "pooch", "yaml", "ruamel.yaml", "pydantic", "rich"}
DATA = r"data: 300 images of 6x6, 3 classes \(100 each\), validation 30"
ROW = r"epoch \d/3  loss \d\.\d{4}  validation loss \d\.\d{4}  accuracy \d+\.\d\d%  [\d,]+ images/s"
CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")  # a control sequence: parameters, kind

# `mlp config list`, with something in place of the list of configs
LISTING = """
import atexit, signal, sys
from mlpcli.__main__ import main
from mlpcli.errors import Interrupted
from mlpcli.config import shipped
{}
sys.argv = ["mlp", "config", "list"]
main()
"""


def kinds(text: str) -> set[str]:
    """Kinds of control sequence in a text: "m" is colour and weight, the others move or erase."""
    return {kind for _, kind in CONTROL.findall(text)}


def colours(text: str) -> list[str]:
    """Numbers in a text's control sequences that set a colour."""
    numbers = [n for shown, kind in CONTROL.findall(text) if kind == "m" for n in shown.split(";")]
    return [n for n in numbers if re.fullmatch(r"3\d|4\d|9\d|10[0-7]", n)]


def test_in_a_pipe_progress_is_one_plain_line_an_epoch(small: list[str]) -> None:
    status, out, err = piped("train", *small, "--out", "a")

    assert status == 0
    assert out.startswith("run: a\n")
    assert re.fullmatch(f"{DATA}\n({ROW}\n){{3}}", err)


@pytest.mark.slow
def test_json_is_all_that_standard_output_carries(small: list[str]) -> None:
    status, out, err = piped("train", *small, "--out", "a", "--json")

    assert status == 0
    assert out.count("\n") == 1
    assert json.loads(out)["schema"] == 1
    assert err.count("\n") == 4


@pytest.mark.slow
def test_an_error_goes_to_standard_error() -> None:
    assert piped("config", "check", "none.yaml") == (
        2,
        "",
        "error: none.yaml: cannot read the config: No such file or directory\n",
    )


@pytest.mark.slow
def test_a_terminal_gets_a_live_display_in_colour(small: list[str]) -> None:
    status, out, err = on_terminal("train", *small, "--out", "a")

    assert status == 0
    assert out.startswith("run: a\n")
    assert "\x1b" not in out
    assert {"m", "K"} <= kinds(err)
    assert colours(err)
    assert "epoch 3/3" in err


@pytest.mark.slow
def test_no_color_leaves_a_terminal_without_colours(small: list[str]) -> None:
    status, _, err = on_terminal("train", *small, "--out", "a", NO_COLOR="1")

    assert status == 0
    assert "K" in kinds(err)
    assert colours(err) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "sign", [{"TERM": "dumb"}, {"CI": "true"}, {"JPY_PARENT_PID": "7"}, {"COLAB_RELEASE_TAG": "r"}]
)
def test_what_is_no_real_terminal_gets_plain_lines(sign: dict[str, str], small: list[str]) -> None:
    status, _, err = on_terminal("train", *small, "--out", "a", **sign)

    assert status == 0
    assert re.fullmatch(f"{DATA}\r\n({ROW}\r\n){{3}}", err)  # a terminal adds the carriage returns


@pytest.mark.slow
def test_force_color_colours_a_pipe_and_moves_no_cursor(small: list[str]) -> None:
    status, out, err = piped("train", *small, "--out", "a", FORCE_COLOR="1")

    assert status == 0
    assert colours(err)
    assert kinds(err) == {"m"}
    assert "\r" not in err
    assert "\x1b" not in out


@pytest.mark.slow
def test_no_color_wins_over_force_color(small: list[str]) -> None:
    _, _, err = piped("train", *small, "--out", "a", FORCE_COLOR="1", NO_COLOR="1")

    assert colours(err) == []


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option: str) -> None:
    script = (
        "import sys; from mlpcli.cli import app\n"
        "try: app(sys.argv[1:], prog_name='mlp')\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )

    status, _, err = python(script, option)

    assert status == 0
    loaded = set(err.split())
    assert "typer" in loaded
    assert not HEAVY & loaded


@pytest.mark.slow
def test_a_reader_that_hangs_up_is_met_without_a_traceback(run: str) -> None:
    assert hung_up("eval", run).err == ""


HELP = [("--help",), ("--version",), ("train", "--help"), ("runs", "show", "--help")]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("words", HELP)
def test_help_that_cannot_be_written_gives_the_reason(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full, start(words, {}, stdout=full.fileno()) as process:
        _, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (2, "error: output: No space left on device\n")


@pytest.mark.slow
@pytest.mark.parametrize("words", HELP)
def test_help_without_a_reader_ends_as_every_command_does(words: tuple[str, ...]) -> None:
    assert hung_up(*words) == (141, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--note", "x"), ("--seeds", "2")])
def test_a_training_whose_progress_nobody_reads_is_interrupted(
    small: list[str], more: tuple[str, ...]
) -> None:
    with start(("train", *small, "--epochs", "100000", "--out", "a", *more), {}) as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("epoch "):
            assert line, "it ended before its first epoch"
        process.stderr.close()
        status = process.wait(timeout=PATIENCE)

    record = RunFolder(Path("a/seed-0" if "--seeds" in more else "a")).load_record()
    assert (status, record.status) == (141, "interrupted")
    assert record.epochs >= 1


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_training_whose_progress_cannot_be_written_is_interrupted(small: list[str]) -> None:
    words = ("train", *small, "--out", "a")
    with Path("/dev/full").open("w") as full, start(words, {}, stderr=full.fileno()) as process:
        assert process.wait(timeout=PATIENCE) == 2

    assert RunFolder(Path("a")).load_record().status == "interrupted"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("number", CAUGHT)
def test_a_signal_stops_training_with_everything_saved(
    small: list[str], number: signal.Signals
) -> None:
    with start(("train", *small, "--epochs", "100000", "--out", "a"), {}) as process:
        assert process.stderr is not None
        data, epoch = process.stderr.readline(), process.stderr.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)

    assert (data[:6], epoch[:6]) == ("data: ", "epoch ")
    assert (process.returncode, out) == (128 + number, "")
    record = RunFolder(Path("a")).load_record()
    assert record.status == "interrupted"
    assert record.best
    last, best = (checkpoint.load(Path("a", f"{name}.safetensors")) for name in ("last", "best"))
    assert last.metadata.progress.epoch == record.epochs >= 1
    assert best.metadata.progress.epoch == record.best.epoch
    told = r"interrupted: after \d+ epochs?( and \d+ steps?)?; resume with `mlp train --resume a`"
    assert re.fullmatch(told, err.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("number", CAUGHT)
def test_a_signal_that_was_ignored_stays_ignored(small: list[str], number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)  # which a process inherits
    try:
        process = start(("train", *small, "--out", "a"), {})
    finally:
        signal.signal(number, before)
    with process:
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.005)
        assert process.stderr
        err = process.stderr.read()

    assert process.returncode == 0, err
    assert re.fullmatch(f"{DATA}\n({ROW}\n){{3}}", err)


@pytest.mark.slow
def test_a_terminal_that_is_closed_stops_training_with_everything_saved(small: list[str]) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    words = ("train", *small, "--epochs", "100000", "--out", "a")
    pid, terminal = pty.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-m", "mlpcli", *words])
    shown = b""
    while b"epoch      2/" not in shown:
        shown += os.read(terminal, 1 << 16)
    os.close(terminal)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
    record = RunFolder(Path("a")).load_record()
    progress = checkpoint.load(Path("a", "last.safetensors")).metadata.progress
    assert record.status == "interrupted"
    assert progress.epoch == record.epochs >= 2
    assert progress.step or len(RunFolder(Path("a")).load_metrics()) == progress.epoch


@pytest.mark.parametrize("number", CAUGHT)
def test_a_signal_while_a_class_is_made_is_told_in_one_line(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Field:
        def __set_name__(self, owner: type, name: str) -> None:
            signal.raise_signal(number)

    monkeypatch.setattr(shipped, "shipped", lambda: type("Made", (), {"field": Field()}))

    assert call("config", "list") == (128 + number, "", "interrupted\n")


@pytest.mark.parametrize("number", CAUGHT)
def test_a_signal_that_a_library_makes_its_own_error_of_is_told_in_one_line(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrapped() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as err:
            raise ValueError("cannot build the schema") from err

    monkeypatch.setattr(shipped, "shipped", wrapped)

    assert call("config", "list") == (128 + number, "", "interrupted\n")


@pytest.mark.parametrize("raised", ["KeyboardInterrupt(2)", "Interrupted('again', 2)"])
def test_a_signal_where_python_lets_no_exception_out_ends_the_command(raised: str) -> None:
    source = f"""
class Finalized:
    def __del__(self):
        raise {raised}

shipped.shipped = lambda: [Finalized()] and []
"""

    assert python(LISTING.format(source)) == (130, "", "interrupted\n")


def test_a_second_signal_while_the_process_leaves_tells_nothing_more() -> None:
    source = """
shipped.shipped = lambda: signal.raise_signal(signal.SIGINT)
atexit.register(signal.raise_signal, signal.SIGTERM)
"""

    assert python(LISTING.format(source)) == (143, "", "interrupted\n")


@pytest.mark.slow
def test_two_runs_of_one_config_give_the_same_bits(dots: str) -> None:
    """At the default widths, so that the matrix products use every thread."""
    for name in ("a", "b", "c"):
        options = ("--set", f"data.name={dots}", "--epochs", "3", "--out", name)
        assert piped("train", *options).status == 0

    for file in ("best.safetensors", "last.safetensors"):
        for one, other in pairwise(load_file(Path(name, file)) for name in ("a", "b", "c")):
            assert one.keys() == other.keys()
            assert all(one[key].tobytes() == other[key].tobytes() for key in one)
