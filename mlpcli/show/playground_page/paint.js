// Arrays as pictures: gray images, and maps in which orange is above 0 and blue below.

// Units in a row of the map of a layer: 32 of 512, and more of a wide layer, so that the map is never tall.
function rowLength(units) {
  return Math.min(units, Math.max(32, 2 ** Math.ceil(Math.log2(2 * units) / 2)));
}

function colors() {
  const style = getComputedStyle(document.documentElement), of = (name) => style.getPropertyValue(name).trim();
  return { ink: of("--ink"), link: of("--link"), above: of("--orange"), below: of("--blue") };
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A gray image in a canvas, as the network sees it: 0 is black.
function paintGray(canvas, { pixels, height, width }) {
  fill(canvas, height, width, (i) => [pixels[i], pixels[i], pixels[i], 255]);
}

// Values in a canvas of this width, each as opaque as it is large, relative to the largest.
function paintMap(canvas, values, width, { largest = largestOf(values), dead = null } = {}) {
  const { above, below } = colors(), [orange, blue] = [above, below].map((text) => text.match(/\d+/g).map(Number));
  fill(canvas, Math.ceil(values.length / width), width, (i) => {
    const value = values[i] ?? 0;
    if (dead?.(i)) return [128, 128, 128, 60];
    return [...(value > 0 ? orange : blue), Math.round((255 * Math.abs(value)) / (largest || 1))];
  });
}

function fill(canvas, height, width, color) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set(color(i), 4 * i);
  context.putImageData(image, 0, 0);
}

function largestOf(values) {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}
