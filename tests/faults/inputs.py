"""Wrong files of every kind that is read: an error in one line or a right result, and no harm."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np

from tests.faults.table import Fault, Impossible, Trials

DATA = ("images", "labels", "gz", "names", "npz", "picture")
OTHER = ("npy", "table of labels", "Parquet", "MATLAB", "HDF5")
GIVEN = ("to predict", "network")
RUN = ("best", "last", "record", "metrics")


def children(module: str, *formats: str) -> Trials:
    """Trials in processes of their own, since a file may end one; each has a new seed.

    module: its arguments are a folder, how many files there are, how many are done, formats.
    """

    def trials(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
        done = 0
        while done < n:
            own = place / f"{done}"
            own.mkdir()
            command = [sys.executable, "-m", f"tests.faults.{module}"]
            command += [str(own), f"{n}", f"{done}", *formats]
            env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MLPCLI_DATA": str(own / "cache")}
            with (
                (own / "stderr").open("w") as err,
                subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=err, text=True, env=env
                ) as child,
            ):
                for line in islice(child.stdout or (), n - done):
                    done += 1
                    yield json.loads(line)
            if child.returncode and done < n:  # over the next file
                done += 1
                end = (own / "stderr").read_text(errors="replace")[-2000:]
                yield f"ended with {child.returncode}: {end}"

    return trials


def mutated(*formats: str) -> Trials:
    """Files that Hypothesis makes from right ones."""
    return children("_reader", *formats)


def led(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """Files that atheris makes, led by the lines that the last ones reached."""
    if find_spec("atheris") is None:
        raise Impossible("atheris is not installed; it needs Linux on x86-64")
    yield from children("_led")(n, rng, place)


FAULTS = [
    Fault("mutated IDX, gz, npz, names, pictures", mutated(*DATA), few=100, many=9000),
    Fault("mutated files to predict and import", mutated(*GIVEN), few=60, many=4000),
    Fault("mutated npy, tables, Parquet, MATLAB, HDF5", mutated(*OTHER), few=60, many=6000),
    Fault("mutated CSV, zip, tar", mutated("table", "archive"), few=40, many=3000),
    Fault("mutated YAML", mutated("YAML"), few=50, many=4000),
    Fault("mutated checkpoints, records, metrics", mutated(*RUN), few=60, many=4000),
    Fault("any of these, led by coverage", led, few=5, many=4000),
    Fault("files made to harm", children("_reader"), few=40, many=419),
]
