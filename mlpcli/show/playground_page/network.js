// The network of the workbook on one image: forward, loss, backward, and a step of gradient descent.
// It is mlpcli/nn/mlp.py in another language. h[0] is the image, params[i] = {W, b} maps h[i] to
// h[i + 1], so params[0].W is the workbook's W1, z[0] its z1 and h[1] its h1. W has one row for each
// input, row after row: its entry (i, j) is W[i * b.length + j].

const LEAK = 0.01;
const sigmoid = (z) => (1 + Math.tanh(z / 2)) / 2;  // 1 / (1 + exp(-z)) would overflow
const gelu = (z) => Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3));

// each activation function and its derivative, as in mlpcli/nn/activation.py
const ACTIVATIONS = {
  relu: { f: (z) => Math.max(z, 0), derivative: (z) => Number(z > 0) },
  leaky_relu: { f: (z) => (z > 0 ? z : LEAK * z), derivative: (z) => (z > 0 ? 1 : LEAK) },
  gelu: {
    f: (z) => (z * (1 + gelu(z))) / 2,
    derivative: (z) => {
      const slope = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * z ** 2);
      return (1 + gelu(z) + z * (1 - gelu(z) ** 2) * slope) / 2;
    },
  },
  silu: { f: (z) => z * sigmoid(z), derivative: (z) => sigmoid(z) * (1 + z * sigmoid(-z)) },
  tanh: { f: Math.tanh, derivative: (z) => 1 - Math.tanh(z) ** 2 },
  sigmoid: { f: sigmoid, derivative: (z) => sigmoid(z) * sigmoid(-z) },
};

// Every z and h for the image h0, with 1024 values in [0, 1].
function forward(params, h0, { f }) {
  const z = [], h = [h0];
  params.forEach((layer, i) => {
    z.push(affine(h[i], layer));
    h.push(i === params.length - 1 ? softmax(z[i]) : z[i].map(f));
  });
  return { z, h };
}

// z = h W + b
function affine(h, { W, b }) {
  const z = Float64Array.from(b), n = b.length;
  for (let i = 0; i < h.length; i++) {
    const input = h[i];
    if (input === 0) continue;  // most pixels are black, and most units off
    for (let j = 0, at = i * n; j < n; j++, at++) z[j] += input * W[at];
  }
  return z;
}

// The probabilities of the classes.
function softmax(z) {
  const highest = Math.max(...z);  // exp of a large z would overflow
  const exp = z.map((value) => Math.exp(value - highest));
  const sum = exp.reduce((a, b) => a + b);
  return exp.map((value) => value / sum);
}

// -log of the probability of the right class, where y is 1
function crossEntropy(z, y) {
  const highest = Math.max(...z);  // of log(softmax), so that no probability underflows
  const sum = z.reduce((total, value) => total + Math.exp(value - highest), 0);
  return Math.log(sum) + highest - z[y.indexOf(1)];
}

function oneHot(label, classes) {
  return Array.from({ length: classes }, (_, k) => Number(k === label));
}

// The gradient of CE: grad_z[i] in the shape of z[i], and grad_h[i] in that of h[i], down to the image
// itself, grad_h[0]. grad_W[i] is outer(h[i], grad_z[i]), and grad_b[i] is grad_z[i].
function backward(params, { z, h }, y, { derivative }) {
  const grad_z = [], grad_h = [];
  for (let i = params.length - 1; i >= 0; i--) {
    const last = i === params.length - 1;  // softmax and CE at once
    grad_z[i] = last ? h[i + 1].map((p, k) => p - y[k]) : grad_h[i + 1].map((g, j) => g * derivative(z[i][j]));
    grad_h[i] = back(params[i], grad_z[i]);
  }
  return { grad_z, grad_h };
}

// grad_h = W grad_z
function back({ W }, grad_z) {
  const n = grad_z.length, grad_h = new Float64Array(W.length / n);
  for (let i = 0, at = 0; i < grad_h.length; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++, at++) sum += W[at] * grad_z[j];
    grad_h[i] = sum;
  }
  return grad_h;
}

// grad_W = h outer grad_z, row after row
function outer(h, grad_z) {
  const n = grad_z.length, grad_W = new Float64Array(h.length * n);
  h.forEach((value, i) => {
    if (value !== 0) grad_z.forEach((g, j) => { grad_W[i * n + j] = value * g; });
  });
  return grad_W;
}

// Changes params: W = W - lr grad_W and b = b - lr grad_b.
function step(params, { h }, { grad_z }, lr) {
  params.forEach(({ W, b }, i) => {
    outer(h[i], grad_z[i]).forEach((g, at) => { W[at] -= lr * g; });
    grad_z[i].forEach((g, j) => { b[j] -= lr * g; });
  });
}
