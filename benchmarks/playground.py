"""How long the page of `mlp playground` takes for one point of a stroke, all painting included.

python -m benchmarks.playground [RUN]

RUN: whose page is measured; without one, a run of the default network, trained on `synth` for an
epoch. Needs Chromium. A point that takes 16.7 ms allows 60 predictions a second.
"""

import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import machine
from mlpcli.api import playground as api
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.show import playground
from tests.show.chromium import launched, opened
from tests.show.playground.conftest import LOOK, STROKES, strokes_of

POINTS, ROUNDS = 300, 5
DRAW = """([drawings, count]) => Array.from({ length: count }, (_, i) => {
  const start = performance.now();
  look({ kind: "drawing", strokes: drawings[i % drawings.length] });
  update();
  return performance.now() - start;
})"""


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        run = Path(sys.argv[1]) if len(sys.argv) > 1 else _trained(Path(folder, "run"))
        page = Path(folder, "page.html")
        playground.write(page, api.collect(run))
        before = machine.now()
        rounds = measure(page)
    facts = machine.facts(before, machine.now())
    for times in rounds:
        median, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        sys.stdout.write(
            f"median {median:.1f} ms, {1000 / median:.0f} a second; 95% within {late:.1f} ms\n"
        )
    load = facts["load"]
    sys.stdout.write(f"load {load['before']:.1f} before, {load['after']:.1f} after\n")


def measure(file: Path) -> list[list[float]]:
    """Milliseconds of each point in each round; a round before them warms up the browser."""
    drawings = [strokes_of(hand) for hand in STROKES]
    with launched() as browser:
        for page in opened(browser, file, LOOK):
            rounds = [page.evaluate(DRAW, [drawings, POINTS]) for _ in range(1 + ROUNDS)]
    return rounds[1:]


def _trained(run: Path) -> Path:
    for _ in train(load_config(None, ["data.name=synth", "train.epochs=1"]), run, preflight=False):
        pass
    return run


if __name__ == "__main__":
    main()
