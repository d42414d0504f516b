"""Whole implementations in the styles that courses, books and repositories teach."""

from tests.checks.grading.submissions import LAYERED, WHOLE, but

SOFTMAX = """
import numpy as np
def softmax(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
"""

COLUMN_DICT = """
import numpy as np
def backward(params, h, y):
    m = y.shape[1]
    cache = {f"A{i}": a for i, a in enumerate(h)}
    grads = {"dZ3": cache["A3"] - y}
    for l in (3, 2, 1):
        grads[f"dW{l}"] = np.dot(grads[f"dZ{l}"], cache[f"A{l - 1}"].T) / m
        grads[f"db{l}"] = np.sum(grads[f"dZ{l}"], axis=1, keepdims=True) / m
        grads[f"dA{l - 1}"] = np.dot(params[l - 1][0].T, grads[f"dZ{l}"])
        if l > 1:
            grads[f"dZ{l - 1}"] = grads[f"dA{l - 1}"] * np.where(cache[f"A{l - 1}"] > 0, 1, 0)
    return grads
"""

LAYER_CLASSES = (
    SOFTMAX
    + """
class Dense:
    def __init__(self, W, b):
        self.W, self.b = W.copy(), b.copy()
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, grad):
        self.dW, self.db = self.x.T @ grad, grad.sum(axis=0)
        return grad @ self.W.T
class Relu:
    def forward(self, x):
        self.keep = x > 0
        return x * self.keep
    def backward(self, grad):
        return grad * self.keep
class Net:
    def __init__(self, params):
        self.dense = [Dense(W, b) for W, b in params]
        self.layers = [self.dense[0], Relu(), self.dense[1], Relu(), self.dense[2]]
    def run(self, x, y):
        for layer in self.layers:
            x = layer.forward(x)
        grad = (softmax(x) - y) / len(y)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
"""
)

LOOPED = """
import numpy as np
def backward(params, h, y):
    W = [np.zeros_like(w) for w, _ in params]
    b = [np.zeros_like(v) for _, v in params]
    for n in range(len(y)):
        delta = h[3][n] - y[n]
        for i in (2, 1, 0):
            W[i] += np.outer(h[i][n], delta) / len(y)
            b[i] += delta / len(y)
            delta = params[i][0] @ delta * (h[i][n] > 0)
    return W, b
"""

TWO_LAYERS = """
import numpy as np
SIZES = (196, 30, 10)  # no picture of 1024 pixels
ACTIVATION = "sigmoid"
def backward(params, h, y):
    (W1, b1), (W2, b2) = params
    dz2 = (h[2] - y) / len(y)
    dz1 = dz2 @ W2.T * h[1] * (1 - h[1])
    return h[0].T @ dz1, dz1.sum(0), h[1].T @ dz2, dz2.sum(0)
"""

OWN_FORWARD = (
    SOFTMAX
    + """
SIZES = (64, 24, 16, 5)
ACTIVATION = "tanh"
def backward(params, x, y):
    a = [x]
    for W, b in params[:-1]:
        a.append(np.tanh(a[-1] @ W + b))
    W, b = params[-1]
    delta = softmax(a[-1] @ W + b) - y
    out = []
    for i in range(len(params) - 1, -1, -1):
        out = [(a[i].T @ delta / len(x), delta.mean(axis=0))] + out
        delta = delta @ params[i][0].T * (1 - a[i] ** 2)
    return out
"""
)

BIAS_ROW = """
import numpy as np
def backward(params, h, y):
    def one(a): return np.hstack([a, np.ones((len(a), 1))])
    d3 = (h[3] - y) / len(y)
    d2 = d3 @ params[2][0].T * (h[2] > 0)
    d1 = d2 @ params[1][0].T * (h[1] > 0)
    return [one(a).T @ d for a, d in zip(h, (d1, d2, d3))]
"""

BIAS_COLUMN = """
import numpy as np
FORM = "columns"
BIAS_IN_W = "first"
def backward(params, h, y):
    def one(a): return np.vstack([np.ones((1, a.shape[1])), a])
    d = h[3] - y
    grads = []
    for i in (2, 1, 0):
        grads.insert(0, d @ one(h[i]).T / y.shape[1])
        d = (params[i].T @ d)[1:] * (h[i] > 0)
    return grads
"""

