// Teach it: steps of gradient descent on one image, and what they cost elsewhere.

function teach(network, pass, answer, lr, { classes, activation }) {
  const gradient = backward(network.params, pass, oneHot(answer, classes.length), activation);
  step(network.params, pass, gradient, lr);
  network.steps += 1;
}

function forget(network) {
  network.params = copyParams(network.original);
  network.steps = 0;
}

// Whether each of the test images is classified correctly.
function rightOnes(params, gallery, { activation }) {
  return gallery.map(({ label, image }) => label === byProbability(forward(params, inputs(onBlack(image)), activation).h.at(-1))[0]);
}

// What the network was sure of before it was taught, and what it is now.
function showLessons(network, gallery, subject, run) {
  const { params, original, steps } = network, { answer, h0 } = subject, isAsked = answer !== null && Boolean(h0);
  setText(byId("steps-taught"), steps === 1 ? "1 step" : `${steps} steps`);
  setText(byId("taught-class"), answer === null ? "the class" : run.classes[answer]);
  for (const [id, layers] of [["untaught", original], ["taught", params]]) {
    const pass = isAsked && forward(layers, h0, run.activation);
    setText(byId(`p-${id}`), isAsked ? percent(pass.h.at(-1)[answer]) : "–");
    setText(byId(`ce-${id}`), isAsked ? crossEntropy(pass.z.at(-1), oneHot(answer, run.classes.length)).toFixed(3) : "–");
    if (gallery.length) setText(byId(`right-${id}`), String(rightOnes(layers, gallery, run).filter(Boolean).length));
  }
  byId("teach").disabled = !isAsked;
  byId("forget").disabled = steps === 0;
}

function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
