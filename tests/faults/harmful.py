"""Files that were made to harm: by name, the format that they pass for, and their bytes."""

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.faults.formats import Arrays, arrays, idx, npz
from tests.faults.mutate import NAMES, opened, sealed

Right = Callable[[str], list[bytes]]
Harm = Iterator[tuple[str, str, bytes]]
TIMES = 9000  # that something is nested
PIXEL = {  # of a PNG: bits of a sample, code of its colours, bytes
    "grey": (8, 0, 1),
    "sixteen bits": (16, 0, 2),
    "grey and alpha": (8, 4, 2),
    "colours and alpha": (8, 6, 4),
}


def harmful(right: Right) -> Harm:
    """All of them; right gives right files of a format."""
    yield from _idx()
    yield from _npz()
    for what, name, data in _pictures():
        yield what, name, data
        yield f"{what}, to predict", "to predict", data
    yield from _networks(right("network")[0])
    yield from _yaml()
    yield from _names()
    for name in ("best", "last"):
        yield from _checkpoints(name, right(name)[0])
    yield from _records(json.loads(right("record")[0]))
    yield from _metrics(right("metrics")[0])


def _packed(data: bytes, end: int = zlib.Z_FULL_FLUSH) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush(end)


def _deflated(size: int, *, before: bytes = b"") -> bytes:
    """The bytes before and so many zeros; packed by the megabyte, each like the other."""
    whole, rest = divmod(size, 1 << 20)
    zeros = _packed(bytes(1 << 20)) * whole + _packed(bytes(rest), zlib.Z_FINISH)
    return _packed(before) + zeros


def _zeros(size: int, *, before: bytes = b"") -> bytes:
    """The bytes before and so many megabytes of zeros, as gz."""
    block, sum_ = bytes(1 << 20), zlib.crc32(before)
    for _ in range(size >> 20):
        sum_ = zlib.crc32(block, sum_)
    end = struct.pack("<II", sum_, len(before) + size)
    return b"\x1f\x8b\x08" + bytes(7) + _deflated(size, before=before) + end


def _head(*counts: int, kind: int = 0x0803) -> bytes:
    return struct.pack(f">{1 + len(counts)}I", kind, *counts)


def _idx() -> Harm:
    images = idx(arrays()["x_test"])
    yield "more than the header says", "gz", _zeros(1 << 30, before=images)
    gigabyte = _zeros(1 << 30, before=_head(1 << 20, 32, 32))
    yield "all that the header says, a gigabyte", "gz", gigabyte
    yield "2^32 images promised", "gz", gzip.compress(_head(2**32 - 1, 28, 28))
    yield "2^96 bytes promised", "gz", gzip.compress(_head(*[2**32 - 1] * 3))
    yield "a long name inside", "gz", b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 10**6
    yield "packed twice", "gz", gzip.compress(gzip.compress(images))
    yield "2^32 images promised", "images", _head(2**32 - 1, 28, 28)
    yield "images without pixels", "images", _head(9, 0, 6)
    yield "no images", "images", _head(0, 6, 6)
    yield "255 axes", "images", _head(*[1] * 255, kind=0x08FF) + b"\0"
    yield "a table without columns", "labels", _head(9, 0, kind=0x0C02)
    yield "a table of 2^32 columns", "labels", _head(9, 2**32 - 1, kind=0x0C02)
    yield "labels of classes beyond any", "labels", idx(np.full((9, 8), 2**31 - 1))
    yield "negative labels", "labels", idx(np.full((9, 8), -1))


