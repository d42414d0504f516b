// Images as numbers, resized as Pillow does it for mlpcli/data/pictures.py.
// An image is {pixels, height, width}, its pixels row after row, in [0, 255] unless said otherwise.

const FILTERS = {
  box: { support: 0.5, weight: (x) => Number(x > -0.5 && x <= 0.5) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5, t = Math.abs(x);
      if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
      return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
    },
  },
};

const map = (image, f) => ({ ...image, pixels: image.pixels.map(f) });
const inverted = (image) => map(image, (v) => 255 - v);
const longer = ({ height, width }) => Math.max(height, width);

// As Python and NumPy round: a half goes to the even neighbor.
function roundEven(x) {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

function crop({ pixels, width }, top, left, height, cropWidth) {
  const out = new pixels.constructor(height * cropWidth);
  for (let y = 0; y < height; y++) {
    const start = (top + y) * width + left;
    out.set(pixels.subarray(start, start + cropWidth), y * cropWidth);
  }
  return { pixels: out, height, width: cropWidth };
}

// A gray picture of a canvas' RGBA; what is transparent becomes black, or white if the drawing is dark.
function toGray({ data, height, width }) {
  const pixels = new Uint8Array(height * width);
  let lightness = 0, opaque = true;
  for (let i = 0; i < pixels.length; i++) {
    const alpha = data[4 * i + 3];
    pixels[i] = (19595 * data[4 * i] + 38470 * data[4 * i + 1] + 7471 * data[4 * i + 2] + 32768) >> 16;
    lightness += (2 * pixels[i] - 255) * alpha;
    opaque &&= alpha === 255;
  }
  if (opaque) return { pixels, height, width };
  const paper = lightness < 0 ? 255 : 0;
  return { height, width, pixels: pixels.map((v, i) => {
    const alpha = data[4 * i + 3] / 255;
    return roundEven(v * alpha + paper * (1 - alpha));
  }) };
}

// An image averaged over boxes of so many columns and rows; those at the edges may be smaller.
function reduced(image, columns, rows) {
  const height = Math.ceil(image.height / rows), width = Math.ceil(image.width / columns);
  const pixels = new Float32Array(height * width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const bottom = Math.min((y + 1) * rows, image.height), right = Math.min((x + 1) * columns, image.width);
    let sum = 0;
    for (let v = y * rows; v < bottom; v++)
      for (let u = x * columns; u < right; u++) sum += image.pixels[v * image.width + u];
    pixels[y * width + x] = sum / ((bottom - y * rows) * (right - x * columns));
  }
  return { pixels, height, width };
}

// An image averaged over squares of pixels until its sides fit a maximum.
function reduceTo(image, side) {
  const factor = Math.ceil(longer(image) / side);
  return factor === 1 ? { ...image, pixels: Float32Array.from(image.pixels) } : reduced(image, factor, factor);
}

// An image interpolated to a longer side of so many pixels.
function resizeTo(image, side) {
  const scale = side / longer(image);
  const [height, width] = [image.height, image.width].map((length) => Math.max(1, roundEven(scale * length)));
  return resized(image, height, width, scale < 1 ? FILTERS.box : FILTERS.bilinear);
}

// An image reduced until no side is longer than this, in whole levels of gray.
function shrink(image, side) {
  if (longer(image) <= side) return image;
  const { height, width } = thumbnailSize(image, side);
  const columns = Math.trunc(image.width / width / 2) || 1, rows = Math.trunc(image.height / height / 2) || 1;
  const box = [image.height / rows, image.width / columns].map(Math.fround);  // as Pillow has it
  const { pixels } = resized(reduced(image, columns, rows), height, width, FILTERS.bicubic, box);
  return { pixels: Uint8Array.from(pixels, (v) => roundEven(Math.min(Math.max(v, 0), 255))), height, width };
}

function thumbnailSize({ height, width }, side) {
  const aspect = width / height;
  const best = (number, error) => {
    const [low, high] = [Math.floor(number), Math.ceil(number)];
    return Math.max(error(high) < error(low) ? high : low, 1);
  };
  if (aspect <= 1) return { height: side, width: best(side * aspect, (n) => Math.abs(aspect - n / side)) };
  return { width: side, height: best(side / aspect, (n) => (n === 0 ? 0 : Math.abs(aspect - side / n))) };
}

// box: the height and width that are meant of an image whose last row or column is not whole.
function resized(image, height, width, filter, box = [image.height, image.width]) {
  return along(transposed(along(transposed(image), width, box[1], filter)), height, box[0], filter);
}

function transposed({ pixels, height, width }) {
  const out = new pixels.constructor(pixels.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out[x * height + y] = pixels[y * width + x];
  return { pixels: out, height: width, width: height };
}

// Resizes the columns, from a length to a height.
function along(image, height, length, { support, weight }) {
  const { width, height: rows } = image, scale = length / height, stretch = Math.max(scale, 1);
  const pixels = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    const center = (y + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support * stretch + 0.5));
    const last = Math.min(rows, Math.trunc(center + support * stretch + 0.5));
    const taps = Array.from({ length: last - first }, (_, k) => weight((first + k - center + 0.5) / stretch));
    const total = taps.reduce((a, b) => a + b, 0) || 1;
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < taps.length; k++) sum += taps[k] * image.pixels[(first + k) * width + x];
      pixels[y * width + x] = sum / total;
    }
  }
  return { pixels, height, width };
}
