"""Backward passes as students write them, right and wrong, for the tests that judge them."""

LAYERED = """
def grad_z3(h3, y):
    return (h3 - y) / len(y)

def grad_W3(h2, grad_z3):
    return h2.T @ grad_z3

def grad_b3(grad_z3):
    return grad_z3.sum(axis=0)
"""

WHOLE = """
import numpy as np

def backward(params, h, y):
    grads = []
    g = (h[3] - y) / len(y)
    for i in (2, 1, 0):
        grads.append((h[i].T @ g, g.sum(axis=0)))
        g = (g @ params[i][0].T) * (h[i] > 0)
    return grads[::-1]
"""

# name: source, conventions that must be named (a part of the text of each)
RIGHT = {
    "the workbook's vectors": (
        """
import numpy as np
def grad_z3(h3, y):
    return h3 - y
def grad_W3(h2, grad_z3):
    return np.outer(h2, grad_z3)
def grad_b3(grad_z3):
    return grad_z3
""",
        ["one image as a vector (k,)"],
    ),
    "rows, mean at once": (LAYERED + WHOLE, ["1/n in grad_z3", "mean over the batch"]),
    "rows, mean at last, keepdims": (
        """
def grad_z3(h3, y):
    return h3 - y
def grad_W3(h2, grad_z3):
    return h2.T @ grad_z3 / len(h2)
def grad_b3(grad_z3):
    return grad_z3.mean(axis=0, keepdims=True)
""",
        ["no 1/n in grad_z3", "mean over the images in grad_W3", "grad_b3 as (1, 10)"],
    ),
    "loops and lists": (
        """
def grad_z3(h3, y):
    return [h - t for h, t in zip(h3, y)]
def grad_W3(h2, grad_z3):
    rows = []
    for h in h2:
        row = []
        for g in grad_z3:
            row.append(h * g)
        rows.append(row)
    return rows
def grad_b3(grad_z3):
    return list(grad_z3)
""",
        ["one image as a vector (k,)"],
    ),
    "columns, as in Nielsen's book": (
        """
import numpy as np
def backward(params, h, y):
    nabla_b = [None] * 3
    nabla_w = [None] * 3
    delta = h[-1] - y
    for i in (2, 1, 0):
        nabla_b[i] = delta
        nabla_w[i] = np.dot(delta, h[i].T)
        delta = np.dot(params[i][0].T, delta) * (h[i] > 0)
    return nabla_b, nabla_w
""",
        ["one image as a column (k, 1), W as (out, in)"],
    ),
    "columns, a batch, (n, 1)": (
        """
def backward(params, h, y):
    n = y.shape[1]
    out = {}
    dz = h[3] - y
    for i in (3, 2, 1):
        out[f"dW{i}"] = dz @ h[i - 1].T / n
        out[f"db{i}"] = dz.sum(axis=1, keepdims=True) / n
        if i > 1:
            dz = params[i - 1][0].T @ dz * (h[i - 1] > 0)
    return out
""",
        ["a batch in columns (k, n), W as (out, in)", "last layer first", "mean over the batch"],
    ),
    "einsum, a sum, dicts in a list": (
        """
import numpy as np
def backward(params, h, y):
    out, g = [], h[3] - y
    for (W, b), a in zip(params[::-1], h[2::-1]):
        out.append({"W": np.einsum("ni,nj->ij", a, g), "b": np.einsum("nj->j", g)})
        g = np.einsum("nj,ij->ni", g, W) * np.where(a > 0, 1.0, 0.0)
    return out[::-1]
""",
        ["sum over the batch"],
    ),
    "as torch stores it": (
        """
def backward(params, h, y):
    (W1, b1), (W2, b2), (W3, b3) = params
    d3 = (h[3] - y) / y.shape[0]
    d2 = d3 @ W3
    d2[h[2] <= 0] = 0
    d1 = d2 @ W2
    d1[h[1] <= 0] = 0
    return tuple((d.T @ a, d.sum(0)) for d, a in ((d1, h[0]), (d2, h[1]), (d3, h[2])))
""",
        ["a batch in rows (n, k), W as (out, in)", "mean over the batch"],
    ),
    "changes its input, other order, (10, 256)": (
        """
def grad_z3(y, h3):
    h3 -= y
    return h3
def grad_W3(grad_z3, h2):
    return (grad_z3.T @ h2,)
def grad_b3(grad_z3):
    return {"b3": grad_z3.sum(axis=0)}
""",
        ["changes h3 in place", "grad_W3 as (10, 256)", "no 1/n in grad_z3"],
    ),
    "float32": (
        """
import numpy as np
def backward(params, h, y):
    h = [a.astype(np.float32) for a in h]
    g = (h[3] - y.astype(np.float32)) / np.float32(len(y))
    out = []
    for i in (2, 1, 0):
        out.insert(0, (h[i].T @ g, g.sum(axis=0)))
        g = g @ params[i][0].astype(np.float32).T * (h[i] > 0)
    return out
""",
        ["float32", "mean over the batch"],
    ),
    "grad_W3 alone, a mean": ("def grad_W3(h2, grad_z3): return h2.T @ grad_z3", ["sum over"]),
}

PLACES = [f"backward.grad_{q}{i}" for i in (3, 2, 1) for q in "zWb"]


