// Puts the parts together: what is drawn, dropped or chosen is prepared, seen, and thought about.

const byId = (id) => document.getElementById(id);
const run = JSON.parse(byId("run").textContent);
const { classes, preparation: how } = run;
const activation = ACTIVATIONS[run.activation];
const network = { original: decodeParams(run.params) };
forget(network);
const gallery = galleryOf(run.images);

const QUIET = 250;  // milliseconds after the last change, before what takes longer is drawn

// What is looked at: a subject is {kind: "drawing" | "picture" | "test", ...}, null for nothing.
// answer: the class that it should be, null before the user gives it.
const state = { subject: null, prepared: null, pass: null, answer: null };
let isDue = false, isSettled = false, quietTimer = 0;

const pad = makePad(byId("pad"), {
  draws: run.draws,
  width: () => Number(byId("pen").value) / 100,
  changed: (strokes) => look(strokes.length ? { kind: "drawing", strokes } : null),
});

// The test images as the network gets them.
function galleryOf(images) {
  if (!images) return [];
  const pixels = decodeBytes(images.pixels), [height, width] = images.size, n = height * width;
  return images.labels.map((label, i) => ({
    label, row: images.rows[i], image: { pixels: pixels.subarray(i * n, (i + 1) * n), height, width },
  }));
}

function look(subject, answer = subject?.kind === "drawing" ? state.answer : subject?.label ?? null) {
  Object.assign(state, { subject, answer });
  if (!isDue) requestAnimationFrame(update);
  isDue = true;
  isSettled = false;
}

// What the network makes of a subject, without drawing anything.
function consider(subject) {
  const prepared = prepareSubject(subject);
  return { subject, prepared, pass: forward(network.params, inputs(prepared.image), activation) };
}

function prepareSubject({ kind, strokes, image }) {
  if (kind === "drawing") return prepare(rasterize(strokes), how, true);
  if (kind === "picture") return prepare(image, how);
  return { image: onBlack(image), isBlank: false, isInverted: false, isCentered: false, isShrunk: false, inPieces: false, isOutlier: false };
}

function update() {
  isDue = false;
  const { subject } = state;
  if (subject?.kind !== "drawing" && !pad.isEmpty()) pad.reset();
  pad.paint();
  byId("stage").classList.toggle("empty", !subject);
  clearTimeout(quietTimer);
  if (!subject) { showNothing(); return; }
  Object.assign(state, consider(subject));
  const { prepared, pass } = state;
  showPicture(subject);
  showInput(prepared);
  showActivations(pass);
  showProbabilities(pass.h.at(-1), classes);
  const { guess, words } = verdict(prepared, pass.h.at(-1), classes);
  setText(byId("guess"), guess);
  setText(byId("words"), words);
  quietTimer = setTimeout(settle, QUIET);
}

// What takes longer than a frame, once nothing changes any more.
function settle() {
  const { subject, prepared, pass } = state;
  if (!subject) return;
  const probabilities = pass.h.at(-1), best = byProbability(probabilities)[0];
  setText(byId("changes"), subject.kind === "test" ? "A test image, as the run has it." : changes(prepared, how.placement ?? { rule: how.mnist }));
  setText(byId("spoken"), `${byId("guess").textContent}, ${percent(probabilities[best])}. ${byId("words").textContent}`);
  setText(byId("winner"), classes[best]);
  showPaths(network.params, pass, best, { classes, activation });
  showAnswer();
  isSettled = true;
}

// The gradient and the lesson for the class that it should be.
function showAnswer() {
  const { pass, answer } = state, isAsked = pass !== null && answer !== null;
  for (const input of document.getElementsByName("answer")) {
    input.disabled = pass === null;
    input.checked = Number(input.value) === answer;
  }
  byId("steps").hidden = !isAsked;
  setText(byId("ask"), isAsked ? "" : pass ? "Choose a class." : "First draw, or choose an image.");
  if (isAsked) showWhy(network.params, pass, answer, { classes, activation, name: run.activation });
  showLessons(network, gallery, { answer, h0: pass?.h[0] }, { classes, activation });
}

function changeNetwork() {
  markGallery();
  look(state.subject, state.answer);
}

