// An image of any size made as the run's training images were, as `mlp predict` does it: the same rule
// as in mlpcli/api/preparation.py, data/placement.py and data/background.py, tested against them.
// `how` is what the run knows of its training images; `how.limits` are the constants of those modules.

const SIDE = 32;  // pixels of a side of what the network takes

// What the network gets, 32x32 in [0, 255], and what was done to it on the way.
// center: scale and move the ink, or only shrink; null for what the run's rule says.
function prepare(picture, how, center = null) {
  const image = { ...picture, pixels: scaleToWhite(picture.pixels, how) };
  const isLight = hasLightBackground(image);
  const isInverted = (isLight ? how.light_share : 1 - how.light_share) < how.limits.MAX_RARE_SHARE;
  const { fitted, isCentered, isShrunk } = fit(image, how, center);
  const seen = shade(isInverted ? inverted(fitted) : fitted, how, isInverted);
  const [low, high] = range(seen.pixels);
  const isBlank = low === high;
  return {
    image: onBlack(seen),
    isBlank,
    isInverted,
    isCentered: isCentered && !isBlank,
    isShrunk,
    inPieces: how.traits !== null && how.traits.pieces_share <= how.limits.MAX_PIECES_SHARE && inPieces(image, how.limits),
    isOutlier: how.traits !== null && !isBlank && isOutlier(seen, how.traits, how.limits),
  };
}

// The network's input: 1024 values in [0, 1].
function inputs({ pixels }) {
  return Float32Array.from(pixels, (v) => v / 255);
}

// A picture may have the range of training images whose white is not 255.
function scaleToWhite(pixels, { white, limits }) {
  const [, high] = range(pixels);
  if (white === 255 || !(white * limits.MIN_BRIGHTNESS < high && high <= white)) return pixels;
  return pixels.map((v) => roundEven((v * 255) / white));
}

function fit(image, how, center) {
  const { rule, side } = ruleFor(image, how, center);
  if (!rule) return { fitted: shrink(image, side), isCentered: false, isShrunk: longer(image) > side };
  if (obeys(image, rule, how.limits)) return { fitted: image, isCentered: false, isShrunk: false };
  return { fitted: arrange(image, rule, how.limits), isCentered: true, isShrunk: false };
}

// Where ink is to lie, if anywhere, and the longer side of an image that is only shrunk.
function ruleFor(image, how, center) {
  const measured = how.placement;
  if (measured) return { rule: (center ?? measured.is_rule) ? measured.rule : null, side: Math.max(...measured.size) };
  const fits = longer(image) <= SIDE;
  const isMoved = center ?? (!fits && !how.shrunk && how.light_share < 0.5);
  return { rule: isMoved ? how.mnist : null, side: how.shrunk || fits ? SIDE : Math.max(...how.mnist.size) };
}

// Whether an image lies as a rule has it already, on black or on white.
function obeys(image, rule, limits) {
  const [height, width] = rule.size;
  if (image.height !== height || image.width !== width) return false;
  const onDark = hasLightBackground(image) ? inverted(image) : image;
  const ink = normalizeContrast(onDark, limits), { top, bottom, left, right } = box(ink, limits);
  const center = rule.of === "box" ? [(top + bottom + 1) / 2, (left + right + 1) / 2] : massCenter(ink);
  const off = [Math.max(bottom - top, right - left) + 1 - rule.side, center[0] - rule.center[0], center[1] - rule.center[1]];
  const tolerance = limits.MAX_SPREAD * Math.max(height, width);
  return Math.max(...off.map(Math.abs)) <= tolerance && median(border(image)) < limits.MIN_CONTRAST;
}

// An image as a rule has it: the ink scaled and moved, on black; a light background becomes white.
function arrange(image, rule, limits) {
  if (hasLightBackground(image)) return inverted(arrange(inverted(image), rule, limits));
  const [height, width] = rule.size, out = new Float32Array(height * width);
  const ink = normalizeContrast(reduceTo(image, limits.MAX_REDUCED_SIDE), limits);
  if (ink.pixels.some((v) => v > 0)) {
    const { top, bottom, left, right } = box(ink, limits);
    let part = crop(ink, top, left, bottom - top + 1, right - left + 1);
    const room = [[height, part.height], [width, part.width]];
    const sides = room.map(([space, n]) => Math.max(1, Math.floor((space * longer(part)) / n)));
    part = resizeTo(part, Math.min(rule.side, ...sides));
    const y = offset(sums(part).rows, rule, 0), x = offset(sums(part).columns, rule, 1);
    for (let v = 0; v < part.height; v++)
      out.set(part.pixels.subarray(v * part.width, (v + 1) * part.width), (y + v) * width + x);
  }
  return { pixels: Uint8Array.from(out, (v) => roundEven(Math.fround(255 * v))), height, width };
}