def but(source: str, *edits: str) -> str:
    """A source with mistakes in it: what is replaced, by what, and so on."""
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in source
        source = source.replace(old, new, 1)
    return source


def in_backward(kind: str, *gradients: str) -> dict[str, str]:
    return {f"backward.grad_{q}": kind for q in gradients}


_UPDATED = "        W = params[i][0] - 0.1 * grads[-1][0]\n        g = (g @ W.T)"
# name: edits, what is wrong (step to kind)
_IN_LAYERED: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "sign": (("h3 - y", "y - h3"), {"grad_z3": "sign"}),
    "sign, summed": (("(h3 - y) / len(y)", "y - h3"), {"grad_z3": "sign"}),
    "y forgotten": (("h3 - y", "h3"), {"grad_z3": "target-missing"}),
    "n forgotten in grad_b3": ((".sum(axis=0)", ".sum(axis=0) * 4"), {"grad_b3": "factor-n"}),
    "n in grad_W3 and not in grad_b3": (
        (" / len(y)", "", "h2.T @ grad_z3", "h2.T @ grad_z3 / len(h2)"),
        {"grad_b3": "factor-n"},
    ),
    "n twice": (("h2.T @ grad_z3", "h2.T @ grad_z3 / len(h2)"), {"grad_W3": "factor-1/n"}),
    "h > 0 for h": (("h2.T @", "(h2 > 0).T @"), {"grad_W3": "on-for-h"}),
    "a sum without its axis": (("axis=0", ""), {"grad_b3": "shape"}),
    "logarithm of zero": (("h3 - y", "__import__('numpy').log(y - y)"), {"grad_z3": "non-finite"}),
    "no return": (("return h2.T", "h2.T"), {"grad_W3": "type"}),
    "an exception": (("h2.T", "h2.t"), {"grad_W3": "error"}),
    "words": (("return h2.T @ grad_z3", "return 'h2'"), {"grad_W3": "type"}),
    "not done": (("return h2.T @ grad_z3", "raise NotImplementedError"), {"grad_W3": "not-done"}),
    "out of memory": (("return h2.T", "bytearray(1 << 40); h2.T"), {"grad_W3": "error"}),
}
_IN_WHOLE: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "no mask": ((" * (h[i] > 0)", ""), in_backward("missing-mask", "z2", "z1")),
    "mask inverted": (("h[i] > 0", "h[i] <= 0"), in_backward("inverted-mask", "z2", "z1")),
    "transposed": (("h[i].T @ g", "g.T @ h[i]"), in_backward("transposed", "W1", "W2", "W3")),
    "biases averaged again": (
        ("g.sum(axis=0)", "g.mean(axis=0)"),
        in_backward("factor-1/n", "b1", "b2", "b3"),
    ),
    "weights updated before use": (
        ("        g = (g @ params[i][0].T)", _UPDATED),
        in_backward("updated-weight", "z2", "z1"),
    ),
    "a sum, and no mask": (
        (" / len(y)", "", " * (h[i] > 0)", ""),
        in_backward("missing-mask", "z2", "z1"),
    ),
    "a layer too few": (
        ("grads[::-1]", "grads[1::-1]"),
        in_backward("unjudged", "z1") | in_backward("missing", "W1", "b1"),
    ),
    "all biases infinite": (
        ("g.sum(axis=0)", "g.sum(axis=0) / 0.0"),
        in_backward("non-finite", "b1", "b2", "b3"),
    ),
}
# name: source, what is wrong, how many steps there are
WRONG = {k: (but(LAYERED, *edits), wrong, 3) for k, (edits, wrong) in _IN_LAYERED.items()}
WRONG |= {k: (but(WHOLE, *edits), wrong, 9) for k, (edits, wrong) in _IN_WHOLE.items()}

_SWAPPED = (
    "return grads[::-1]",
    """(W1, b1), (W2, b2), (W3, b3) = grads[::-1]
    return {"dW1": W3, "db1": b3, "dW2": W2, "db2": b2, "dW3": W1, "db3": b1}""",
)
_BESIDE_RANDOM = (
    "return grads[::-1]",
    """noise = [(np.random.randn(*W.shape), np.random.randn(*b.shape)) for W, b in grads]
    return grads[::-1], noise""",
)
# solutions that are right by a trick; all fail with a secret seed
CHEATS = {
    "stored answers": """
import os
import numpy as np
calls = []
def backward(params, h, y):
    calls.append(1)
    with np.load(os.path.join(os.path.dirname(__file__), f"{len(calls)}.npz")) as stored:
        return [stored[f"arr_{i}"] for i in range(6)]
""",
    "mlpcli's own": """
import importlib, os, sys
sys.path.append(os.path.join(os.path.dirname(sys.argv[0]), "..", ".."))
backward = importlib.import_module("mlpcli.nn.mlp").backward
""",
    "four images alone": but(WHOLE, "grads = []", "assert y.size == 40\n    grads = []"),
    "divided by 4": but(WHOLE, "/ len(y)", "/ 4"),
    "swapped names": but(WHOLE, *_SWAPPED),
    "right beside random": but(WHOLE, *_BESIDE_RANDOM),
    "a norm that overflows": """
def backward(params, h, y):
    return [(W * 0 + 1e200, b * 0 + 1e200) for W, b in params]
""",
}
