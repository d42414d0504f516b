"""Files that are not read: what they are, and what to do instead."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mlpcli.data import pictures

ARRAYS = "np.savez('digits.npz', x_train=..., y_train=..., x_test=..., y_test=...)"


class Refused(NamedTuple):
    """A kind of file that is not read."""

    name: str
    instead: str
    fits: Callable[[Path, bytes], bool]  # by the first bytes of a file, or by its suffix


def _ends(*suffixes: str) -> Callable[[Path, bytes], bool]:
    return lambda path, head: path.name.lower().endswith(suffixes)


def _begins(*prefixes: bytes) -> Callable[[Path, bytes], bool]:
    return lambda path, head: head.lstrip().lower().startswith(prefixes)


KINDS = (
    Refused("an empty file", "fetch it again", lambda path, head: not head),
    Refused(
        "a Git LFS pointer",
        "`git lfs pull` fetches the file itself",
        _begins(b"version https://git-lfs"),
    ),
    Refused("a web page", "download the file itself", _begins(b"<!doctype html", b"<html")),
    Refused(
        "a pickle file, which can run code",
        f"load it where you trust it and store the arrays: {ARRAYS}",
        lambda path, head: (
            bool(re.match(rb"\x80[\x02-\x05]", head))
            or _ends(".pkl", ".pickle", ".joblib")(path, head)
        ),
    ),
    Refused(
        "a PyTorch file, which can run code",
        f"load it with torch.load and store the arrays: {ARRAYS}",
        _ends(".pt", ".pth"),
    ),
    Refused(
        "an ARFF file",
        f"scipy.io.arff.loadarff reads it; store the arrays: {ARRAYS}",
        _begins(b"@relation"),
    ),
    Refused(
        "a libsvm file",
        f"sklearn.datasets.load_svmlight_file reads it; store the arrays: {ARRAYS}",
        lambda path, head: bool(re.match(rb"[-+]?\d+(\.\d+)?( +\d+:[-+.\de]+)+\s", head)),
    ),
    Refused(
        "a TFRecord file",
        f"tf.data.TFRecordDataset reads it; store the arrays: {ARRAYS}",
        lambda path, head: ".tfrecord" in path.name.lower(),
    ),
    Refused(
        "an HEIC picture",
        pictures.CONVERT,
        lambda path, head: pictures.foreign_format(head) == "HEIC",
    ),
    Refused(
        "an AVIF picture",
        pictures.CONVERT,
        lambda path, head: pictures.foreign_format(head) == "AVIF",
    ),
    Refused("a RAR archive", "unpack it, and name the folder", _begins(b"rar!")),
    Refused("a 7z archive", "unpack it, and name the folder", _begins(b"7z\xbc\xaf")),
    Refused("a spreadsheet", "save it as CSV", _ends(".xlsx", ".xls", ".ods")),
    Refused(
        "a single picture",
        "name the folder with the folders of its classes; `mlp predict` classifies pictures",
        lambda path, head: pictures.is_picture(head),
    ),
)


def kind(path: Path, head: bytes) -> Refused | None:
    """What a file that begins with head is, if it is not read; None for another file."""
    return next((each for each in KINDS if each.fits(path, head)), None)
