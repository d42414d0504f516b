"""`mlp sweep`: grids, files, results, interruptions."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest

from mlpcli.runs import checkpoint
from tests.cli.outcome import call, documented, facts, output, refusal
from tests.fingerprint import result

GRID = ("optimizer.lr=0.3,0.03", "train.epochs=3", "train.batch_size=32", "network.hidden=[16,8]")
ONE = ("--workers", "1", "--quiet")


def grid(data: str, *more: str) -> tuple[str, ...]:
    return ("sweep", data, *GRID, *ONE, "--out", "s", *more)


def test_a_grid_is_trained_and_ranked(dots: str) -> None:
    status, out, err = call(*grid(dots, "--seeds", "2"))

    assert (status, err) == (0, "")
    head, *rows = out.splitlines()[1:4]
    assert head.split()[:4] == ["rank", "lr", "accuracy", "sd"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert "by a paired t test over the seeds; corrected for 1 pair of configs (Holm)" in out
    assert f"best config: `mlp train {dots} " in out
    assert "`mlp sweep show s --confirm 5` measures it on fresh seeds" in out


def test_a_grid_of_one_config_has_no_rival(dots: str) -> None:
    out = output(call("sweep", dots, "lr=0.3", "--set", "train.epochs=1", *ONE, "--out", "s"))

    assert out.startswith("s: 1 config\n")
    assert "verdict: no test, fewer than two configs have finished" in out
    assert "the best of many" not in out


def test_the_same_command_goes_on_and_says_what_was_kept(dots: str) -> None:
    words = [word for word in grid(dots) if word != "--quiet"]
    first = call(*words)
    again = call(*words)

    begun, *_, last = first.err.splitlines()
    assert begun == "trials 0/2  1 running"
    assert last.startswith("trials 2/2  0 running  best so far ")
    assert again.err == "kept: 2 finished trials\n"
    assert again.out == first.out


def test_a_sweep_is_found_by_its_name_in_runs(dots: str) -> None:
    call(*grid(dots), "--out", "runs/named")

    assert output(call("sweep", "show", "named")) == output(call("sweep", "show", "runs/named"))


def test_show_json_and_csv_have_every_config(dots: str) -> None:
    call(*grid(dots, "--seeds", "2"))
    found = facts(call("sweep", "show", "s", "--json"))
    lines = list(csv.DictReader(StringIO(output(call("sweep", "show", "s", "--csv")))))

    assert documented(
        found | {"configs": [c | {"parameters": {}, "seeds": {}} for c in found["configs"]]}
    )
    assert [each["rank"] for each in found["configs"]] == [1, 2]
    assert found["configs"][0]["seeds"].keys() == {"0", "1"}
    assert lines[0]["verdict"] == "best"
    assert float(lines[0]["mean"]) == found["configs"][0]["mean"]


def test_confirm_trains_the_best_on_fresh_seeds(dots: str) -> None:
    call(*grid(dots))
    found = facts(call("sweep", "show", "s", "--confirm", "2", *ONE, "--json"))

    assert found["seeds"].keys() == {"1", "2"}
    assert found["mean"] == pytest.approx(sum(found["seeds"].values()) / 2)
    assert documented({key: value for key, value in found.items() if key != "seeds"})
    assert all(Path(run, "run.json").is_file() for run in found["runs"])


def test_the_winners_command_trains_the_same_weights(dots: str) -> None:
    call(*grid(dots))
    found = facts(call("sweep", "show", "s", "--json"))
    words = found["command"].replace("'", "").split()[1:]

    assert call(*words, "--out", "again", "--quiet").status == 0
    assert result(Path("again")) == result(Path(found["configs"][0]["runs"][0]))


def test_a_dry_run_starts_nothing(dots: str) -> None:
    found = facts(call(*grid(dots, "--seeds", "3", "--dry-run", "--json")))

    assert (found["configs"], found["trials"], found["epochs"]) == (2, 6, 18)
    assert found["seconds"] is None
    assert documented(found)
    assert not Path("s").exists()
    call(*grid(dots, "--seeds", "3"))
    assert "6 finished" in output(call(*grid(dots, "--seeds", "3", "--dry-run")))


def test_a_dry_run_and_a_confirmation_print_markdown(dots: str) -> None:
    planned = output(call(*grid(dots, "--dry-run", "--markdown")))
    call(*grid(dots))
    confirmed = output(call("sweep", "show", "s", "--confirm", "1", *ONE, "--markdown"))

    assert planned.startswith("### sweep: s\n\n- trials: 2 of 2 configs; 0 finished\n")
    assert confirmed.startswith("### best config: ")
    assert "\n- fresh seeds: " in confirmed


def test_a_setting_may_have_the_name_of_other_programs(dots: str) -> None:
    call("sweep", dots, "learning_rate=0.1,0.3", *ONE, "--out", "s", "hidden=[8]", "epochs=1")
    found = facts(call("sweep", "show", "s", "--json"))

    assert [list(each["parameters"]) for each in found["configs"]] == [["optimizer.lr"]] * 2


def test_a_file_is_read_and_a_changed_one_is_refused(dots: str) -> None:
    rates = [0.1, 0.3]
    text = {"parameters": {"data.name": {"value": dots}, "optimizer.lr": {"values": rates}}}
    Path("lr.yaml").write_text(json.dumps(text))

    assert call("sweep", "lr.yaml", *ONE).status == 0
    assert Path("runs/lr/sweep.json").is_file()
    rates.append(0.2)
    Path("lr.yaml").write_text(json.dumps(text))
    status, _, err = call("sweep", "lr.yaml", *ONE)
    assert status == 2
    assert "the sweep there differs; --extend adds the new trials to it\n  parameters." in err
    assert call("sweep", "lr.yaml", *ONE, "--extend").out.startswith("runs/lr: 3 configs\n")


def test_trials_are_ordinary_runs(dots: str) -> None:
    call(*grid(dots))
    run = facts(call("sweep", "show", "s", "--json"))["configs"][0]["runs"][0]

    assert facts(call("eval", run, "--json"))["n"] == 90
    assert len(output(call("runs", "--in", "s", "--csv")).splitlines()) == 3


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_plot_draws_the_configs_and_says_what_explains_them(suffix: str, dots: str) -> None:
    call(*grid(dots, "train.batch_size=32,8", "optimizer.lr=0.3,0.0001"))
    found = facts(call("sweep", "plot", "s", "--out", f"lr.{suffix}", "--json"))

    assert found["figure"] == f"lr.{suffix}"
    assert found["importance"].keys() == {"optimizer.lr", "train.batch_size"}
    assert all(0 <= share <= 1 for share in found["importance"].values())
    assert documented(found | {"importance": {}})
    drawn = Path(f"lr.{suffix}").read_bytes()
    assert drawn.startswith(b"\x89PNG") or b">explains " in drawn
    told = refusal("sweep", "plot", "s", "--out", "lr.pdf")
    assert told == "--out lr.pdf: expected a name that ends in .svg or .png"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "mnsit lr=0.1,0.2",
            "mnsit: no such sweep, config, data set or file; did you mean 'mnist'?",
        ),
        ("synth lrr=0.1", "lrr=0.1: unknown setting 'lrr'; did you mean 'optimizer.lr'?"),
        (
            "synth optimizer.lr=0.1,-1",
            "optimizer.lr=0.1,-1: lr must be a number in (0, 100], got -1",
        ),
        ("synth", "sweep: nothing to vary; give a file, or settings as key=value,value"),
        ("show s --workers 2", "--workers: works only with --confirm"),
        ("show nowhere", "nowhere: no sweep.json here; is this the folder of a sweep?"),
    ],
)
def test_a_wrong_word_is_one_line(words: str, message: str) -> None:
    assert refusal("sweep", *words.split()) == message


def start(*words: str) -> "subprocess.Popen[str]":
    """A sweep in a process of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "mlpcli", *words], **options)  # type: ignore[call-overload]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_sweep_leaves_no_worker_and_goes_on_with_the_same_bits(
    number: int, dots: str
) -> None:
    words = ("sweep", dots, "optimizer.lr=0.3,0.1,0.03", "train.epochs=150", "--workers", "2")
    assert call(*words, "--out", "whole", "--quiet").status == 0
    process = start(*words, "--out", "s")
    while not list(Path().glob("s/*/last.safetensors")) and process.poll() is None:
        time.sleep(0.01)
    workers = children(process.pid)
    process.send_signal(signal.SIGSTOP)  # so that it cannot finish meanwhile
    second = call(*words, "--out", "s")

    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=300)

    assert f"process {process.pid} is running this sweep" in second.err
    assert len(workers) == 2
    deadline = time.monotonic() + 60
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, workers))
    assert "Traceback" not in err
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert err.endswith("interrupted: what was done is saved; the same command resumes it\n")
    assert call(*words, "--out", "s", "--quiet").status == 0
    for run in Path("whole").glob("*/run.json"):
        assert result(run.parent) == result(Path("s", run.parent.name))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_what_no_checkpoint_has(number: int, dots: str) -> None:
    sides = ("optimizer.lr=0.3,0.1", "network.hidden=[2048,2048]", "train.batch_size=1")
    process = start("sweep", dots, *sides, "--set", "checkpoint.every_seconds=1000", "--out", "s")
    while len(list(Path().glob("s/*/run.json"))) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)

    process.send_signal(number)
    _, err = process.communicate(timeout=300)

    assert process.returncode == 128 + number, err
    stopped = [checkpoint.load(path) for path in Path().glob("s/*/last.safetensors")]
    assert len(stopped) == 2
    assert all(each.metadata.progress.epoch == 0 for each in stopped)
    assert all(each.metadata.progress.step > 0 for each in stopped)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    listing = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()[1:]]
    return [child for child, parent in pairs if parent == pid]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
