"""The kinds of files that the program reads: right ones of each, and what reads them."""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from safetensors.numpy import save

from tests.cli.outcome import call

CLASSES = ("cat", "dog", "été")
SETTINGS = ("network.hidden=[8]", "train.batch_size=16", "train.epochs=2", "data.name=own.npz")
EVAL = "eval run --json --data"
IMPORT = "import net.safetensors --out imported --overwrite --set data.name=own.npz"
RESUME = "train --resume run --json"
LISTS = ("runs --in . --json", "runs show run")
REPEAT = "reproduce run --json --quiet"
YAML = (
    "seed: 1\nnetwork: {hidden: [16, 8], activation: gelu}\noptimizer: {name: adam, lr: 1e-3}\n",
    '# a comment\ndata:\n  name: "own\\u00e9.npz"\n  validation: .2\ntrain:\n  patience: null\n',
    "train: !!map\n  epochs: 0x10\n  batch_size: 0o17\ncheckpoint: {every_seconds: 1e3}\n",
)

Arrays = dict[str, np.ndarray[Any, Any]]


class Format(NamedTuple):
    """A kind of file; paths are those of the folder that `lay` fills."""

    path: str
    commands: tuple[str, ...]  # that read it
    made: Callable[[Path], list[bytes]] | None = None  # from the folder; else the file at path
    is_right: Callable[[bytes], bool] | None = None  # a second opinion, where there is one

    def right(self, place: Path) -> list[bytes]:
        """Right files of this kind."""
        return self.made(place) if self.made else [(place / self.path).read_bytes()]


def lay(place: Path) -> None:
    """Put data into place, the current folder, and two finished runs of them."""
    made = arrays()
    (place / "own.npz").write_bytes(npz(made))
    for inner in ("npy", "listed"):
        (place / inner).mkdir()
    rows = ["file_name,label"]
    for i, (image, label) in enumerate(zip(made["x_test"], made["y_test"], strict=True)):
        Image.fromarray(image).save(place / "listed" / f"{i}.png")
        rows.append(f"{i}.png,{CLASSES[label]}")
    (place / "listed/metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for split, start in (("train", "train"), ("test", "t10k")):
        for kind in ("x", "y"):
            (place / "npy" / f"{kind}_{split}.npy").write_bytes(npy(made[f"{kind}_{split}"]))
        for kind, values in (("images-idx3", f"x_{split}"), ("labels-idx1", f"y_{split}")):
            data = idx(made[values])
            for name, ending, form in (("idx", "", data), ("gz", ".gz", gzip.compress(data))):
                (place / name).mkdir(exist_ok=True)
                (place / name / f"{start}-{kind}-ubyte{ending}").write_bytes(form)
        for name, image in zip(CLASSES, made[f"x_{split}"], strict=False):
            folder = place / "pictures" / split / name
            folder.mkdir(parents=True)
            Image.fromarray(image).save(folder / "0.png")
    for run, resize in (("run", "false"), ("shrinking", "true")):
        options = [word for each in SETTINGS for word in ("--set", each)]
        options += ["--set", f"data.resize={resize}", "--out", run, "--quiet", "--no-preflight"]
        outcome = call("train", *options)
        assert outcome.status == 0, outcome.err


def arrays() -> Arrays:
    """Images, labels and names of classes, as in an .npz file."""
    rng = np.random.default_rng(0)
    made: Arrays = {"classes": np.array(CLASSES)}
    for split, n in (("train", 60), ("test", 9)):
        made[f"y_{split}"] = np.arange(n, dtype="u1") % 3
        made[f"x_{split}"] = rng.integers(0, 256, (n, 6, 6), "u1")
    return made


def idx(values: np.ndarray[Any, Any]) -> bytes:
    """IDX data of bytes or, for two axes, of a table of labels."""
    table = values.ndim == 2
    head = (0x0C if table else 0x08) << 8 | values.ndim
    counts = b"".join(n.to_bytes(4, "big") for n in (head, *values.shape))
    return counts + values.astype(">i4" if table else "u1").tobytes()


def npz(made: Arrays, *, packed: bool = False) -> bytes:
    """An .npz file."""
    out = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(out, allow_pickle=False, **made)
    return out.getvalue()


def npy(values: np.ndarray[Any, Any]) -> bytes:
    """An .npy file."""
    out = io.BytesIO()
    np.save(out, values, allow_pickle=False)
    return out.getvalue()


def parquet() -> list[bytes]:
    """Pictures and labels as the Hugging Face hub has them, packed or not."""
    import pyarrow
    from pyarrow.parquet import write_table

    images = []
    for image in arrays()["x_test"]:
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG")
        images.append({"bytes": out.getvalue(), "path": "x.png"})
    table = pyarrow.table({"image": images, "label": arrays()["y_test"]})
    about = {"huggingface": '{"info": {"features": {"label": {"names": ["cat", "dog", "été"]}}}}'}
    made = []
    for packing in ("snappy", "none", "gzip"):
        out = io.BytesIO()
        write_table(table.replace_schema_metadata(about), out, compression=packing)
        made.append(out.getvalue())
    return made


def matlab() -> list[bytes]:
    """Arrays as MATLAB stores them, also inside a structure."""
    from scipy.io import savemat

    test = {"images": arrays()["x_test"].reshape(9, 36), "labels": arrays()["y_test"][:, None]}
    made = []
    for packed in (False, True):
        for values in (
            {"X": test["images"] / 255, "y": test["labels"]},
            {"dataset": {"test": test}},
        ):
            out = io.BytesIO()
            savemat(out, values, do_compression=packed)
            made.append(out.getvalue())
    return made


def tables() -> list[bytes]:
    """Images and labels as text, with and without names, packed or not."""
    made = []
    rows = [
        [CLASSES[label], *map(str, image.ravel())]
        for image, label in zip(arrays()["x_test"], arrays()["y_test"], strict=True)
    ]
    names = ["label", *(f"pixel{i}" for i in range(36))]
    for separator in ",\t;":
        for table in ([names, *rows], rows, [[*row[1:], row[0]] for row in rows]):
            made.append("".join(separator.join(row) + "\n" for row in table).encode())
    return [*made, gzip.compress(made[0])]


def archives() -> list[bytes]:
    """A table of images, and a picture of each class, in zip and tar archives."""
    members = {"test.csv": tables()[0]}
    folders = {f"test/{name}/0.png": pictures()[0] for name in CLASSES}
    made = []
    for inside in (members, folders):
        for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", packing) as archive:
                for name, content in inside.items():
                    archive.writestr(name, content)
            made.append(out.getvalue())
        for mode in ("w", "w:gz", "w:xz"):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode=mode) as tar:
                for name, content in inside.items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
            made.append(out.getvalue())
    return made


