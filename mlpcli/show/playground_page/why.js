// Ask why: the gradient of CE for this image and the class that it should be, a step at a time, each
// with the numbers of its largest entry.

const MAX_SIDE = 128;  // entries of a side of a map; of a block that shares a pixel, the largest is shown
const MAX_FOLDED = 64;  // columns of a matrix that is shown in parts side by side, three times as wide as high
const MAX_TERMS = 2;  // of a sum, written out

function showWhy(params, pass, answer, { classes, activation, name }) {
  const { z, h } = pass, y = oneHot(answer, classes.length), last = params.length;
  const gradient = backward(params, pass, y, activation), { grad_z, grad_h } = gradient;
  const best = byProbability(h[last])[0];

  const ce = crossEntropy(z[last - 1], y);
  numbers("CE", [`CE = - log ( h${last}_${answer} )`, `= - log ( ${short(h[last][answer])} ) = ${short(ce)}`]);
  showLoss(h[last][answer]);
  const shown = [...new Set([answer, best, byProbability(grad_z[last - 1].map(Math.abs))[0]])].slice(0, 2);
  showErrors(grad_z[last - 1], classes, answer);
  numbers(`grad_z${last}`, shown.flatMap((k) => [
    `grad_z${last}_${k} = h${last}_${k} - y_${k}`,
    `= ${short(h[last][k])} - ${y[k]} = ${short(grad_z[last - 1][k])}`,
  ]));
  for (let k = last; k > 0; k--) {
    if (k < last) showBack(params, pass, gradient, k, name);
    showOuter(h[k - 1], grad_z[k - 1], k);
  }
  showImage(params, pass, gradient, classes[answer], classes[best]);
}

function numbers(id, lines) {
  byId(`numbers-${id}`).replaceChildren(...lines.map((line) =>
    element("div", line.startsWith("=") ? { class: "next" } : {}, formula(line))));
}

