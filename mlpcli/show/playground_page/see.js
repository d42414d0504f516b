// What the network sees and thinks: its input, its activations, its probabilities, and why it prefers
// a class: the strongest weights on the way from the image to it.

const MAX_BARS = 10;
const PATH_UNITS = 6;  // of each layer, in the picture of the strongest weights
const MAX_LETTERS = 12;  // of a name in that picture
const HEAD = 24;  // where the names of its columns stand, from above
const SUPERSCRIPTS = ["⁽⁰⁾", "⁽¹⁾", "⁽²⁾", "⁽³⁾", "⁽⁴⁾", "⁽⁵⁾", "⁽⁶⁾", "⁽⁷⁾", "⁽⁸⁾", "⁽⁹⁾"];

function showInput({ image }) {
  paintGray(byId("seen"), image);
}

function showActivations({ h }) {
  h.slice(1, -1).forEach((activations, i) => {
    paintMap(byId(`h${i + 1}`), activations, rowLength(activations.length));
    const on = activations.reduce((sum, value) => sum + (value > 0), 0);
    byId(`h${i + 1}-on`).textContent = `${on} of ${activations.length} unit${activations.length === 1 ? "" : "s"} above\u00a00`;
  });
}

// One bar for each class or, of many, for the most probable ones.
function showProbabilities(probabilities, classes) {
  const isEmpty = probabilities.every((p) => p === 0);
  const table = byId("bars"), shown = Math.min(classes.length, MAX_BARS);
  const order = byProbability(probabilities), best = order[0];
  const listedClasses = classes.length > MAX_BARS ? order.slice(0, shown) : [...classes.keys()];
  listedClasses.forEach((k, i) => {
    if (i === table.rows.length) table.append(barRow());
    const row = table.rows[i], p = probabilities[k];
    row.classList.toggle("best", k === best && !isEmpty);
    setText(row.cells[0].firstChild, classes[k]);
    row.cells[1].firstChild.style.setProperty("--p", p.toFixed(4));
    setText(row.cells[2], isEmpty ? "" : percent(p));
  });
}

function barRow() {
  const row = element("tr");
  row.append(
    element("th", { scope: "row" }, element("bdi")),
    element("td", { class: "track" }, element("span", { class: "bar" })),
    element("td", { class: "n" }));
  return row;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// The units that count most for a class, a layer at a time from the last one down: what a unit adds to
// z of the class or, further down, to the units that were chosen before.
function strongestPaths(params, { h }, k) {
  let above = [{ unit: k, share: 1 }];
  const columns = [above], links = [];
  for (let i = params.length - 1; i > 0; i--) {
    const { W, b } = params[i], n = b.length, input = (unit, to) => h[i][unit] * W[unit * n + to];
    const weight = (unit) => above.reduce((sum, to) => sum + to.share * Math.abs(input(unit, to.unit)), 0);
    const scores = Array.from(h[i], (_, unit) => weight(unit));
    const units = byProbability(scores).slice(0, PATH_UNITS).filter((unit) => scores[unit] > 0);
    const total = units.reduce((sum, unit) => sum + scores[unit], 0) || 1;
    const chosen = units.sort((a, c) => a - c).map((unit) => ({ unit, share: scores[unit] / total }));
    links.unshift(chosen.flatMap(({ unit }, from) => above.map((next, to) => ({ from, to, value: input(unit, next.unit) }))));
    columns.unshift(chosen);
    above = chosen;
  }
  return { columns, links };
}

// What each pixel adds to z of a class: its value times the gradient of z.
function evidence(params, { z, h }, k, activation) {
  const zero = new Array(params.at(-1).b.length).fill(0);
  const { grad_h } = backward(params, { z, h: [...h.slice(0, -1), oneHot(k, zero.length)] }, zero, activation);
  return grad_h[0].map((g, i) => g * h[0][i]);
}

function showPaths(params, pass, k, { classes, activation }) {
  const letters = [...classes[k]], isLong = letters.length > MAX_LETTERS;
  const name = isLong ? `${letters.slice(0, MAX_LETTERS - 1).join("")}…` : classes[k];
  const { columns, links } = strongestPaths(params, pass, k), last = columns.length - 1;
  const { width, height, pixels, room, middle, x, y } = pathPlaces(columns, [...name].length);
  const units = columns.slice(0, -1).flatMap((of, column) =>
    of.map(({ unit }, i) => unitPicture(params, pass, column, unit, x(column), y(column, i))));
  const heads = columns.slice(0, -1).map((_, column) => label(`h${SUPERSCRIPTS[column + 1] ?? column + 1}`, x(column), HEAD, "heading"));
  const winner = label(name, x(last) - 6, middle, "winner");
  byId("paths").setAttribute("viewBox", `0 0 ${width} ${height}`);
  byId("paths").replaceChildren(
    ...pathLines(columns, links, { pixels, middle, x, y }), ...units, ...heads, label("h⁽⁰⁾", pixels / 2, HEAD, "heading"),
    picturePart(evidence(params, pass, k, activation), 0, middle - pixels / 2, pixels),
    winner);
  if (winner.getComputedTextLength() > room) {
    winner.setAttribute("textLength", room);
    winner.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }
}

// Where the parts of that picture lie: x of a column, y of its unit i; pixels: the side of the image,
// room: the width of the name, at the right.
function pathPlaces(columns, letters) {
  const [width, pixels] = byId("paths").clientWidth < 600 ? [600, 100] : [960, 140];
  const top = HEAD + 16, gap = 50, space = Math.max(pixels, gap * Math.max(...columns.map((of) => of.length)));
  const middle = top + space / 2, room = Math.min(40 + 22 * letters, width / 3);
  return {
    width, pixels, room, middle, height: top + space + 8,
    x: (column) => pixels + ((column + 1) * (width - room - pixels)) / columns.length,
    y: (column, i) => middle + gap * (i - (columns[column].length - 1) / 2),
  };
}

function pathLines(columns, links, { pixels, middle, x, y }) {
  const line = (x1, y1, x2, y2, className, width = 1) => svg("line", { x1, y1, x2, y2, class: className, "stroke-width": width });
  const strong = links.flatMap((of, column) => {
    const largest = largestOf(of.map(({ value }) => value)) || 1;
    return of.map(({ from, to, value }) => line(
      x(column) + 20, y(column, from), x(column + 1) - 20, y(column + 1, to),
      value > 0 ? "for" : "against", (6 * Math.abs(value) / largest).toFixed(2)));
  });
  return [...columns[0].map((_, i) => line(pixels, middle, x(0) - 20, y(0, i), "faint")), ...strong];
}

function label(text, x, y, className) {
  const made = svg("text", { x, y, class: className });
  made.textContent = text;
  return made;
}

// A unit of the first layer is shown by what it gets from each pixel, one further up as a dot.
function unitPicture(params, { h }, column, unit, x, y) {
  if (column > 0) return svg("circle", { cx: x, cy: y, r: 10, class: "unit" });
  const n = params[0].b.length;
  return picturePart(h[0].map((value, i) => value * params[0].W[i * n + unit]), x - 21, y - 21, 42);
}

function picturePart(values, x, y, side) {
  const canvas = document.createElement("canvas");
  paintMap(canvas, values.map((v) => Math.sign(v) * Math.sqrt(Math.abs(v))), SIDE);  // roots, to see the weak ones too
  const group = svg("g"), frame = { x, y, width: side, height: side };
  group.append(svg("rect", { ...frame, class: "frame" }), svg("image", { ...frame, href: canvas.toDataURL() }));
  return group;
}
