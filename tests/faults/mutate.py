"""Right files made wrong: edits of their bytes, and of the structure inside them."""

import gzip
import hashlib
import io
import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.faults.formats import arrays

Draw = Callable[..., Any]

NAMES = (
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "two\nlines",
    "back\r",
    "\u202eright to left",
    "\ud800",
    "\x00",
    "../../outside",
    "/outside",
    "",
    "x" * 5000,
)
WORDS = (
    *(name.encode("utf-8", "surrogatepass") for name in NAMES),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"-1", b"0", b"{}", b"[]"),
    *(b"[" * 3000, b'{"a":' * 3000, b"\xff\xfe", b"&a ", b"*a", b"<<: *a", b"? ", b": ", b"- "),
    *(b"!!python/object/apply:os.system [echo]", b"!!binary a", b"!!set ", b"!!timestamp ", b"---"),
    *(b"2020-01-01", b"%YAML 1.1\n---\n", b"!!omap ", b"@", b"`", b"\t", b'"\\x', b"'"),
    *(b"|O", b"<U9", b"<f8", b"M8[ns]", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x1f\x8b\x08"),
)
NUMBERS = (0, 1, 127, 128, 255, 32767, 65535, *(2**n - i for n in (31, 32, 63, 64) for i in (0, 1)))
FIRST, LAST = 16, 8  # bytes
DTYPES = ("|u1", "|i1", "<i8", ">u4", "<f8", "<c16", "|O", "<U3", "|S0", "|V8", "<M8[ns]", "|b1")

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(NAMES),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def edited(draw: Draw, right: bytes) -> bytes:
    """The bytes after one to four edits."""
    data = bytearray(right)
    for _ in range(draw(st.integers(1, 4))):
        _edit(draw, data)
    return bytes(data)


def _edit(draw: Draw, data: bytearray) -> None:
    """Mutates data by one edit."""
    at = draw(st.integers(0, len(data)))
    length = draw(st.integers(0, 64) | st.integers(0, len(data)))
    match draw(st.sampled_from(("flip", "number", "word", "bytes", "drop", "repeat", "cut"))):
        case "flip" if at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        case "number":
            size = draw(st.sampled_from((1, 2, 4, 8)))
            number = draw(st.sampled_from(NUMBERS)) % 256**size
            data[at : at + size] = number.to_bytes(size, draw(st.sampled_from(("big", "little"))))
        case "word":
            word = draw(st.sampled_from(WORDS))
            data[at : at + draw(st.sampled_from((0, len(word))))] = word
        case "bytes":
            data[at : at + length] = draw(st.binary(max_size=64))
        case "drop":
            del data[at : at + length]
        case "repeat":
            data[at:at] = data[at : at + length] * draw(st.integers(1, 20))
        case "cut":
            del data[at:]


@st.composite
def altered(draw: Draw, right: Any) -> Any:
    """A JSON value with one to three of its parts replaced, dropped, added or renamed."""
    for _ in range(draw(st.integers(1, 3))):
        right = _altered(draw, right)
    return right


def _altered(draw: Draw, value: Any) -> Any:
    if isinstance(value, dict | list) and value and draw(st.integers(0, 9)):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = draw(st.sampled_from(keys))
        whole = dict(value) if isinstance(value, dict) else dict(enumerate(value))
        match draw(st.sampled_from(("inside", "inside", "inside", "drop", "add", "rename"))):
            case "inside":
                whole[key] = _altered(draw, whole[key])
            case "drop":
                del whole[key]
            case "add":
                whole[draw(st.sampled_from(NAMES) | st.text(max_size=9))] = draw(VALUES)
            case "rename":
                whole[draw(st.sampled_from(NAMES))] = whole.pop(key)
        return whole if isinstance(value, dict) else list(whole.values())
    return draw(VALUES)


@st.composite
def json_file(draw: Draw, right: bytes) -> bytes:
    """JSON text, or lines of it, with a part altered."""
    lines = right.decode().rstrip("\n").split("\n") if right[:2] == b'{"' else [right.decode()]
    at = draw(st.integers(0, len(lines) - 1))
    lines[at] = json.dumps(draw(altered(json.loads(lines[at]))))
    return ("\n".join(lines) + "\n").encode()


@st.composite
def safetensors_file(draw: Draw, right: bytes) -> bytes:
    """A checkpoint whose header, or what it says of its run, is altered."""
    header, told, body = opened(right)
    if draw(st.booleans()):
        header = sealed(header, json.dumps(draw(altered(told))), body)
    else:
        header = draw(altered(header))
    return draw(_headed(header, body))


@st.composite
def state_dict_file(draw: Draw, right: bytes) -> bytes:
    """Another program's tensors, whose header is altered."""
    header, body = _parted(right)
    return draw(_headed(draw(altered(header)), body))