def hdf5() -> list[bytes]:
    """Arrays in groups, in one piece or packed in chunks."""
    import h5py

    made = []
    for options in ({}, {"chunks": (3, 6, 6), "compression": "gzip", "shuffle": True}):
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            file.create_dataset("test/data", data=arrays()["x_test"], **options)
            file["test/target"] = arrays()["y_test"]
        made.append(out.getvalue())
    return made


def pictures() -> list[bytes]:
    """A small and a large picture in every form and colour that is read."""
    made = []
    plain, grey = ("png", "bmp", "gif", "tiff"), ("jpeg", "webp")
    forms = [(mode, form) for mode in ("L", "RGB", "P", "1") for form in plain]
    forms += [(mode, "ppm") for mode in ("L", "RGB", "1")]
    forms += [("LA", "png"), ("RGBA", "png"), ("RGBA", "webp"), ("I;16", "png")]
    for mode, form in forms + [(mode, form) for mode in ("L", "RGB") for form in grey]:
        for side in (6, 40):
            out = io.BytesIO()
            image = Image.fromarray(arrays()["x_test"][0])
            image.convert(mode).resize((side, side)).save(out, form)
            made.append(out.getvalue())
    return made


def network() -> bytes:
    """A state_dict of PyTorch's form, of a network for the three classes."""
    rng = np.random.default_rng(1)
    shapes = {"0.weight": (4, 784), "0.bias": (4,), "2.weight": (3, 4), "2.bias": (3,)}
    return save({name: rng.standard_normal(shape, "f4") for name, shape in shapes.items()})


def _to_predict() -> list[bytes]:
    """A file of each kind that `mlp predict` takes, whose first bytes tell which it is."""
    images = idx(arrays()["x_test"])
    return [*pictures(), images, gzip.compress(images), *_npz()]