TAPE = (
    SOFTMAX
    + """
class Tensor:
    def __init__(self, data, parents=()):
        self.data, self.parents, self.grad = data, parents, np.zeros_like(data)
    def push(self): pass
    def __matmul__(self, other):
        out = Tensor(self.data @ other.data, (self, other))
        def push():
            self.grad += out.grad @ other.data.T
            other.grad += self.data.T @ out.grad
        out.push = push
        return out
    def __add__(self, other):
        out = Tensor(self.data + other.data, (self, other))
        def push():
            self.grad += out.grad
            other.grad += out.grad.sum(axis=0)
        out.push = push
        return out
    def relu(self):
        out = Tensor(np.maximum(self.data, 0), (self,))
        def push(): self.grad += out.grad * (self.data > 0)
        out.push = push
        return out
def backward(params, x, labels):
    leaves = [(Tensor(W), Tensor(b)) for W, b in params]
    node, order = Tensor(x), []
    for i, (W, b) in enumerate(leaves):
        product = node @ W
        node = product + b
        order += [product, node]
        if i < 2:
            node = node.relu()
            order.append(node)
    node.grad = softmax(node.data)
    node.grad[np.arange(len(x)), labels] -= 1
    node.grad /= len(x)
    for each in reversed(order):
        each.push()
    return {f"layer{i}": {"W": W.grad, "b": b.grad} for i, (W, b) in enumerate(leaves, 1)}
"""
)

ARGMAX = """
import numpy as np
def grad_z3(h3, y):
    g = h3.copy(); g[y.argmax()] -= 1; return g
def grad_W3(h2, grad_z3):
    return np.outer(h2, grad_z3)
def grad_b3(grad_z3):
    return grad_z3
"""
ONE_ROW = but(WHOLE, "(h[3] - y) / len(y)", "h[3].copy(); g[0, y.argmax()] -= 1")
ONE_COLUMN = """
def backward(params, h, y):
    g = h[3].copy()
    g[y.argmax(), 0] -= 1
    out = []
    for i in (2, 1, 0):
        out.append((g @ h[i].T, g))
        g = params[i][0].T @ g * (h[i] > 0)
    return out[::-1]
"""
ADDING = """
def update(params, x, y, lr):
    import numpy as np
    a = [x]
    for i, (w, b) in enumerate(params):
        z = a[-1] @ w + b
        a.append(np.maximum(z, 0) if i < 2 else np.exp(z) / np.exp(z).sum(1)[:, None])
    delta = y - a[-1]  # targets - y
    for i in (2, 1, 0):
        w, b = params[i]
        change = a[i].T @ delta, delta.sum(0)
        delta = delta @ w.T * (a[i] > 0)
        w += lr * change[0] / len(x)
        b += lr * change[1] / len(x)
"""
SELF_UPDATING = (
    LAYER_CLASSES
    + """
def update(params, x, y, lr):
    net = Net(params)
    net.run(x, y)
    return [(d.W - lr * d.dW, d.b - lr * d.db) for d in net.dense]
"""
)
INTEGERS = but(
    WHOLE,
    "(params, h, y)",
    "(h, labels, params, reg=0.0)",
    "(h[3] - y) / len(y)",
    "h[3].copy(); g[range(len(labels)), labels] -= 1; g /= len(labels)",
)
JACOBIAN = but(
    WHOLE,
    "(h[3] - y) / len(y)",
    """-y / (h[3] + 1e-8) / len(y)
    jacobian = h[3][:, :, None] * (np.eye(10) - h[3][:, None, :])
    g = np.einsum("nij,nj->ni", jacobian, g)""",
)
IN_FLOAT32 = """
import numpy as np
def backward(params, h, y):
    f = np.float32
    h, out = [a.astype(f) for a in h], []
    g = ((h[3] - y) / len(y)).astype(f)
    for i in (2, 1, 0):
        out.append([(h[i].T @ g).astype(float), g.sum(axis=0).astype(float)])
        g = g @ params[i][0].astype(f).T * (h[i] > 0)
    return out[::-1]
"""
PLAIN_LISTS = """
SIZES = (12, 7, 5)
def backward(params, h, y):
    (W1, b1), (W2, b2) = params
    n = len(y)
    outer = lambda A, B: [[sum(A[r][i] * B[r][j] for r in range(n)) for j in range(len(B[0]))]
                          for i in range(len(A[0]))]
    d2 = [[(p - t) / n for p, t in zip(ps, ts)] for ps, ts in zip(h[2], y)]
    d1 = [[sum(w * d for w, d in zip(row, ds)) * (a > 0) for row, a in zip(W2, hs)]
          for ds, hs in zip(d2, h[1])]
    return {"W1": outer(h[0], d1), "b1": [sum(c) for c in zip(*d1)],
            "W2": outer(h[1], d2), "b2": [sum(c) for c in zip(*d2)]}
"""
BESIDE = but(
    WHOLE,
    "grads.append((h[i].T @ g, g.sum(axis=0)))",
    "grads.append((g @ params[i][0].T, h[i].T @ g, g.sum(axis=0)))",
)
NARROW = """
SIZES = (30, 16, 12, 16, 4)
ACTIVATION = "leaky_relu"
import numpy as np
def backward(params, z, h, y):
    d, out = (h[4] - y) / len(y), {}
    for i in (4, 3, 2, 1):
        out["W", i], out["b", i] = h[i - 1].T @ d, d.sum(0)
        if i > 1: d = d @ params[i - 1][0].T * np.where(z[i - 2] > 0, 1, 0.01)
    return [out[k, i] for i in (1, 2, 3, 4) for k in "Wb"]
"""
SUMMED_COLUMNS = but(COLUMN_DICT, ".T) / m", ".T)", "keepdims=True) / m", "keepdims=True)")

