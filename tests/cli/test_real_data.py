"""From an empty cache to the accuracy that the README promises, on the published data."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.cli.outcome import call, facts

DATA = Path(__file__).parents[2].parent / "shared" / "data"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the published files in ../shared/data"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[str]:
    """Address of a web server over the published files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(DATA))) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("name", "options", "accuracy"),
    [
        ("mnist", ["--config", "mnist", "--epochs", "6"], 0.982),
        ("fashion-mnist", ["--config", "fashion-mnist", "--epochs", "15"], 0.885),
    ],
)
def test_a_downloaded_set_is_learnt_to_the_promised_accuracy(
    mirror: str, place: Path, name: str, options: list[str], accuracy: float
) -> None:
    fetched = facts(call("download", name, "--from", f"{mirror}/{name}/", "--json"))
    files = fetched["datasets"][0]["files"]
    assert {Path(file).parent for file in files} == {place / "cache" / name}
    facts(call("train", *options, "--out", "run", "--json"))

    scores = facts(call("eval", "run", "--json", "--fail-under", str(accuracy)))

    assert scores["n"] == 10_000
    assert scores["accuracy"] >= accuracy
