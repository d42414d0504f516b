"""`python -m tests.faults._led`: as `_reader`, but atheris makes the files, led by coverage.

The first byte of its input says the format, so that one process tries them all.
"""

import sys
from importlib import import_module
from pathlib import Path

import atheris

WATCHED = ("mlpcli", "ruamel", "zipfile", "gzip", "ast")  # packages whose lines lead
COMMANDS = ("eval", "import_weights", "predict", "reproduce", "runs", "train")
OTHERS = ("data.fetch", "show.console", "show.eval", "show.run_table", "show.runs")


def load() -> None:
    """Import what is watched."""
    with atheris.instrument_imports(include=list(WATCHED)):
        import_module("tests.faults._reader")
        for name in (*(f"api.{each}" for each in COMMANDS), *OTHERS):
            import_module(f"mlpcli.{name}")


def main() -> None:
    """Give atheris's files to the program: a folder, how many, how many are done."""
    place, inputs, done = sys.argv[1:]
    load()
    from tests.faults._reader import Reader
    from tests.faults.formats import FORMATS

    reader = Reader(Path(place))
    corpus = Path(place) / "corpus"
    corpus.mkdir()
    for i, name in enumerate(FORMATS):
        for j, data in enumerate(reader.right(name)[: 1 + int(inputs) // 100]):
            (corpus / f"{i}-{j}").write_bytes(bytes([i]) + data)

    def one(data: bytes) -> None:
        kind = data[0] % len(FORMATS) if data else 0
        reader.tell([*FORMATS][kind], data[1:])

    runs, seed = int(inputs) - int(done), int(done) + 1
    options = [f"-runs={runs}", f"-seed={seed}", "-max_len=300000", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
