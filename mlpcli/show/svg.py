"""From a matplotlib figure to an SVG element inside a page, in the page's colors and font.

Identifiers begin with the plot's name, so that several plots can stand in one page, and nothing
refers to a namespace, a style sheet or a font elsewhere.
"""

import re
from io import StringIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from matplotlib.figure import Figure

SERIES = 8  # colors of the style sheet: --series-0 and on
INK, MUTED, RULE = "#00f000", "#00f001", "#00f002"  # each stands for a color of the style sheet
NAMES = {INK: "ink", MUTED: "muted", RULE: "rule"}
NAMES |= {f"#00f1{i:02x}": f"series-{i}" for i in range(SERIES)}
NO_METADATA: dict[str, None] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
REFERENCE = re.compile(r'(?<=url\(#)[\w-]+|(?<=href="#)[\w-]+')


def color(series: int) -> str:
    """The placeholder for the color of a series; they repeat after SERIES of them."""
    return f"#00f1{series % SERIES:02x}"


def element(figure: Figure, name: str, label: str) -> str:
    """The figure as HTML; label is its text alternative."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata=NO_METADATA)
    root = ElementTree.fromstring(text.getvalue())
    _tidy(root, name, set(REFERENCE.findall(text.getvalue())))
    view = {"class": "plot", "viewBox": root.attrib["viewBox"]}
    root.attrib = view | {"role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode")


def _tidy(node: Element, name: str, used: set[str]) -> None:
    """Mutates node: removes what the page does not need; used: the identifiers it refers to."""
    node.tag = node.tag.rpartition("}")[2]
    node.tail = None
    if node.tag != "text":
        node.text = None
    node.attrib = {
        key.rpartition("}")[2]: _attribute(key, value, name)
        for key, value in node.attrib.items()
        if (key != "id" or value in used) and not value.startswith("rotate(-0 ")
    }
    for child in list(node):
        if child.tag.endswith(("}metadata", "}style")):  # such a style would rule the whole page
            node.remove(child)
        else:
            _tidy(child, name, used)


def _attribute(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href"):
        return f"#{name}-{value[1:]}"
    value = value.replace("url(#", f"url(#{name}-")
    value = re.sub(r"#00f[01]\w\w", lambda match: f"var(--{NAMES[match[0]]})", value)
    value = re.sub(r"font: ([\d.]+px)[^;]*", r"font-size: \1", value)
    value = re.sub(r"font-family: [^;]*;?", "", value)
    return re.sub(r"(\d\.\d\d)\d+", r"\1", value)  # of a pixel
