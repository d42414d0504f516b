// What the network sees and thinks: its input, its activations, its probabilities, and why it prefers
// a class: the strongest weights on the way from the image to it.

const MAX_BARS = 10;
const PATH_UNITS = 6;  // of each layer, in the picture of the strongest weights

function showInput({ image }) {
  paintGray(byId("seen"), image);
}

function showActivations({ h }) {
  h.slice(1, -1).forEach((activations, i) => {
    paintMap(byId(`h${i + 1}`), activations, Math.min(ROW_LENGTH, activations.length));
    const on = activations.reduce((sum, value) => sum + (value > 0), 0);
    byId(`h${i + 1}-on`).textContent = `${on} of ${activations.length} units above 0`;
  });
}

// One bar for each class or, of many, for the most probable ones.
function showProbabilities(probabilities, classes) {
  const table = byId("bars"), shown = Math.min(classes.length, MAX_BARS);
  const order = byProbability(probabilities), best = order[0];
  const listedClasses = classes.length > MAX_BARS ? order.slice(0, shown) : [...classes.keys()];
  listedClasses.forEach((k, i) => {
    if (i === table.rows.length) table.append(barRow());
    const row = table.rows[i], p = probabilities[k];
    row.classList.toggle("best", k === best);
    setText(row.cells[0].firstChild, classes[k]);
    row.cells[1].firstChild.style.setProperty("--p", p.toFixed(4));
    setText(row.cells[2], percent(p));
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
    links.unshift(chosen.flatMap((from, y) => above.map((to, v) => ({ y, v, value: input(from.unit, to.unit) }))));
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
  const { columns, links } = strongestPaths(params, pass, k), picture = byId("paths");
  const width = 720, height = 300, top = 24, gap = (height - top) / PATH_UNITS;
  const x = (column) => 90 + (column + 1) * ((width - 160) / columns.length);
  const y = (column, i) => top + (columns[column].length === 1 ? (height - top) / 2 : gap * (i + 0.5));
  const lines = links.flatMap((of, column) => {
    const largest = largestOf(of.map(({ value }) => value)) || 1;
    return of.map((link) => svg("line", {
      x1: x(column) + 15, y1: y(column, link.y), x2: x(column + 1) - 15, y2: y(column + 1, link.v),
      class: link.value > 0 ? "for" : "against", "stroke-width": (6 * Math.abs(link.value) / largest).toFixed(2),
    }));
  });
  const first = columns[0].map(({ unit }, i) => svg("line", {
    x1: 100, y1: top + (height - top) / 2, x2: x(0) - 15, y2: y(0, i), class: "faint",
  }));
  const units = columns.slice(0, -1).flatMap((of, column) => of.map(({ unit }, i) => unitPicture(params, pass, column, unit, x(column), y(column, i))));
  const last = columns.length - 1;
  const winner = svg("text", { x: x(last) - 8, y: y(last, 0), class: "winner" });
  winner.textContent = classes[k];
  const heads = columns.slice(0, -1).map((_, column) => heading(`h${column + 1}`, x(column)));
  const pixels = picturePart(evidence(params, pass, k, activation), 0, top + (height - top) / 2 - 50, 100);
  picture.replaceChildren(...first, ...lines, ...units, pixels, heading("image", 50), ...heads, winner);
}

function heading(text, x) {
  const made = svg("text", { x, y: 14, class: "heading" });
  made.textContent = text;
  return made;
}

// A unit of the first layer is shown by what it gets from each pixel, one further up as a dot.
function unitPicture(params, { h }, column, unit, x, y) {
  if (column > 0) return svg("circle", { cx: x, cy: y, r: 9, class: "unit" });
  const n = params[0].b.length;
  return picturePart(h[0].map((value, i) => value * params[0].W[i * n + unit]), x - 20, y - 20, 40);
}

function picturePart(values, x, y, side) {
  const canvas = document.createElement("canvas");
  paintMap(canvas, values, SIDE);
  const group = svg("g"), frame = { x, y, width: side, height: side };
  group.append(svg("rect", { ...frame, class: "frame" }), svg("image", { ...frame, href: canvas.toDataURL() }));
  return group;
}
