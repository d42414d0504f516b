"""The page of `mlp playground`: a network to draw on, in one file that needs nothing else."""

import base64
import hashlib
import json
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlpcli import files
from mlpcli.api.playground import MARK, Playground, preparation_facts
from mlpcli.nn import mlp
from mlpcli.show import mathml
from mlpcli.show.format import json_object, percent
from mlpcli.terminal import printable
from mlpcli.version import __version__

GENERATOR = f"mlpcli {__version__}{MARK.decode()}"
SCRIPTS = (  # in this order, as one script
    *("network.js", "weights.js", "pixels.js", "prepare.js", "outliers.js"),
    *("draw.js", "words.js", "paint.js", "see.js", "page.js"),
)
MAX_WRITTEN = 2  # characters of the name of a class that a person can draw


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
    run, weights, _, _, images, _ = result.playground
    return json_object(
        {
            "playground": str(result.path),
            "bytes": result.bytes,
            "run": run,
            "weights": weights,
            "images": len(images.labels) if images else 0,
        }
    )


def page(playground: Playground) -> str:
    """The whole page as HTML; nothing that a run holds can become markup or code."""
    facts = facts_of(playground)
    script, style = script_text(), style_text()
    environment = Environment(
        loader=PackageLoader("mlpcli", "show"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"math": math}
    return environment.get_template("playground_page/page.html.j2").render(
        generator=GENERATOR,
        script=Markup(script),
        style=Markup(style),
        script_hash=digest(script),
        style_hash=digest(style),
        data=data_text(facts),
        facts=facts,
        accuracy=playground.accuracy and percent(playground.accuracy),
    )


def facts_of(playground: Playground) -> dict[str, Any]:
    """What the page's script is given: see `page.js`."""
    metadata, params, *_ = playground.checkpoint
    images, classes = playground.images, [printable(name) for name in metadata.classes]
    measured = metadata.placement
    return {
        "name": printable(Path(playground.run).resolve().name),
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
        },
    }


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