// The curve of -log p, and where it is at this p.
function showLoss(p) {
  const [width, height, highest] = [360, 150, 7], x = (value) => 28 + value * (width - 40);
  const y = (value) => 8 + Math.min(-Math.log(value), highest) * -(height - 32) / highest + height - 32;
  const places = Array.from({ length: 100 }, (_, i) => Math.exp(-highest * (1 - i / 99)));
  const text = (content, attributes) => {
    const made = svg("text", attributes);
    made.textContent = content;
    return made;
  };
  byId("loss").replaceChildren(
    svg("path", { class: "axis", d: `M${x(0)} 8V${y(1)}H${x(1)}` }),
    svg("path", { class: "curve", d: `M${places.map((value) => `${x(value).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}` }),
    svg("circle", { cx: x(p), cy: y(p), r: 6 }),
    ...[0, 0.5, 1].map((value) => text(value, { x: x(value), y: height - 4, "text-anchor": "middle" })),
    ...[0, highest].map((value) => text(value, { x: 18, y: y(Math.exp(-value)) + 4, "text-anchor": "end" })));
}

// h - y for each class, to the right of 0 if it pushes the probability down, to the left if up.
function showErrors(grad, classes, answer) {
  const order = byProbability(grad.map(Math.abs)).slice(0, MAX_BARS);
  const listedClasses = classes.length > MAX_BARS ? order : [...classes.keys()];
  byId("errors").replaceChildren(...listedClasses.map((k) => {
    const bar = element("span", { class: grad[k] > 0 ? "for" : "against" });
    bar.style.setProperty("--p", Math.abs(grad[k]).toFixed(4));
    return element("tr", k === answer ? { class: "best" } : {},
      element("th", { scope: "row" }, element("bdi", {}, classes[k])),
      element("td", { class: "track" }, element("span", { class: "error" }, bar)),
      element("td", { class: "n" }, signed(grad[k])));
  }));
}

function signed(value) {
  const size = Math.abs(value).toFixed(3);
  return Number(size) === 0 ? size : `${value > 0 ? "+" : "−"}${size}`;
}

// grad_h = W grad_z of the layer above, and grad_z = grad_h times the slope
function showBack(params, { z }, { grad_z, grad_h }, k, name) {
  const i = largestAt(grad_h[k].map((g, j) => (grad_z[k - 1][j] === 0 ? 0 : g)));
  for (const [id, values] of [[`grad_h${k}`, grad_h[k]], [`grad_z${k}`, grad_z[k - 1]]])
    paintMap(byId(id), values, rowLength(values.length));
  const slope = name === "relu" ? [`( z${k}_${i} > 0 )`, `( ${short(z[k - 1][i])} > 0 )`]
    : [`${name}' ( z${k}_${i} )`, short(grad_z[k - 1][i] / grad_h[k][i])];
  numbers(`grad_h${k}`, sumOf(`grad_h${k}_${i}`, params[k], grad_z[k], i, k + 1));
  numbers(`grad_z${k}`, [
    `grad_z${k}_${i} = grad_h${k}_${i} * ${slope[0]}`,
    `= ${short(grad_h[k][i])} * ${slope[1]} = ${short(grad_z[k - 1][i])}`,
  ]);
}

// An entry of W grad_z: its largest terms, in names and in numbers, and their sum.
function sumOf(entry, { W }, grad_z, i, layer) {
  const n = grad_z.length, terms = Array.from(grad_z, (g, j) => W[i * n + j] * g);
  const total = terms.reduce((a, b) => a + b, 0);
  const chosen = byProbability(terms.map(Math.abs)).slice(0, MAX_TERMS);
  const rest = total - chosen.reduce((sum, j) => sum + terms[j], 0), more = n - chosen.length;
  const ending = more > 0 ? [" + ⋯", ` + ${fenced(rest)}`] : ["", ""];
  return [
    `${entry} = ${chosen.map((j) => `W${layer}_${i},${j} * grad_z${layer}_${j}`).join(" + ")}${ending[0]}`,
    `= ${chosen.map((j) => `${short(W[i * n + j])} * ${fenced(grad_z[j])}`).join(" + ")}${ending[1]}`,
    `= ${short(total)}`,
  ];
}

function fenced(value) {
  return value < 0 ? `( ${short(value)} )` : short(value);
}

// grad_W = h outer grad_z, with its rows that are 0, and grad_b = grad_z
function showOuter(h, grad_z, k) {
  const i = largestAt(h), j = largestAt(grad_z), dead = h.reduce((sum, value) => sum + (value === 0), 0);
  paintOuter(byId(`grad_W${k}`), h, grad_z);
  setText(byId(`dead-${k}`), dead ? `${dead.toLocaleString("en")} of ${h.length.toLocaleString("en")} rows ${dead === 1 ? "is" : "are"} 0 (gray), of ${k > 1 ? "units that were off" : "black pixels"}.` : "No row is 0.");
  numbers(`grad_W${k}`, [
    `grad_W${k}_${i},${j} = h${k - 1}_${i} * grad_z${k}_${j}`,
    `= ${short(h[i])} * ${fenced(grad_z[j])} = ${short(h[i] * grad_z[j])}`,
    `grad_b${k}_${j} = grad_z${k}_${j} = ${short(grad_z[j])}`,
  ]);
}

function paintOuter(canvas, h, grad_z) {
  if (grad_z.length <= MAX_FOLDED) { paintFolded(canvas, h, grad_z); return; }
  const rows = largestOfBlocks(h), columns = largestOfBlocks(grad_z);
  const largest = largestOf(rows) * largestOf(columns), dead = (at) => rows[Math.floor(at / columns.length)] === 0;
  paintMap(canvas, rows.flatMap((a) => columns.map((b) => a * b)), columns.length, { largest, dead });
}

// A matrix with few columns: its rows go on beside the first ones.
function paintFolded(canvas, h, grad_z) {
  canvas.classList.add("folded");
  const n = grad_z.length, height = Math.ceil(Math.sqrt((h.length * (n + 1)) / 3));
  const width = Math.ceil(h.length / height) * (n + 1) - 1;
  const unitAt = (at) => Math.floor((at % width) / (n + 1)) * height + Math.floor(at / width);
  const isGap = (at) => (at % width) % (n + 1) === n || unitAt(at) >= h.length;
  const values = Array.from({ length: height * width }, (_, at) => (isGap(at) ? 0 : h[unitAt(at)] * grad_z[(at % width) % (n + 1)]));
  paintMap(canvas, values, width, { dead: (at) => !isGap(at) && h[unitAt(at)] === 0 });
}

function largestOfBlocks(values) {
  const size = Math.ceil(values.length / MAX_SIDE);
  return Array.from({ length: Math.ceil(values.length / size) }, (_, block) => {
    const part = Array.from(values).slice(block * size, (block + 1) * size);
    return part[largestAt(part)];
  });
}

function largestAt(values) {
  return values.reduce((best, value, i) => (Math.abs(value) > Math.abs(values[best]) ? i : best), 0);
}

// grad_h0: how the loss changes with each pixel, over a faint copy of the image.
function showImage(params, { h }, { grad_z, grad_h }, answer, best) {
  paintMap(byId("grad_h0"), grad_h[0], SIDE);
  const lit = grad_h[0].map((g, i) => (h[0][i] > 0 ? g : 0)), i = largestAt(lit.some((g) => g) ? lit : grad_h[0]);
  const rather = best === answer ? "even more surely" : `less ${article(best)} and more`;
  setText(byId("image-words"), `Ink on blue pixels, or less of it on orange ones, would make the image ${rather} ${article(answer)}.`);
  numbers("grad_h0", sumOf(`grad_h0_${i}`, params[0], grad_z[0], i, 1));
  setText(byId("pixel"), `Pixel ${i} is in row ${Math.floor(i / SIDE)}, column ${i % SIDE}, from 0.`);
}

function article(name) {
  return /^[aeiou]|^8/i.test(name) ? `an ${name}` : `a ${name}`;
}