# name: source; each is right
RIGHT = {
    "a dict of columns with a cache": COLUMN_DICT,
    "the same, summed": SUMMED_COLUMNS,
    "layer classes": LAYER_CLASSES
    + """
def backward(params, x, y):
    net = Net(params)
    net.run(x, y)
    return [(d.dW, d.db) for d in net.dense]
""",
    "layer classes that update": SELF_UPDATING,
    "a loop over the images": LOOPED,
    "two layers, sigmoid": TWO_LAYERS,
    "an own forward pass, tanh": OWN_FORWARD,
    "the bias in the last row of W": BIAS_ROW,
    "the bias in the first column of W, in and out": BIAS_COLUMN,
    "a tape of operations": TAPE,
    "the workbook's vectors, with an index": ARGMAX,
    "one image as a row, with an index": ONE_ROW,
    "one image as a column, with an index": ONE_COLUMN,
    "targets - y, which the update adds": ADDING,
    "integer labels and a default argument": INTEGERS,
    "softmax's Jacobian and 1e-8": JACOBIAN,
    "float32 inside": IN_FLOAT32,
    "plain lists": PLAIN_LISTS,
    "the gradients of the activations beside": BESIDE,
    "four layers, leaky relu, given z": NARROW,
    "one row, stated": 'FORM = "row"\n' + but(WHOLE, " / len(y)", "", "g.sum(axis=0)", "g"),
    "keywords alone": but(WHOLE, "(params, h, y)", "(*, y, h, params, **options)"),
    "names of its own, and a default argument": but(
        but(
            WHOLE,
            "h[3] - y",
            "a[3] - t",
            "len(y)",
            "len(t)",
            "h[i].T",
            "a[i].T",
            "h[i] > 0",
            "a[i] > 0",
        ),
        "(params, h, y)",
        "(params, a, t, eps=1e-8)",
    ),
    "softmax regression": """
SIZES = (64, 10)
def grad_z1(h1, y): return (h1 - y) / len(y)
def grad_W1(h0, grad_z1): return h0.T @ grad_z1
def grad_b1(grad_z1): return grad_z1.sum(0)
def update(params, x, h1, y, lr):
    W, b = params[0]
    W -= lr * x.T @ (h1 - y) / len(y)
    b -= lr * (h1 - y).mean(0)
""",
    "a parameter for each weight": """
def backward(W1, W2, W3, h0, h1, h2, h3, y):
    d3 = (h3 - y) / len(y)
    d2 = d3 @ W3.T * (h2 > 0)
    d1 = d2 @ W2.T * (h1 > 0)
    return {"grad_W1": h0.T @ d1, "grad_b1": d1.sum(0), "grad_W2": h1.T @ d2,
            "grad_b2": d2.sum(0), "grad_W3": h2.T @ d3, "grad_b3": d3.sum(0)}
""",
}