def _is_images(data: bytes) -> bool:
    n, height, width = (int.from_bytes(data[at : at + 4], "big") for at in (4, 8, 12))
    fits = n == 9 and 0 < height <= 32 and 0 < width <= 32
    return data[:4] == b"\0\0\x08\x03" and fits and len(data) == 16 + n * height * width


def _is_gz(data: bytes) -> bool:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as unpacked:
            return _is_images(unpacked.read(1 << 20)) and not unpacked.read(1)
    except (OSError, EOFError, zlib.error):
        return False


def _is_labels(data: bytes) -> bool:
    n, columns = (int.from_bytes(data[at : at + 4], "big") for at in (4, 8))
    if data[:4] == b"\0\0\x08\x01":
        return n == 9 and len(data) == 8 + 9 and max(data[8:]) < 3
    if data[:4] != b"\0\0\x0c\x02" or n != 9 or len(data) != 12 + 36 * columns or not columns:
        return False
    rows = range(12, 12 + 36 * columns, 4 * columns)
    return all(data[at : at + 3] == b"\0\0\0" and data[at + 3] < 3 for at in rows)


def _npz() -> list[bytes]:
    return [npz(arrays()), npz(arrays(), packed=True)]


def _tables(table: bytes) -> Iterator[bytes]:
    """A table of labels, also without names of columns, and with others."""
    yield table
    yield table.partition(b"\n")[2].replace(b",", b";")
    yield b"\n".join(b"7\t" + line.replace(b",", b"\t") for line in table.splitlines())


def _labels() -> list[bytes]:
    labels = arrays()["y_test"]
    return [idx(labels), idx(np.stack([labels] * 8, axis=1))]


FORMATS = {
    "images": Format("idx/t10k-images-idx3-ubyte", (f"{EVAL} idx",), is_right=_is_images),
    "labels": Format(
        "idx/t10k-labels-idx1-ubyte", (f"{EVAL} idx",), lambda _: _labels(), _is_labels
    ),
    "gz": Format(
        "gz/t10k-images-idx3-ubyte.gz",
        (f"{EVAL} gz",),
        is_right=lambda data: _is_gz(data) or _is_images(data),
    ),
    "names": Format(
        "idx/classes.txt",
        (f"{EVAL} idx", "eval run --data idx"),
        lambda _: ["\n".join(CLASSES).encode()],
    ),
    "npz": Format("own.npz", (f"{EVAL} own.npz", "eval run --data own.npz"), lambda _: _npz()),
    "picture": Format(
        "pictures/test/cat/0.png",
        (f"{EVAL} pictures", "eval shrinking --json --data pictures"),
        lambda _: pictures(),
    ),
    "npy": Format("npy/x_test.npy", (f"{EVAL} npy",)),
    "table of labels": Format(
        "listed/metadata.csv",
        (f"{EVAL} listed",),
        lambda place: [*_tables((place / "listed/metadata.csv").read_bytes())],
    ),
    "Parquet": Format("test.parquet", (f"{EVAL} test.parquet",), lambda _: parquet()),
    "MATLAB": Format("test.mat", (f"{EVAL} test.mat",), lambda _: matlab()),
    "table": Format(
        "test.csv", (f"{EVAL} test.csv", "data check test.csv --json"), lambda _: tables()
    ),
    "archive": Format("test.zip", (f"{EVAL} test.zip",), lambda _: archives()),
    "HDF5": Format("test.h5", (f"{EVAL} test.h5",), lambda _: hdf5()),
    "to predict": Format(
        "images",
        ("predict run images --format jsonl", "predict shrinking images --center --invert"),
        lambda _: _to_predict(),
    ),
    "network": Format("net.safetensors", (f"{IMPORT} --json", IMPORT), lambda _: [network()]),
    "YAML": Format(
        "config.yaml",
        ("config check config.yaml", "config show config.yaml", "summary --config config.yaml"),
        lambda place: [*map(str.encode, YAML), (place / "run/config.yaml").read_bytes()],
    ),
    "best": Format("run/best.safetensors", ("eval run --weights best --json", "eval run")),
    "last": Format("run/last.safetensors", (RESUME,)),
    "record": Format(
        "run/run.json", ("eval run --split validation --json", *LISTS, RESUME, REPEAT)
    ),
    "metrics": Format("run/metrics.jsonl", (RESUME, REPEAT)),
}
