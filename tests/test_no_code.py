"""Nothing loads code from data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source import FILES, calls, imports, place

LOADERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
LOADERS |= {"torch", "yaml", "runpy", "ctypes", "pandas"}
RUNNERS = {"eval", "exec", "compile", "__import__"}
RUN = {  # what runs a learner's own file, as the command says, and mistakes planted in our own text
    "api/grade_worker.py": {"compile", "exec"},
    "checks/mutants.py": {"exec"},
}


@pytest.mark.slow
def test_no_module_can_load_code_from_data() -> None:
    for path in FILES:
        imported = {name.partition(".")[0] for name in imports(path)}
        run = {name for name, _ in calls(path)} & RUNNERS

        assert not imported & LOADERS, path
        assert run == RUN.get(place(path), set()), path


def test_numpy_is_never_allowed_to_unpickle() -> None:
    read = []
    for path in FILES:
        for name, words in calls(path):
            if name == "np.load" or name.rpartition(".")[2] in ("read_array", "open_memmap"):
                read.append(words.get("allow_pickle"))
            assert words.get("allow_pickle", "False") == "False", f"{path}: {name}"

    assert set(read) == {"False"}


def test_yaml_is_read_in_its_safe_form_alone() -> None:
    readers = [words for path in FILES for name, words in calls(path) if name.endswith("YAML")]

    assert {(words["typ"], words["pure"]) for words in readers} == {("'safe'", "True")}


@pytest.mark.slow
def test_code_in_data_is_never_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.poisoned", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)

    assert facts["seen"] == []
    assert not facts["trace"]
    assert facts["control"] != []  # what would have been seen
    assert set(facts["right"]) == {0}
    assert facts["wrong"].count(2) > 30
    assert set(facts["wrong"]) <= {0, 2}  # 0 where the code lies in an array that is not needed