function showNothing() {
  Object.assign(state, { prepared: null, pass: null, answer: null });
  showPicture(null);
  showInput({ image: onBlack({ pixels: new Uint8Array(1), height: 1, width: 1 }) });
  run.sizes.slice(1, -1).forEach((n, i) => {
    paintMap(byId(`h${i + 1}`), new Float32Array(n), rowLength(n));
    byId(`h${i + 1}-on`).textContent = n === 1 ? "1 unit" : `${n} units`;
  });
  showProbabilities(new Float64Array(classes.length), classes);
  for (const id of ["guess", "changes", "spoken"]) setText(byId(id), "");
  setText(byId("words"), run.draws ? "Draw something, and it makes up its mind." : "Show it something, and it makes up its mind.");
  setText(byId("winner"), "a class");
  byId("paths").replaceChildren();
  showAnswer();
  isSettled = true;
}

// A picture or test image takes the place of the drawing.
function showPicture(subject) {
  const canvas = byId("shown"), isShown = Boolean(subject) && subject.kind !== "drawing";
  canvas.hidden = !isShown;
  if (isShown) paintGray(canvas, subject.image);
  if (subject?.kind !== "test") for (const chosen of document.querySelectorAll("[name=test-image]:checked")) chosen.checked = false;
}

// ---- pictures

async function openPicture(file) {
  try {
    const picture = await createImageBitmap(file, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
    const canvas = new OffscreenCanvas(picture.width, picture.height), context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    look({ kind: "picture", image: toGray(context.getImageData(0, 0, picture.width, picture.height)) });
    setText(byId("problem"), "");
  } catch {
    setText(byId("problem"), `${file.name}: cannot be read as a picture; try a PNG or JPEG file.`);
  }
}

function listen() {
  byId("undo").addEventListener("click", pad.undo);
  byId("clear").addEventListener("click", () => (pad.isEmpty() ? look(null) : pad.clear()));
  byId("open").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", ({ target }) => { if (target.files[0]) openPicture(target.files[0]); target.value = ""; });
  addEventListener("paste", ({ clipboardData }) => { if (clipboardData.files[0]) openPicture(clipboardData.files[0]); });
  addEventListener("dragover", (event) => { event.preventDefault(); byId("stage").classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) byId("stage").classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    byId("stage").classList.remove("over");
    if (event.dataTransfer.files[0]) openPicture(event.dataTransfer.files[0]);
  });
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); pad.undo(); }
  });
  byId("pad").addEventListener("focus", pad.paint);
  byId("pad").addEventListener("blur", pad.paint);
  new ResizeObserver(pad.paint).observe(byId("pad"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => look(state.subject, state.answer));
  byId("teach").addEventListener("click", () => {
    const lr = Number(document.querySelector("[name=rate]:checked").value);
    teach(network, state.pass, state.answer, lr, { classes, activation });
    changeNetwork();
  });
  byId("forget").addEventListener("click", () => { forget(network); changeNetwork(); });
  byId("download").addEventListener("click", () => {
    const metadata = { activation: run.activation, classes: JSON.stringify(classes), data: run.data };
    download(safetensors(network.params, metadata), `${run.name}-taught.safetensors`);
  });
}

function listAnswers() {
  classes.forEach((name, k) => {
    const input = element("input", { type: "radio", name: "answer", value: k });
    input.addEventListener("change", () => { state.answer = k; showAnswer(); });
    byId("answers").append(element("label", {}, input, element("span", {}, element("bdi", {}, name))));
  });
}

function listGallery() {
  gallery.forEach(({ label, row, image }, i) => {
    const input = element("input", { type: "radio", name: "test-image", value: i });
    const canvas = element("canvas", { "aria-hidden": "true" });
    paintGray(canvas, image);
    input.addEventListener("change", () => look({ kind: "test", image, label, row }));
    byId("gallery").append(element("label", {}, input, canvas));
  });
  markGallery();
}

// Names each test image by what it is and what the network takes it for.
function markGallery() {
  gallery.forEach(({ label, row, image }, i) => {
    const best = byProbability(forward(network.params, inputs(onBlack(image)), activation).h.at(-1))[0];
    const name = `Test image ${row}: ${classes[label]}` + (best === label ? "" : `, taken for ${classes[best]}`);
    const box = byId("gallery").querySelectorAll("label")[i];
    box.classList.toggle("mistake", best !== label);
    box.title = name;
    box.firstChild.setAttribute("aria-label", name);
  });
}

listGallery();
listAnswers();
listen();
update();