MASKED = "(g @ params[i][0].T) * (h[i] > 0)"
OWN_WITHOUT_BIAS = but(OWN_FORWARD, "np.tanh(a[-1] @ W + b)", "np.tanh(a[-1] @ W)")
# name: source, kind of the first mistake, a part of its text or notes
WRONG = {
    "rows, the sum of the bias forgotten": (
        but(WHOLE, "g.sum(axis=0)", "g"),
        "not-summed",
        "sum over the batch",
    ),
    "columns, a mean, the sum of the bias forgotten": (
        but(COLUMN_DICT, 'np.sum(grads[f"dZ{l}"], axis=1, keepdims=True)', 'grads[f"dZ{l}"]'),
        "not-summed",
        "sum over the batch",
    ),
    "targets - y, returned": (but(WHOLE, "h[3] - y", "y - h[3]"), "sign", "if your update adds it"),
    "updated parameters": (
        but(
            WHOLE,
            "return grads[::-1]",
            """
    grads = grads[::-1]
    return [(W - 0.1 * dW, b - 0.1 * db) for (W, b), (dW, db) in zip(params, grads)]""",
        ),
        "updated-params",
        "W - 0.1 * grad_W",
    ),
    "an own forward pass without biases": (OWN_WITHOUT_BIAS, "other-h", "forward pass differ"),
    "the same, of the last layer": (OWN_WITHOUT_BIAS, "unjudged", "cannot be determined"),
    "no axis": (but(WHOLE, "g.sum(axis=0)", "g.sum() * np.ones(g.shape[1])"), "sum-axis", "axis"),
    "the derivative of tanh": (
        but(WHOLE, "(h[i] > 0)", "(1 - h[i] ** 2)"),
        "tanh-formula",
        "1 - h2",
    ),
    "the derivative of sigmoid": (
        but(WHOLE, "(h[i] > 0)", "h[i] * (1 - h[i])"),
        "sigmoid-formula",
        "h2 * (1 - h2)",
    ),
    "the mask of the gradient": (
        but(WHOLE, MASKED, "g @ params[i][0].T; g = g * (g > 0)"),
        "mask-of-gradient",
        "grad_h2",
    ),
    "the mask not carried on": (
        but(
            WHOLE,
            "    g = (h[3]",
            "    a = g = (h[3]",
            MASKED,
            "a = a @ params[i][0].T; g = a * (h[i] > 0)",
        ),
        "mask-not-carried",
        "grad_h2",
    ),
    "the mask in place of the gradient": (
        but(WHOLE, MASKED, "g @ params[i][0].T; g[h[i] > 0] = 1; g[h[i] <= 0] = 0"),
        "mask-alone",
        "grad_h2 is lost",
    ),
    "the diagonal of the Jacobian": (
        but(WHOLE, "(h[3] - y)", "-y / h[3] * h[3] * (1 - h[3])"),
        "softmax-diagonal",
        "diagonal",
    ),
    "divided by the number of classes": (
        but(WHOLE, "len(y)", "y.size"),
        "factor-classes",
        "classes",
    ),
    "divided by the classes alone": (
        but(WHOLE, "len(y)", "y.shape[1]"),
        "factor-classes",
        "number of classes",
    ),
    "summed over the batch too early": (
        but(WHOLE, "    for i", "    g = np.tile(g.sum(axis=0), (len(y), 1))\n    for i"),
        "batch-summed",
        "summed before",
    ),
    "the bias from the rows of W": (
        but(WHOLE, "g.sum(axis=0)", "(h[i].T @ g).sum(axis=0)"),
        "from-W",
        "rows of grad_W3",
    ),
    "softmax over the images": (
        but(OWN_FORWARD, "softmax(a[-1] @ W + b)", "softmax(a[-1] @ W + b, axis=0)"),
        "softmax-axis",
        "over the images",
    ),
    "updated too early, summed": (
        but(WHOLE, " / len(y)", "", "params[i][0].T", "(params[i][0] - 1.0 * grads[-1][0]).T"),
        "updated-weight",
        "learning rate 1)",
    ),
    "a typo": (but(WHOLE, "grads[::-1]", "grad[::-1]"), "error", "name 'grad' is not defined"),
    "an update that adds": (
        but(SELF_UPDATING, "d.W - lr", "d.W + lr", "d.b - lr", "d.b + lr"),
        "sign",
        "subtract",
    ),
    "an update without its rate": (
        but(SELF_UPDATING, "lr * d.dW", "d.dW", "lr * d.db", "d.db"),
        "learning-rate",
        "left out",
    ),
    "an update that returns gradients": (
        but(SELF_UPDATING, "d.W - lr * d.dW, d.b - lr * d.db", "d.dW, d.db"),
        "gradients",
        "not updated parameters",
    ),
    "an update that changes nothing": (
        but(SELF_UPDATING, "d.W - lr * d.dW, d.b - lr * d.db", "d.W, d.b"),
        "unchanged",
        "unchanged",
    ),
    "an update of half the layers": (
        but(SELF_UPDATING, "for d in net.dense]", "for d in net.dense[1:]]"),
        "unjudged",
        "cannot be determined",
    ),
    "random numbers": (
        but(
            WHOLE,
            "h[i].T @ g, g.sum(axis=0)",
            "np.random.randn(*params[i][0].shape), g.sum(axis=0)",
        ),
        "unjudged",
        "cannot be determined",
    ),
    "columns with rows of the bias": (
        but(LAYERED, "h2.T @ grad_z3", "h2.T @ typo"),
        "error",
        "name 'typo' is not defined",
    ),
}
