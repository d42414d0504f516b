r"""The many spellings of mathematics made into one: LaTeX and Unicode become what grammar.py reads.

>>> sides(r"\frac{\partial}{\partial x} x² &= 2 \cdot x")
['∂/∂x x^{2}', '2 · x']
"""
# ruff: noqa: RUF001  # it is about characters that look like others

import re
import unicodedata

from mlpcli.checks.questions.shorthand import written_out

MAX_LENGTH = 2000  # characters of an answer
MAX_NESTING = 40  # open brackets at once
MAX_DIGITS = 15  # of a number

OPEN, CLOSE = "([{", ")]}"
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀⁱʲᵏⁿˣᵇ", "0123456789+-()Tijknxb", strict=True))
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ᵢⱼₖₗₘₙₑ", "0123456789+-()ijklmne", strict=True))
SYMBOLS = str.maketrans(
    {
        **dict.fromkeys("−‐‑‒–—﹣", "-"),
        **dict.fromkeys("⋅∙•⸱", "·"),
        **dict.fromkeys("∗✕⨉⨯", "*"),
        **dict.fromkeys("′’ʹ`´", "'"),
        **dict.fromkeys("∑Σ", " sum "),
        **dict.fromkeys("⊤⊺", "T"),
        **dict.fromkeys("\u00a0\u2009\u202f\u2062\u200b\t", " "),
        "÷": "/",
        "⨂": "⊗",
        "←": "=",
        "ℝ": "R",
        "∕": "/",
        "⟂": "T",
    }
)
LAYOUT = re.compile(  # what LaTeX needs for its looks only
    r"\\(left|right|[bB]igg?[lr]?|displaystyle|limits|nolimits|quad|qquad|[,;:!> ])(?![a-zA-Z])"
    r"|\\(begin|end)\s*\{[a-z*]+\}|\\[\[\]]|[$&]"
)
NAMED_TEXT = re.compile(r"\\(?:text|mathrm|mathbf|mathit|operatorname|textrm|bm)\s*\{([^{}]*)\}")
COMMANDS = {
    "cdot": "·", "times": "*", "otimes": "⊗", "odot": "⊙", "partial": "∂", "nabla": "∇",
    "grad": "∇",
    "circ": "∘", "sum": " sum", "ne": "≠", "neq": "≠", "top": "T", "prime": "'", "ast": "*",
    "dfrac": "\\frac", "tfrac": "\\frac", "intercal": "T", "epsilon": "ε", "varepsilon": "ε",
    "delta": "δ", "alpha": "α", "eta": "η", "lambda": "λ", "mu": "μ", "sigma": "σ", "star": "*",
    "lvert": "|", "rvert": "|", "vert": "|",
}  # fmt: skip  # a table
COMMAND = re.compile(r"\\([a-zA-Z]+)")
FRACTION = re.compile(
    r"\\frac\s*\{\s*(?:∂|d)\s*\}\s*\{\s*(?:∂|d)\s*([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}"
)
PARTIAL = re.compile(r"\\fpartial\s*\{\s*\}\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
PARTIAL_OF = re.compile(r"\\fpartial\s*\{([^{}]+(?:\{[^{}]*\}[^{}]*)*)\}\s*\{")
INFIX = re.compile(r"(?:(?<=[\w)\]}'])|(?<=y\*))\s*(?<!\.)\b(outer|dot|times)\b\s*(?=[\w({\\∂∇])")
STEP = re.compile(r"(?:(?<![\w.])[1I] ?)?[(\[{] ?([^<>()\[\]{}=]+?) ?> ?0(?:\.0*)? ?[)\]}]")
LETTERS = {  # words that stand for a letter
    "η": re.compile(r"(?<![A-Za-z_\\])(lr|eta|alpha|α|learning_rate)(?!\w)"),
    "λ": re.compile(r"(?<![A-Za-z_\\])(wd|decay|weight_decay|lambda)(?!\w)"),
    "ε": re.compile(r"(?<![A-Za-z_\\])(eps|epsilon)(?!\w)"),
    "μ": re.compile(r"(?<![A-Za-z_\\])(mu|mean)(?![\w(]| \()"),
    "σ": re.compile(r"(?<![A-Za-z_\\])sigma(?!\w)"),
    "v": re.compile(r"(?<![A-Za-z_\\])(var|variance)(?![\w(])"),
}
U_HAT = re.compile(r"(?<![A-Za-z])u_?hat(?![A-Za-z])|\\hat *(\{ *u *\}|u(?![A-Za-z0-9]))|u\u0302")
WORDS = {"outer": " ⊗ ", "dot": " · ", "times": " * "}


class UnreadableError(ValueError):
    """What was written is not a formula; the message says why."""


def sides(text: str) -> list[str]:
    """The sides of the equations in an answer, normalized, in their order; at least one.

    Raises UnreadableError for text that is too long or nested too deeply, and for an empty one.
    """
    if len(text) > MAX_LENGTH:
        raise UnreadableError(f"it has {len(text)} characters; at most {MAX_LENGTH} are read")
    found = [side for line in _split(normalized(text), "\n") for side in _split(line, "=")]
    cleaned = [side.strip().rstrip(".,;").strip() for side in found]
    if not (filled := [side for side in cleaned if side]):
        raise UnreadableError("it is empty")
    return filled


def normalized(text: str) -> str:
    """The text in the characters that the grammar knows; line ends stay, as \\n."""
    text = "".join(map(_plain, text)).translate(SYMBOLS)
    text = re.sub(r"\\{1,2}[\[\]](?! ?\d)", " ", text)  # around displayed LaTeX
    if "\\" in text:  # LaTeX, where the end of a line is a space and two backslashes end a line
        text = re.sub(r"\\\\", "\v", re.sub(r"[\r\n]", " ", text)).replace("\v", "\n")
    text = _scripts(_scripts(text, SUPERSCRIPTS, "^"), SUBSCRIPTS, "_")
    text = U_HAT.sub("û", text)
    text = NAMED_TEXT.sub(r" \1 ", text)
    text = re.sub(r"(?<=[a-z]) +'", "'", text)  # \mathrm{relu}'
    text = LAYOUT.sub(" ", text)
    text = COMMAND.sub(_command, text)
    text = re.sub(r"(?<=[\w)\]}*]) \. (?=[\w(])", " · ", text)
    text = re.sub(r"(?<!\\)\bfrac(?= ?\{)", r"\\frac", text)
    text = re.sub(r"\\frac ?(\w) ?(\w)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\^ ?(\{ ?' ?\}|')", "'", text)
    text = FRACTION.sub(r"∂/∂\1 ", text)
    text = PARTIAL.sub(r"∂/∂\1 ", text)
    text = PARTIAL_OF.sub(r"\\frac{∂\1}{∂", text)
    for letter, word in LETTERS.items():
        text = word.sub(letter, text)
    text = re.sub(r"\bsum over ([i-n])( of)?\b", r"sum_\1", text)
    text = written_out(text)
    text = STEP.sub(r" relu'(\1)", text)  # (z2 > 0) is 1 or 0
    text = re.sub(r"\bouter product of ([^,]+?) and (.+)", r"outer(\1, \2)", text)
    text = re.sub(r"\.reshape\( ?-1 ?, ?1 ?\)", "[:, None]", text)
    text = re.sub(r"\.reshape\( ?1 ?, ?-1 ?\)", "[None, :]", text)
    text = INFIX.sub(lambda match: WORDS[match[1]], text)
    text = re.sub(r"\bouter\b", " outerof", text)
    return re.sub(r"[ ]+", " ", text)


def as_tuple(text: str) -> str:
    """A shape as a tuple: also `256 x 10`, `[256, 10]`, `256 rows and 10 columns`, `10`.

    >>> as_tuple("256 x 10"), as_tuple("[10]"), as_tuple("The shape is (10,). There are 10.")
    ('(256, 10)', '(10,)', '(10,)')
    """
    text = re.sub(r"[×⨯;]|\band\b", ",", text)
    text = re.sub(r"(\w+) columns?[, ]+(\w+) rows?", r"\2, \1", text)
    if found := re.search(r"[(\[]([\w\s]+(,[\w\s]*)*)[)\]]", text):
        text = found[1]
    text = re.sub(r"(?<=\w) ?(-by-|\bby\b|x|X|\*) ?(?=\w)", ", ", normalized(text))
    text = re.sub(r"\b(?:a |the )?-?[A-Za-z]{2,}\b|R ?\^|-|[{}.:]", " ", text)  # but for letters
    text = re.sub(r"(?<=\d) +(?=\d)", ", ", text)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _plain(char: str) -> str:
    """A letter of a mathematical alphabet or of double width as the plain one."""
    wide = "\U0001d400" <= char <= "\U0001d7ff" or "\uff01" <= char <= "\uff5e"
    return unicodedata.normalize("NFKC", char) if wide else char


def _scripts(text: str, table: dict[str, str], mark: str) -> str:
    """Raised or lowered characters as a group behind a mark: x² is x^{2}."""
    pattern = f"[{''.join(table)}]+"
    return re.sub(pattern, lambda m: f"{mark}{{{''.join(table[c] for c in m[0])}}}", text)


def _command(match: re.Match[str]) -> str:
    name = match[1]
    braced = match.string[match.end() :].lstrip()[:1] in ("{", "[")
    if name in ("frac", "fpartial") or (name == "sqrt" and braced):
        return match[0]
    return COMMANDS.get(name, f" {name}")


def _split(text: str, mark: str) -> list[str]:
    """The text between marks that stand in no brackets.

    Raises UnreadableError if a bracket has no partner.
    """
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in OPEN) - (char in CLOSE)
        if depth > MAX_NESTING:
            raise UnreadableError("brackets are nested too deeply")
        if depth < 0:
            raise UnreadableError(f"{char!r} closes nothing")
        if char == mark and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    if depth:
        raise UnreadableError("a bracket is not closed")
    return [*parts, text[start:]]
