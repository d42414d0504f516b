// Formulas as MathML, from the names and numbers of the workbook, as mlpcli/show/mathml.py makes them.

const SIGNS = { "*": "·", "-": "−", ">": ">" };

function mathml(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/1998/Math/MathML", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A formula of an entry, such as "h2_5 * grad_z3_7 = 1.2 * -0.5": names, numbers, functions, signs, and
// text in brackets. A word in quotation marks is the name of a class.
function formula(text) {
  const tokens = text.match(/"[^"]*"|\[[^\]]*\]|[A-Za-z_]\w*(?:,\d+)*'?|-?\d[\d.]*(?:e[+-]?\d+)?|\S/g);
  const parts = tokens.map((token, i) => {
    const afterSign = i === 0 || "=(".includes(tokens[i - 1]);
    if (/^["[]/.test(token)) return mathml("mtext", {}, token.startsWith("[") ? token : token.slice(1, -1));
    if (/^-?\d/.test(token)) return numberOf(token, !afterSign);
    if (/^(grad_)?[A-Za-z]{1,2}\d*(_\w+(,\d+)*)?$/.test(token)) return symbol(token);
    if (/^\w/.test(token)) return mathml("mi", { mathvariant: "normal", class: "function" }, token);
    return mathml("mo", token === "-" && afterSign ? { form: "prefix" } : {}, SIGNS[token] ?? token);
  });
  return mathml("math", {}, mathml("mrow", {}, ...parts));
}

// An array, or with its index after "_" an entry: grad_W2_0,1.
function symbol(name) {
  const [, gradient, letter, layer, index] = name.match(/^(grad_)?([A-Za-z]+?)(\d*)(?:_([\w,]+))?$/);
  const style = letter.length === 1 ? { class: "variable" } : {};
  let base = mathml("mi", { mathvariant: "normal", ...style }, letter);
  const above = layer && mathml("mrow", {}, mathml("mo", {}, "("), mathml("mn", {}, layer), mathml("mo", {}, ")"));
  const below = index && mathml("mrow", {}, mathml("mn", {}, index.replace(",", ", ")));
  if (above && below) base = mathml("msubsup", {}, base, below, above);
  else if (above) base = mathml("msup", {}, base, above);
  else if (below) base = mathml("msub", {}, base, below);
  return gradient ? mathml("msub", {}, mathml("mi", { mathvariant: "normal" }, "∇"), base) : base;
}

function numberOf(text, isFenced) {
  const [mantissa, exponent] = text.replace(/^-/, "").split("e");
  const digits = [mathml("mn", {}, mantissa)];
  if (exponent) digits.push(mathml("mo", {}, "·"), mathml("msup", {}, mathml("mn", {}, "10"), numberOf(String(Number(exponent)), false)));
  if (!text.startsWith("-")) return mathml("mrow", {}, ...digits);
  const negative = [mathml("mo", { form: "prefix" }, "−"), ...digits];
  return isFenced ? mathml("mrow", {}, mathml("mo", {}, "("), ...negative, mathml("mo", {}, ")")) : mathml("mrow", {}, ...negative);
}

// A number with three digits, as formulas show it, below 0.0001 by a power of ten; just below 1, with
// three of its distance from 1.
function short(value) {
  const distance = 1 - value, isBelow1 = distance > 0 && distance < 0.0005;
  const digits = isBelow1 ? Math.min(2 - Math.floor(Math.log10(distance)), 15) : 3;
  const rounded = Number(value.toPrecision(digits));
  return value !== 0 && Math.abs(rounded) < 1e-4 ? rounded.toExponential() : String(rounded);
}