@st.composite
def _headed(draw: Draw, header: Any, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    length = draw(st.sampled_from((len(text), len(text), len(text), 0, 2**63, 10**8 + 1)))
    return struct.pack("<Q", length) + text + body


def _parted(tensors: bytes) -> tuple[dict[str, Any], bytes]:
    (size,) = struct.unpack("<Q", tensors[:8])
    return json.loads(tensors[8 : 8 + size]), tensors[8 + size :]


def opened(checkpoint: bytes) -> tuple[dict[str, Any], Any, bytes]:
    """Its header, what it says of its run, and the bytes of its tensors."""
    header, body = _parted(checkpoint)
    told = json.loads(header["__metadata__"]["mlpcli"].partition(" ")[2])
    return header, told, body


def sealed(header: dict[str, Any], told: str, body: bytes) -> dict[str, Any]:
    """The header of a checkpoint that says something else of its run, with the sum for it."""
    digest = hashlib.sha256(told.encode())
    for name in sorted(header.keys() - {"__metadata__"}):
        start, end = header[name]["data_offsets"]
        digest.update(body[start:end])
    return header | {"__metadata__": {"mlpcli": f"{digest.hexdigest()} {told}"}}


@st.composite
def npz_file(draw: Draw, right: bytes) -> bytes:
    """An .npz file whose members have other headers, names, packing or content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, values in arrays().items():
            if draw(st.integers(0, 9)):
                content = draw(_npy(values)) if draw(st.booleans()) else _plain(values)
                method = draw(st.sampled_from((0, 0, 8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
                called = name if draw(st.integers(0, 9)) else draw(st.sampled_from(NAMES[5:]))
                ending = draw(st.sampled_from((".npy", ".npy", ".npy", "")))
                called = called.encode("utf-8", "replace").decode() + ending
                zipped.writestr(called.replace("\0", "") or "x", content, method)
    data = out.getvalue()
    return draw(edited(data)) if not draw(st.integers(0, 3)) else data


@st.composite
def _npy(draw: Draw, values: np.ndarray[Any, Any]) -> bytes:
    """An .npy file with a header of its own."""
    sizes = st.sampled_from((*values.shape, 0, 1, -1, 2**31, 2**32, 2**62, 2**63, 10**30))
    told = {
        "descr": draw(st.sampled_from((values.dtype.str, values.dtype.str, *DTYPES))),
        "fortran_order": draw(st.booleans()),
        "shape": tuple(draw(st.lists(sizes, max_size=4))) if draw(st.booleans()) else values.shape,
    }
    if not draw(st.integers(0, 4)):
        told = draw(altered(told))
    text = repr(told).encode("utf-8", "replace") + b"\n"
    version = draw(st.sampled_from((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\4\0")))
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(text) % 65536)
    return b"\x93NUMPY" + version + size + text + values.tobytes()


def _plain(values: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, values, allow_pickle=False)
    return out.getvalue()


@st.composite
def gz_file(draw: Draw, right: bytes) -> bytes:
    """A gz file whose content is edited before it is packed."""
    return gzip.compress(draw(edited(gzip.decompress(right))))


@st.composite
def known_file(draw: Draw, right: bytes) -> bytes:
    """A file that is edited between its first and last bytes, which tell its format."""
    return right[:FIRST] + draw(edited(right[FIRST:-LAST])) + right[-LAST:]


@st.composite
def mat_file(draw: Draw, right: bytes) -> bytes:
    """A MATLAB file, some of whose elements are edited, packed ones before they are packed."""
    out, start = right[:128], 128
    while start < len(right):
        kind, size = struct.unpack("<II", right[start : start + 8])
        body = right[start + 8 : start + 8 + size]
        if draw(st.booleans()):
            packed = kind == 15  # by zlib
            body = draw(edited(zlib.decompress(body) if packed else body))
            body = zlib.compress(body) if packed else body
        out += struct.pack("<II", kind, len(body)) + body
        start += 8 + size
    return out


@st.composite
def yaml_file(draw: Draw, right: bytes) -> bytes:
    """Settings with parts altered; JSON is YAML too."""
    from mlpcli.config import yaml_source

    values = yaml_source.parse(right.decode(), "").values
    return json.dumps(draw(altered(values)), ensure_ascii=draw(st.booleans())).encode(
        "utf-8", "surrogatepass"
    )


INSIDE: dict[str, Callable[[bytes], st.SearchStrategy[bytes]]] = {
    "gz": gz_file,
    "npz": npz_file,
    "to predict": npz_file,
    "Parquet": known_file,
    "MATLAB": mat_file,
    "HDF5": known_file,
    "network": state_dict_file,
    "YAML": yaml_file,
    "best": safetensors_file,
    "last": safetensors_file,
    "record": json_file,
    "metrics": json_file,
}


def mutated(name: str, right: list[bytes]) -> st.SearchStrategy[bytes]:
    """Wrong files of a format; right are right ones."""
    bytes_ = st.sampled_from(right).flatmap(edited)
    if name not in INSIDE:
        return bytes_
    return bytes_ | st.sampled_from(right).flatmap(INSIDE[name])
