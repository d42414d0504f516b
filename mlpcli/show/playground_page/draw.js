// The pad: strokes drawn with a mouse, a pen, a finger or keys.
// A stroke is {width, points}, both in parts of the pad's side; points are [x, y] from the top left.

const RASTER_SIDE = 140;  // pixels of a drawing before it is prepared, five for each of MNIST's 28
const KEY_STEP = 1 / 28;  // how far an arrow key moves the pen

function paintStrokes(context, strokes, side, color) {
  Object.assign(context, { lineCap: "round", lineJoin: "round", strokeStyle: color });
  for (const { width, points } of strokes) {
    const [first, ...others] = points.map((point) => point.map((v) => v * side));
    context.lineWidth = width * side;
    context.beginPath();
    context.moveTo(...first);
    others.slice(0, -1).forEach(([x, y], i) => {  // a curve that turns at the points, not a polygon
      const [nextX, nextY] = others[i + 1];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    });
    context.lineTo(...(others.at(-1) ?? first));
    context.stroke();
  }
}

// Strokes as a gray image, light on black.
function rasterize(strokes) {
  const context = rasterize.context ??= new OffscreenCanvas(RASTER_SIDE, RASTER_SIDE).getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, RASTER_SIDE, RASTER_SIDE);
  paintStrokes(context, strokes, RASTER_SIDE, "white");
  const { data } = context.getImageData(0, 0, RASTER_SIDE, RASTER_SIDE);
  const pixels = new Uint8Array(RASTER_SIDE ** 2);
  for (let i = 0; i < pixels.length; i++) pixels[i] = data[4 * i];
  return { pixels, height: RASTER_SIDE, width: RASTER_SIDE };
}

// A pad on a canvas; it calls changed with the strokes. draws: whether one can draw on it.
function makePad(canvas, { width, changed, draws }) {
  let strokes = [], history = [], pointer = null, pen = [0.5, 0.5], isDown = false;

  const change = (next) => { history.push(strokes); set(next); };
  const set = (next) => { strokes = next; changed(strokes); };
  const extend = (points) => {
    const last = strokes.at(-1);
    set([...strokes.slice(0, -1), { ...last, points: [...last.points, ...points] }]);
  };
  const place = (event) => {
    const { left, top, width: side } = canvas.getBoundingClientRect();
    return [(event.clientX - left) / side, (event.clientY - top) / side];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (!draws || pointer !== null || event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ focusVisible: false });
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    isDown = false;
    change([...strokes, { width: width(), points: [place(event)] }]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    extend((events.length ? events : [event]).map(place));
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, (event) => { if (event.pointerId === pointer) pointer = null; });

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key in moves) {
      pen = pen.map((v, i) => Math.min(Math.max(v + moves[event.key][i] * KEY_STEP, 0), 1));
      if (isDown) extend([pen]); else changed(strokes);
    } else if (event.key === " ") {
      isDown = !isDown;
      if (isDown) change([...strokes, { width: width(), points: [pen] }]); else changed(strokes);
    } else if (event.key === "Escape" || event.key === "Delete") clear();
    else return;
    event.preventDefault();
  });

  function undo() {
    isDown = false;
    if (history.length) set(history.pop());
  }

  function clear() {
    isDown = false;
    if (strokes.length) change([]);
  }

  // Draws over what is there, in the text's color.
  function paint() {
    const side = Math.round(canvas.clientWidth * devicePixelRatio), context = canvas.getContext("2d");
    if (canvas.width !== side) canvas.width = canvas.height = side;
    context.clearRect(0, 0, side, side);
    paintStrokes(context, strokes, side, colors().ink);
    if (document.activeElement === canvas && canvas.matches(":focus-visible")) paintPen(context, side);
  }

  function paintPen(context, side) {
    const [x, y] = pen.map((v) => v * side), arm = side / 32;
    context.lineWidth = side / 160;
    context.strokeStyle = context.fillStyle = colors().link;
    context.beginPath();
    context.arc(x, y, arm / 2, 0, 2 * Math.PI);
    if (isDown) context.fill(); else context.stroke();
  }

  return { undo, clear, paint, set: change, reset: () => { strokes = []; history = []; isDown = false; }, isEmpty: () => !strokes.length };
}
