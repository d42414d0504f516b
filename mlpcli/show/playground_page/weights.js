// Weights in and out: float16 in base64 in this page, float32 as safetensors in a file.

// The layers of a network, in float32.
function decodeParams(layers) {
  return layers.map(({ W, b }) => ({ W: decodeFloat16(W), b: decodeFloat16(b) }));
}

function copyParams(params) {
  return params.map(({ W, b }) => ({ W: W.slice(), b: b.slice() }));
}

function decodeBytes(base64) {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

// Numbers of IEEE 754 binary16, little-endian.
function decodeFloat16(base64) {
  const view = new DataView(decodeBytes(base64).buffer);
  return Float32Array.from({ length: view.byteLength / 2 }, (_, i) => fromHalf(view.getUint16(2 * i, true)));
}

function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);  // the page holds finite numbers only
}

// A safetensors file of the network, with the names W1, b1, ... of the workbook: the length of its
// header in 8 bytes, the header in JSON, and the arrays.
function safetensors(params, metadata) {
  const header = { __metadata__: metadata }, arrays = [];
  let end = 0;
  params.forEach(({ W, b }, i) => {
    for (const [name, array, shape] of [["W", W, [W.length / b.length, b.length]], ["b", b, [b.length]]]) {
      header[`${name}${i + 1}`] = { dtype: "F32", shape, data_offsets: [end, (end += array.byteLength)] };
      arrays.push(array);
    }
  });
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padding = new Uint8Array(-text.length & 7).fill(32);  // so that the arrays begin at a multiple of 8
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(text.length + padding.length), true);
  return new Blob([length.buffer, text, padding, ...arrays], { type: "application/octet-stream" });
}
