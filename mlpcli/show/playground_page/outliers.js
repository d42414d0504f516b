// Images unlike the training images, as mlpcli/data/outliers.py finds them.

// Whether a prepared image is beyond the training images' limits.
function isOutlier(image, traits, limits) {
  const away = traitsOf(image).map((trait, i) => trait - traits.mean[i]);
  const distance = traits.precision.reduce(
    (sum, row, i) => sum + away[i] * row.reduce((dot, value, j) => dot + value * away[j], 0), 0);
  const { steps, edges } = stepsAndEdges(image), [fewest, most] = traits.edges;
  return distance > traits.limit || steps > (1 + limits.MARGIN) * traits.steps ||
    edges > (1 + limits.MARGIN) * most || edges < (1 - limits.BLUR) * fewest;
}

// Logarithms of the ink, and of its distance from its center: the root of the mean square, the mean.
function traitsOf(image) {
  const { pixels, height, width } = image, { rows, columns } = sums(image);
  const ink = Math.max(rows.reduce((a, b) => a + b) / 255, 1);
  const centerY = rows.reduce((sum, m, i) => sum + m * i, 0) / 255 / ink;
  const centerX = columns.reduce((sum, m, i) => sum + m * i, 0) / 255 / ink;
  let squares = 0, reach = 0;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const squared = (y - centerY) ** 2 + (x - centerX) ** 2, value = pixels[y * width + x] / 255;
    squares += value * squared;
    reach += value * Math.sqrt(squared);
  }
  return [ink, Math.sqrt(squares / ink) + 0.1, reach / ink + 0.1].map(Math.log);
}

// The sum of the differences between neighbors, and the same by the ink.
function stepsAndEdges({ pixels, height, width }) {
  let steps = 0, ink = 0;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const at = y * width + x;
    ink += pixels[at];
    if (x + 1 < width) steps += Math.abs(pixels[at + 1] - pixels[at]);
    if (y + 1 < height) steps += Math.abs(pixels[at + width] - pixels[at]);
  }
  return { steps: steps / 255, edges: steps / Math.max(ink, 255) };
}

// Whether an empty row or column divides the ink into parts that hold at least a fifth each.
function inPieces(image, limits) {
  const small = longer(image) > limits.MAX_REDUCED_SIDE ? map(reduceTo(image, limits.MAX_REDUCED_SIDE), roundEven) : image;
  const ink = normalizeContrast(hasLightBackground(small) ? inverted(small) : small, limits);
  const threshold = Math.fround(limits.INK_THRESHOLD), { rows, columns } = sums(map(ink, (v) => (v > threshold ? v : 0)));
  return [rows, columns].some((line) => {
    const total = Math.max(line.reduce((a, b) => a + b), 1);
    let before = 0;  // the ink up to here
    return line.some((mass) => {
      before += mass;
      return mass === 0 && before / total >= limits.MIN_PIECE && before / total <= 1 - limits.MIN_PIECE;
    });
  });
}
