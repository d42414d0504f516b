"""The page of `mlp playground`: a network to draw on, in one file that needs nothing else."""

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from mlpcli import files
from mlpcli.api.playground import Playground, preparation_facts
from mlpcli.checks.explain import Quantity
from mlpcli.config.schema import Config
from mlpcli.nn import mlp
from mlpcli.runs.ownership import generator
from mlpcli.show import html, mathml, selection
from mlpcli.show.explain_page import SMOOTH, WORDS
from mlpcli.show.format import json_object, percent
from mlpcli.terminal import printable

SCRIPTS = (  # in this order, as one script
    *("network.js", "weights.js", "pixels.js", "prepare.js", "outliers.js"),
    *("draw.js", "words.js", "math.js", "paint.js", "see.js", "why.js", "teach.js", "page.js"),
)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)  # learning rates to choose from
USUAL_RATE = 0.01
# the workbook's question that each step answers, in the last layer, the one before, the others
QUESTIONS = {
    "loss": ("z3.2b",),
    "error": ("z3.12",),
    "outer": ("W3.13", "2.21", "2.27b"),
    "bias": ("b3.5", "2.23", "2.28"),
    "back": ("2.6a", "2.24b", "2.24b"),
    "derivative": ("2.15", "2.25", "2.25"),
    "image": ("2.30",),
    "update": ("2.42",),
}
MAX_WRITTEN = 2  # characters of the name of a class that a person can draw


class Step(NamedTuple):
    """A quantity of the backward pass."""

    name: str  # "grad_z3"
    formula: Markup
    words: str
    question: str  # of the workbook


class WrittenPlayground(NamedTuple):
    """A page and what it holds."""

    path: Path
    bytes: int
    playground: Playground


def write(path: Path, playground: Playground) -> WrittenPlayground:
    """Write the page of a run in one piece; raises OutputError."""
    data = page(playground).encode()
    files.write(path, data)
    return WrittenPlayground(path, len(data), playground)


def as_text(result: WrittenPlayground) -> str:
    """The path of the page, and its size."""
    return f"playground: {result.path} ({result.bytes / 1e6:.1f} MB)"


def as_json(result: WrittenPlayground) -> str:
    """The same as one JSON object."""
    run, selected, _, _, images, _ = result.playground
    return json_object(
        {
            "playground": str(result.path),
            "bytes": result.bytes,
            "run": run,
            "weights": selected.weights,
            "selection": selection.as_json(selected),
            "images": len(images.labels) if images else 0,
        }
    )


def page(playground: Playground) -> str:
    """The whole page as HTML; nothing that a run holds can become markup or code."""
    facts = facts_of(playground)
    script, style = script_text(), style_text()
    environment = html.environment()
    environment.globals |= {"math": math}
    return environment.get_template("playground_page/page.html.j2").render(
        generator=generator("playground"),
        title=title(facts["classes"], draws=facts["draws"]),
        script=Markup(script),
        style=Markup(style),
        script_hash=digest(script),
        style_hash=digest(style),
        data=data_text(facts),
        import_words=import_words(facts["name"], playground.checkpoint.metadata.config),
        facts=facts,
        accuracy=playground.accuracy and percent(playground.accuracy),
        steps=steps_of(len(facts["sizes"]) - 1, facts["activation"]),
        questions=QUESTIONS,
        update=math("W \N{LEFTWARDS ARROW} W - lr grad_W"),
        rates=RATES,
        usual_rate=USUAL_RATE,
    )


def title(classes: Sequence[str], *, draws: bool) -> str:
    """What the page asks for.

    >>> title(["0", "1"], draws=True)
    'Draw a digit'
    """
    if not draws:
        return "Show it a picture"
    if all(name.isdecimal() for name in classes):
        return "Draw a digit"
    return "Draw a letter" if all(name.isalpha() for name in classes) else "Draw a character"


def steps_of(layers: int, activation: str) -> dict[str, Step]:
    """The steps from CE back to the image, by name, the last layer first."""
    found = [_step("loss", layers, layers, activation)]
    for k in range(layers, 0, -1):
        kinds = ["error"] if k == layers else ["back", "derivative"]
        found += [_step(kind, k, layers, activation) for kind in (*kinds, "outer", "bias")]
    image = _step("back", 0, layers, activation)
    found.append(image._replace(question=QUESTIONS["image"][0]))
    return {step.name: step for step in found}


def _step(kind: Any, k: int, layers: int, activation: str) -> Step:
    names = {"loss": "CE", "outer": "grad_W", "bias": "grad_b", "back": "grad_h"}
    name = names.get(kind, "grad_z") + ("" if kind == "loss" else str(k))
    formula = mathml.step(
        Quantity(k, kind, name, "", np.zeros(())), activation, 0.0, weighted=False
    )
    words = WORDS[kind] if activation == "relu" else SMOOTH.get(kind, WORDS[kind])
    questions = QUESTIONS[kind]
    question = questions[min(layers - k - (kind in ("back", "derivative")), len(questions) - 1)]
    return Step(name, Markup(f"<math>{formula}</math>"), words, question)


def facts_of(playground: Playground) -> dict[str, Any]:
    """What the page's script is given: see `page.js`."""
    metadata, params, *_ = playground.checkpoint
    images, classes = playground.images, [printable(name) for name in metadata.classes]
    measured, name = metadata.placement, printable(Path(playground.run).resolve().name)
    return {
        "name": name,
        "data": printable(metadata.config.data.name),
        "sizes": mlp.layer_sizes(params),
        "activation": metadata.config.network.activation,
        "classes": classes,
        # what has no rule, but a name of one character, is also written by hand
        "draws": bool(measured and measured.is_rule) or all(len(n) <= MAX_WRITTEN for n in classes),
        "params": [{"W": float16(W), "b": float16(b)} for W, b in params],
        "preparation": preparation_facts(metadata),
        "images": images
        and {
            "pixels": base64.b64encode(images.pixels.tobytes()).decode(),
            "size": images.pixels.shape[1:],
            "labels": images.labels,
            "rows": images.rows,
            "mistakes": images.mistakes,
        },
    }


def import_words(name: str, config: Config) -> list[str]:
    """The words of the command that makes a run of the network that was taught in the page."""
    words = ["mlp", "import", f"{name}-taught.safetensors", "--out", f"runs/{name}-taught"]
    words += ["--set", f"data.name={config.data.name}"]
    if config.network.activation != "relu":
        words += ["--set", f"network.activation={config.network.activation}"]
    return [printable(shlex.quote(word)) for word in words]


def float16(array: Any) -> str:
    """An array in float16, little-endian, as base64."""
    return base64.b64encode(np.asarray(array, "<f2").tobytes()).decode()


def data_text(facts: dict[str, Any]) -> Markup:
    """Facts as JSON that cannot end the element it stands in."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def script_text() -> str:
    """The scripts in order, each under its name."""
    parts = [f"// ---- {name}\n\n{_read(name)}" for name in SCRIPTS]
    return "\n" + '"use strict";\n\n' + "\n".join(parts)


def style_text() -> str:
    """The styles of all pages, then this page's."""
    return f"\n{_read('../page.css')}\n{_read('page.css')}"


def digest(text: str) -> str:
    """What a Content-Security-Policy knows a script or a style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def math(text: str) -> Markup:
    """A formula in MathML, from the words of `mathml.word`."""
    return Markup(f"<math>{''.join(mathml.word(each) for each in text.split())}</math>")


def _read(name: str) -> str:
    return resources("mlpcli").joinpath("show", "playground_page", name).read_text("utf-8")
