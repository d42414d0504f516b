// What a network says, in words.

const RIVAL = 1 / 3;  // of the highest probability: a class that comes so near is a rival
const SURE = 0.9;

// The guess as it is shown large, and how sure the network is.
function verdict(prepared, probabilities, classes) {
  if (prepared.isBlank) return { guess: "", words: "A blank image: there is nothing to see." };
  const order = byProbability(probabilities), best = probabilities[order[0]];
  const rivals = order.filter((k) => probabilities[k] >= RIVAL * best).map((k) => classes[k]);
  const words = rivals.length > 3 ? `Undecided: ${rivals.length} classes are about equally likely.`
    : rivals.length > 1 ? `Unsure between ${listed(rivals)}.`
    : best >= SURE ? "It is sure." : "Probably, but not for sure.";
  const guess = rivals.length > 3 ? "?" : rivals.join(" or ");
  if (prepared.isOutlier) return { guess, words: `Unlike anything it was trained on. ${words}` };
  if (prepared.inPieces) return { guess, words: `Several pieces of ink, but it knows one character at a time. ${words}` };
  return { guess, words };
}

function byProbability(probabilities) {
  return [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
}

function listed(names) {
  return names.length > 1 ? `${names.slice(0, -1).join(",\u200e ")} and ${names.at(-1)}` : names[0];  // also from right to left
}

// What was done to an image before the network saw it.
function changes(prepared, { rule }) {
  const done = [];
  if (prepared.isInverted) done.push("light and dark were swapped");
  if (prepared.isCentered)
    done.push(`the ink was scaled to ${rule.side} pixels and its ${rule.of === "mass" ? "center of mass" : "box"} moved to the center`);
  if (prepared.isShrunk) done.push("the picture was shrunk as a whole");
  const [first = "nothing had to be changed", ...others] = done;
  return [first[0].toUpperCase() + first.slice(1), ...others].join(", and ") + ".";
}

function percent(p) {
  const isNearEnd = p < 0.0995 || (p >= 0.995 && p < 0.9995);  // where one more digit matters
  return `${(100 * p).toFixed(isNearEnd ? 1 : 0)}%`;
}
