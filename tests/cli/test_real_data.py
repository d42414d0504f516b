"""From an empty cache to the accuracy that the README promises, on the published data."""

from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from mlpcli import load_data
from mlpcli.data.preprocessing import inputs
from mlpcli.nn import mlp
from mlpcli.runs.folder import RunFolder
from tests.cli.outcome import call, facts
from tests.server import content, serve

DATA = Path(__file__).parents[2].parent / "shared" / "data"

CHANGES = ("optimizer.name=adamw", "optimizer.lr=2e-3", "train.batch_size=256", "train.ema=0.99")
ADAMW = [word for change in CHANGES for word in ("--set", change)]  # faster than the config's SGD

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the published files in ../shared/data"),
]


@pytest.mark.parametrize(
    ("name", "options", "accuracy"),
    [
        ("mnist", ["mnist-fast"], 0.982),
        ("fashion-mnist", ["fashion-mnist", *ADAMW, "--epochs", "8"], 0.885),
    ],
)
def test_a_downloaded_set_is_learnt_to_the_promised_accuracy(
    place: Path, name: str, options: list[str], accuracy: float
) -> None:
    answers = {f"/{path.name}": content(path.read_bytes()) for path in (DATA / name).iterdir()}
    with serve({**answers}) as (url, _):
        fetched = facts(call("download", name, "--from", url, "--json"))
    files = fetched["datasets"][0]["files"]
    assert {Path(file).parent for file in files} == {place / "cache" / name}
    facts(call("train", "--config", *options, "--out", "run", "--json"))

    scores = facts(call("eval", "run", "--json", "--fail-under", str(accuracy)))

    assert scores["n"] == 10_000
    assert scores["accuracy"] >= accuracy
    assert scores["calibration_error"] < scores["uncalibrated"]["calibration_error"]
    kept = RunFolder(Path("run")).load_checkpoint("best")
    x = inputs(load_data(name, "test", offline=True).images)
    raw, used = (mlp.forward(c.params, x).z[-1].argmax(axis=1) for c in (kept, kept.for_use()))
    assert_array_equal(used, raw)  # the temperature changes no class