def _npy(header: str, content: bytes = b"", *, version: bytes = b"\1\0") -> bytes:
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + content


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, *, zeros: int = 0) -> bytes:
    """A zip archive, and so many zeros at the end of its last member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as zipped:
        for name, content in members.items():
            with zipped.open(name, "w") as member:
                member.write(content)
                for _ in range(zeros >> 20 if name == [*members][-1] else 0):
                    member.write(bytes(1 << 20))
    return out.getvalue()


def _npz() -> Harm:
    def header(shape: object, descr: object = "|u1") -> str:
        return repr({"descr": descr, "fortran_order": False, "shape": shape})

    made = arrays()
    plain: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(npz(made))) as zipped:
        plain |= {name: zipped.read(name) for name in zipped.namelist()}
    for name, x_test in {
        "a shape of 2^62": _npy(header((2**62,))),
        "a shape beyond 64 bits": _npy(header((10**30, 0))),
        "a negative shape": _npy(header((-9, -6, 6)), bytes(324)),
        "objects": _npy(header((1,), "|O"), pickle.dumps(np.array([1]))),
        "a kind of 2^31 bytes": _npy(header((1,), "|V2147483647")),
        "a record of objects": _npy(header((1,), [("a", "|O")]), b"\x80\x04N."),
        "parentheses": _npy("(" * TIMES),
        "minus signs": _npy("-" * TIMES + "1"),
        "a header of a megabyte": _npy(" " * 10**6, version=b"\2\0"),
        "a header that calls": _npy("__import__('os').system('echo')"),
        "a header of the future": _npy(header((9, 6, 6)), bytes(324), version=b"\4\0"),
        "no array": b"plain text",
        "nothing": b"",
    }.items():
        yield name, "npz", _zip(plain | {"x_test.npy": x_test})
    head = _npy(header((600 << 20, 1, 1)))
    yield "600 megabytes of zeros", "npz", _zip(plain | {"x_test.npy": head}, zeros=600 << 20)
    yield "an array alone", "npz", plain["x_test.npy"]
    yield "a pickle", "npz", pickle.dumps(made["x_test"])
    yield "names outside", "npz", _zip(plain | {"../../outside": b"x", "/outside": b"x"})
    yield "a name that is there and elsewhere", "npz", _zip({f"../{k}": plain[k] for k in plain})
    yield "packed by bzip2", "npz", _zip(plain, zipfile.ZIP_BZIP2)
    whole = bytearray(_zip(plain))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = 0
        while (start := whole.find(mark, start) + 1) > 0:
            whole[start - 1 + at] |= 1
    yield "a password", "npz", bytes(whole)
    for name, classes in {
        "names without letters": _npy(header((2**40,), "<U0")),
        "names of numbers beyond letters": _npy(header((3,), "<U1"), b"\xff" * 12),
        "halves of letters": _npy(header((3,), "<U1"), b"\0\xd8\0\0" * 3),
        "a million names": _npy(header((10**6,), "<U1"), b"a\0\0\0" * 10**6),
    }.items():
        yield name, "npz", _zip(plain | {"classes.npy": classes})
    many: Arrays = {**made, "y_train": np.arange(60) * 1000}
    yield "sixty thousand classes", "npz", npz({k: many[k] for k in many if k != "classes"})
    for odd in NAMES:
        text = odd.encode("utf-8", "replace").decode()
        yield f"a class {odd[:9]!r}", "npz", npz({**made, "classes": np.array([text, "b", "c"])})


def _chunk(kind: bytes, content: bytes) -> bytes:
    sum_ = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", sum_)


def _png(
    width: int, height: int, kind: str = "grey", *, more: bytes = b"", rows: bool = True
) -> bytes:
    """A black picture: a row is zeros, and another zero before them."""
    depth, colours, size = PIXEL[kind]
    zeros = height * (1 + width * size) if rows else 0
    adler = struct.pack(">HH", zeros % 65521, 1)  # the checksum of zeros
    body = b"\x78\x01" + _deflated(zeros) + adler
    head = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    parts = _chunk(b"IHDR", head) + more + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _pictures() -> Harm:
    yield "400 million pixels", "picture", _png(20_000, 20_000)
    for kind in PIXEL:
        yield f"25 million pixels of {kind}", "picture", _png(5000, 5000, kind)
    yield "2^31 pixels a side, and none", "picture", _png(2**31 - 1, 2**31 - 1, rows=False)
    yield "no pixels", "picture", _png(0, 0)
    more = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000)))
    yield "a comment of 100 megabytes", "picture", _png(6, 6, more=more)
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 6\n%%EndComments\n"
    yield "PostScript", "picture", script
    yield "a drawing", "picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    yield "a GIF of 65535 a side", "picture", b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b";"
    yield "a TIFF that leads in a circle", "picture", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"
    yield "a BMP of negative size", "picture", b"BM" + bytes(12) + struct.pack("<Iii", 40, -9, -9)


def _yaml() -> Harm:
    laughs = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
    for name, text in {
        "a billion laughs": f"a0: &a0 [lol]\n{laughs}",
        "an alias of itself": "a: &a [*a]",
        "brackets": "a: " + "[" * TIMES,
        "closed brackets": "a: " + "[" * TIMES + "]" * TIMES,
        "braces": "{a: " * (TIMES // 2),
        "dashes": "- " * TIMES,
        "question marks": "? " * TIMES,
        "thousands of unknown keys": "\n".join(f"k{i}: 1" for i in range(2500)),
        "anchors": "seed: " + "&a " * TIMES,
        "a number of 5000 digits": "seed: " + "9" * 5000,
        "an endless number": "optimizer: {lr: .inf}",
        "a call": "seed: !!python/object/apply:os.system [echo]",
        "a module": "seed: !!python/module:os",
        "a tag of its own": "%TAG ! tag:x,2000:\n---\nseed: !y 1",
        "two documents": "seed: 1\n---\nseed: 2",
        "binary": "data: {name: !!binary YQ==}",
        "an old version": "%YAML 1.1\n---\nseed: 010",
        "a key beyond text": '"\\ud800": 1',
        "a name beyond text": 'data: {name: "\\ud800"}',
        "a key that is a list": "? [a]\n: 1",
        "a byte of zero": "seed: 1\0",
    }.items():
        yield name, "YAML", text.encode()
    yield "UTF-16", "YAML", "seed: 1".encode("utf-16")
    for odd in NAMES[:5]:
        text = json.dumps(odd)
        yield f"a key {odd!r}", "YAML", f"{text}: 1".encode()
        yield f"data {odd!r}", "YAML", f"data: {{name: {text}, validation: {text}}}".encode()


def _names() -> Harm:
    for odd in NAMES:
        text = f"cat\n{odd}\ndog\n" if "\n" not in odd else f"cat\n{odd}"
        yield f"a name {odd[:9]!r}", "names", text.encode("utf-8", "replace")
    yield "UTF-16", "names", "cat\ndog\nbird".encode("utf-16")
    yield "a million names", "names", b"x\n" * 10**6


def _tensors(header: object, body: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def _checkpoints(name: str, right: bytes) -> Harm:
    header, told, body = opened(right)
    size = len(right) - len(body) - 8

    def tensor(**changes: Any) -> bytes:
        return _tensors(header | {"W1": header["W1"] | changes}, body)

    def says(text: str, content: bytes = body) -> bytes:
        return _tensors(sealed(header, text, content), content)

    def facts(**changes: Any) -> bytes:
        return says(json.dumps(told | changes))

    for kind, data in {
        "length 2^63": _tensors(header, body, length=2**63),
        "length 0": _tensors(header, body, length=0),
        "a length over the limit": _tensors(header, body, length=100_000_001),
        "a length one too long": _tensors(header, body, length=size + 1),
        "a length one too short": _tensors(header, body, length=size - 1),
        "no header": b"",
        "a nested header": _tensors(b"[" * TIMES),
        "an offset beyond the file": tensor(data_offsets=[0, 2**63]),
        "offsets the wrong way": tensor(data_offsets=[9, 0]),
        "an enormous shape": tensor(shape=[2**62, 2**62]),
        "half precision": tensor(dtype="F16"),
        "a kind that NumPy lacks": tensor(dtype="F8_E4M3"),
        "no tensors": _tensors({"__metadata__": header["__metadata__"]}),
        "no facts": _tensors({k: v for k, v in header.items() if k != "__metadata__"}, body),
        "facts of another program": _tensors(header | {"__metadata__": {"format": "pt"}}, body),
        "another weight": _tensors(header, b"\1" + body[1:]),
        "weights that overflow": says(json.dumps(told), struct.pack("<f", 3e38) * (len(body) // 4)),
        "weights that are no numbers": says(json.dumps(told), b"\xff" * len(body)),
        "facts that are a list": says("[1]"),
        "facts without end": says("[" * TIMES),
        "another schema": facts(schema=2),
        "a foreign key": facts(more=1),
        "no classes": facts(classes=[]),
        "a million classes": facts(classes=["x"] * 10**6),
        "classes that are numbers": facts(classes=[1, 2, 3]),
        "no lengths": facts(lengths=[]),
        "progress that cannot be": facts(progress=[2, 0, 0.0, 9, 1.0]),
        "progress beyond an epoch": facts(progress=[1, 10**9, 0.0, 1, 0.5]),
        "progress of text": facts(progress="x"),
        "negative updates": facts(updates=-1),
        "an enormous network": facts(
            config=told["config"] | {"network": {"hidden": [65536] * 32, "activation": "relu"}}
        ),
    }.items():
        yield kind, name, data
    for key in told:
        yield f"no {key}", name, says(json.dumps({k: told[k] for k in told if k != key}))
    for odd in NAMES:
        yield f"a class {odd[:9]!r}", name, facts(classes=[odd, "b", "c"])


def _networks(right: bytes) -> Harm:
    (size,) = struct.unpack("<Q", right[:8])
    header, body = json.loads(right[8 : 8 + size]), right[8 + size :]
    for what, data in {
        "a pickle of PyTorch": b"PK\3\4" + bytes(30),
        "no tensors": _tensors({}),
        "a nested header": _tensors(b"[" * TIMES),
        "an enormous shape": _tensors(
            header | {"0.weight": header["0.weight"] | {"shape": [2**62, 784]}}, body
        ),
        "weights that are no numbers": _tensors(header, b"\xff" * len(body)),
        "weights that overflow": _tensors(header, struct.pack("<f", 3e38) * (len(body) // 4)),
    }.items():
        yield what, "network", data
    for odd in (*NAMES, "9" * 5000):
        renamed = {f"{odd}{name}": told for name, told in header.items()}
        yield f"names {odd[:9]!r}", "network", _tensors(renamed, body)


def _records(told: dict[str, Any]) -> Harm:
    for key, value in told.items():
        for name, changed in {
            f"no {key}": {k: told[k] for k in told if k != key},
            f"{key} of another type": told | {key: [value]},
            f"{key} that is null": told | {key: None},
            f"{key} that is enormous": told | {key: 10**400},
            f"{key} that controls": told | {key: NAMES[0]},
        }.items():
            yield name, "record", json.dumps(changed).encode()
    for name, text in {
        "nothing": "",
        "a list": "[]",
        "a foreign record": "{}",
        "brackets": "[" * TIMES,
        "a digit too many": json.dumps(told).replace(": 0,", f": {'9' * 5000},"),
        "no number": json.dumps(told).replace('"seconds": ', '"seconds": NaN, "x": '),
        "half a letter": json.dumps(told | {"started": "\ud800"}),
    }.items():
        yield name, "record", text.encode()
    yield "no text", "record", b"\xff\xfe"


def _metrics(right: bytes) -> Harm:
    lines = right.splitlines(keepends=True)
    first = json.loads(lines[0])
    for name, data in {
        "nothing": b"",
        "doubled lines": b"".join(line * 2 for line in lines),
        "lines the wrong way": b"".join(reversed(lines)),
        "an unfinished line": right[:-9],
        "a list": b"[]\n" * 2,
        "brackets": b"[" * TIMES + b"\n" + lines[1],
        "no text": b"\xff\n" + lines[1],
    }.items():
        yield name, "metrics", data
    for key in first:
        for value in (None, "x", [1], -1, 10**400, float("nan"), float("inf"), NAMES[0]):
            line = json.dumps(first | {key: value}).encode() + b"\n"
            yield f"{key} of {value!r:.20}", "metrics", line + lines[1]
        line = json.dumps({k: first[k] for k in first if k != key}).encode() + b"\n"
        yield f"no {key}", "metrics", line + lines[1]