// Pixels before the ink along an axis; mass: of each of its rows or columns.
function offset(mass, rule, axis) {
  const center = rule.of === "mass" ? weightedMean(mass) : mass.length / 2 - 0.5;
  const room = rule.size[axis] - mass.length;
  return Math.min(Math.max(roundEven(rule.center[axis] - 0.5 - center), 0), room);
}

// A fitted image as dark and light as in training: paper need not be white, nor ink strong.
function shade(image, how, isInverted) {
  const { placement: measured, limits } = how;
  if (how.light_share >= 0.5 || !(isInverted || measured)) return image;
  if (measured) {
    const isGray = percentile(border(image), 10) >= measured.background + limits.MIN_CONTRAST;
    const isFaint = range(image.pixels)[1] < limits.MIN_INK * measured.ink;
    if (!(isGray || isFaint) || hasLightBackground(image)) return image;
  }
  const { pixels } = normalizeContrast(image, limits);
  return { ...image, pixels: Uint8Array.from(pixels, (v) => roundEven(Math.fround(255 * v))) };
}

// An image of at most 32x32, centered on black.
function onBlack({ pixels, height, width }) {
  const out = new Uint8Array(SIDE * SIDE), top = (SIDE - height) >> 1, left = (SIDE - width) >> 1;
  for (let y = 0; y < height; y++) out.set(pixels.subarray(y * width, (y + 1) * width), (top + y) * SIDE + left);
  return { pixels: out, height: SIDE, width: SIDE };
}

// Whether half of the border is lighter than the middle gray.
function hasLightBackground(image) {
  const [low, high] = range(image.pixels);
  return median(border(image)) > (low + high) / 2;
}

// A dark image in [0, 1]: its background 0, with its shadows and noise, and its lightest pixel 1.
function normalizeContrast(image, { MIN_CONTRAST }) {
  const edge = border(image), background = median(edge), [, ink] = range(image.pixels);
  const black = Math.fround(Math.min(percentile(edge, 90), (background + ink) / 2));
  const span = ink - background < MIN_CONTRAST ? Infinity : Math.fround(ink - black);
  const pixels = new Float32Array(image.pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const v = image.pixels[i] - black;
    pixels[i] = v <= 0 ? 0 : Math.min(Math.fround(v) / span, 1);
  }
  return { ...image, pixels };
}

// The first and last row and column with ink; a pixel fainter than the threshold is none.
function box({ pixels, height, width }, { INK_THRESHOLD }) {
  const threshold = Math.fround(INK_THRESHOLD), rows = [], columns = [];
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++)
    if (pixels[y * width + x] > threshold) { rows[y] = true; columns[x] = true; }
  const [top, bottom] = rows.length ? [rows.indexOf(true), rows.length - 1] : [0, height - 1];
  const [left, right] = columns.length ? [columns.indexOf(true), columns.length - 1] : [0, width - 1];
  return { top, bottom, left, right };
}

// The center of mass of the ink: y, x.
function massCenter(ink) {
  const { rows, columns } = sums(ink);
  return [weightedMean(rows) + 0.5, weightedMean(columns) + 0.5];
}

function weightedMean(mass) {
  return mass.reduce((sum, m, i) => sum + m * i, 0) / (mass.reduce((a, b) => a + b) || 1);
}

function sums({ pixels, height, width }) {
  const rows = new Float64Array(height), columns = new Float64Array(width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    rows[y] += pixels[y * width + x];
    columns[x] += pixels[y * width + x];
  }
  return { rows, columns };
}

// The pixels on the edges, in order of their value.
function border({ pixels, height, width }) {
  const edge = [...pixels.subarray(0, width), ...(height > 1 ? pixels.subarray((height - 1) * width) : pixels)];
  for (let y = 1; y < height - 1; y++) edge.push(pixels[y * width], pixels[(y + 1) * width - 1]);
  return Float64Array.from(edge).sort();
}

function median(sorted) {
  return percentile(sorted, 50);
}

function percentile(sorted, q) {
  const at = (q / 100) * (sorted.length - 1), low = Math.floor(at), high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

function range(pixels) {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < pixels.length; i++) {  // several times as fast as for...of
    if (pixels[i] < low) low = pixels[i];
    if (pixels[i] > high) high = pixels[i];
  }
  return [low, high];
}
