r"""What people leave out, or write in words or as other programs do: h3i, 2logx, |x|, W3.dot(h).

>>> written_out("2lnx minus h3i"), written_out("torch.exp(x) over |x|")
('2 ln x - h3_i', 'exp(x) / (abs(x))')
"""

import re
from collections.abc import Callable

REASON = r"because|since|for|when|if|where|at"  # words that open a clause behind an answer
FUNCTIONS = "log|ln|exp|sqrt|sin|cos|tanh|relu|softmax|sum"
INDEX = r" *(:|None|newaxis|\d+|[i-n]{1,2}|\.\.\.|y ?_?\^? ?\{?(\*|star)\}?) *"
NUMBERS = {"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "ten": "10"}
NUMBERS |= {"none": "0", "nothing": "0", "half": "1/2", "quarter": "1/4", "fourth": "1/4"}
NUMBER = re.compile(  # with words around it: about minus one half of it
    r"(?:(?:about|only|just|all|exactly|by|(?:a )?factor(?: of)?) )?(minus |negative |[-+] ?)?"
    rf"(?:(?:a|one) (?=half|quarter|fourth))?({'|'.join(NUMBERS)}|[\d., _/]*\d)\.?"
    r"(?: (?P<rest>(?:of|[a-z]{3,})(?: [a-z]+)*))?"
)
SPOKEN = {"minus": "-", "plus": "+", "over": "/", "divided by": "/"}

VOCABULARY = re.compile(  # words that formulas are made of, and those of the rules below
    rf"{FUNCTIONS}|sinh|cosh|sech|cbrt|logsumexp|abs|outer|dot|matmul|transpose|diag|square|power|pow|"
    "subtract|multiply|divide|loss|cost|grad|dce|eta|alpha|decay|lambda|eps|epsilon|star|newaxis|"
    "mean|var|sigma|variance|hat|none|over|minus|plus|times|tensor|otimes|product"
)

Replacement = str | Callable[[re.Match[str]], str]
RULES: tuple[tuple[str, Replacement], ...] = (
    (r"(?im)^\s*(it is|it's|they are|the (answer|sign|shape) is) +", ""),
    (rf"(?m)(?<=\S)[,;]? +({REASON})\b.*$", ""),
    (r"<-(?! ?\d)|:=", "="),
    (r"(?m)^([^=\n]*[^=\s]) ?([-+])= ?([^=\n]+)$", r"\1 \2 (\3)"),  # W2 -= lr grad_W2
    # other programs
    (r"(?<![A-Za-z\\])(np|numpy|math|Math|torch|tf|jnp)\.(?=[A-Za-z])", " "),
    (r"\.(transpose|t)\( ?\)", ".T"),
    (r"\.(dot|matmul) ?(?=\()", " @ "),
    (r"\.astype\(\w+\)", ""),
    (r"\bwhere\(([^,()]+), ?1(\.0?)?, ?0(\.0?)?\)", r"(\1)"),
    (r"\.\*", "*"),
    # functions
    (rf"(?i)(?<![A-Za-z\\])({FUNCTIONS})(?![A-Za-z])", lambda m: m[0].lower()),
    (r"(?<![A-Za-z\\])([FG])(?='| ?\()", lambda m: m[1].lower()),
    (r"(?<![A-Za-z])(f|g|relu)_?prime(?![A-Za-z])", r"\1'"),
    (r"(?<![A-Za-z])exp ?(?=\^)|(?<![A-Za-z])E ?(?=\^|\*\*)", "e"),
    (r"(?<![A-Za-z\\])log_ ?(e\b|\{ ?e ?\})", "log "),
    (r"(?<![A-Za-z\\])([a-ce-z]?)(log|ln)([abxz])(?!\w)", r"\1 \2 \3"),
    (r"√", " sqrt"),
    (r"\\sqrt ?\[ ?3 ?\]", r"\\cbrt"),
    (r"∛|\^\{3\} sqrt|sqrt ?\[ ?3 ?\]", " cbrt"),
    (r"\b(log|ln|sin|cos|tanh|cosh|sech) ?\^ ?\{?(\d)\}? ?(\([^()]*\)|[a-z](?!\w))", r"(\1 \3)^\2"),
    (r"\\?\|([^|]+?)\\?\|", r"(abs(\1))"),
    # layers and indices
    (r"(?<![A-Za-z\\])([hzWHZ])\(([0-3])\)", r"\1\2"),
    (r"(?<![A-Za-ce-z_\\])([hzWwbHZB])_?([0-3])_?,? ?([ijk]{1,2})(?!\w)", r"\1\2_\3"),
    (r"(?<![A-Za-ce-z_\\])([hzWwyuHZY])([ijk]{1,2})(?![\w(])", r"\1_\2"),
    (r"(?<![A-Za-z\\])([hzWb]\d)\(([ijk](, ?[ijk])?)\)", r"\1_{\2}"),
    (r"\)([ijk]{1,2})(?![\w(])", r")_\1"),
    (r"_([i-n]),([i-n])(?!\w)", r"_{\1\2}"),
    (r"\bsum ?_? ?([i-n]) ?= ?(\d+) ?\^ ?\{?(\w+)\}?", r"sum_{\1=\2}^{\3}"),
    (r"\bsum ([i-n])(?![\w(_])", r"sum_\1"),
    (r"grad_?([HZB])(?=\d)", lambda m: f"grad_{m[1].lower()}"),
    (r"(?<![A-Za-z])([d∂]?) ?([Ll]oss|[Cc]ost)(?![A-Za-z]| ?\()", r"\1CE"),
    # products and transposes
    (r"(?<=[\w)\]}'])\.(?=[A-Za-z(∂∇])(?!(T|sum|mean|var|std|reshape|shape)\b)", " · "),
    (r"\bouter[ -]product (?!of\b)(with )?", "outer "),
    (r"(?<=[\w)\]}']) (otimes|tensor) (?=[\w(])", " outer "),
    (r"∘(?= ?\(?(relu|[zh]\d))", "*"),
    (r"(?<![A-Za-z])([hzWbHZB]\d?|[yY])(\^\{?t\}?(?!\w)|')", r"\1^T"),
    (r"(?<![A-Za-z])([hzWH]\d)T(?!\w)", r"\1^T"),
    (r"(\([^()]*(?:[hz][\d_]|\by\b)[^()]*\))(\^\{?t\}?(?!\w)|T(?!\w)|'(?! ?\())", r"\1^T"),
    (r"(?m)^\s*(minus|negative) (?=[\w(])", "-"),
    (
        r"(?<=[\w)\]}']) (minus|plus|over|divided by) (?=[\w({\\∂∇-])(?![i-n] of)",
        lambda m: f" {SPOKEN[m[1]]} ",
    ),
    (r"(\d) ?\\?%", r"\1/100"),
    (r"\[([^\[\]]*)\]", lambda m: m[0] if _is_index(m[1]) else f"({m[1]})"),
)
_RULES = [(re.compile(pattern), by) for pattern, by in RULES]


def written_out(text: str) -> str:
    """The text as the grammar expects it; what follows no rule stays as it is."""
    for pattern, by in _RULES:
        text = pattern.sub(by, text)
    return text.strip(" ")


def number(text: str) -> str:
    """A number in digits, where an answer is one; any other answer as it is.

    >>> number("minus one half"), number("657,920"), number("10 paths"), number("2 x")
    ('-1/2', '657920', '10', '2 x')
    >>> number("1 log"), number("4 times less")
    ('1 log', '4 times less')
    """
    found = NUMBER.fullmatch(" ".join(text.lower().split()).rstrip("."))
    if found and any(map(VOCABULARY.fullmatch, (found["rest"] or "").split())):
        found = None  # 0 softmax
    digits = found[2] if found else re.sub(r"(?<=\d) ?[xX] ?(?=\d)", " * ", text)
    sign = "-" if found and found[1] and found[1][0] in "mn-" else ""
    return sign + NUMBERS.get(digits, re.sub(r"(?<=\d)[, _](?=\d{3}(?!\d))", "", digits))


def unknown_word(text: str) -> str:
    """The first word of an answer that belongs to no formula; empty if there is none."""
    words = re.findall(r"(?<![A-Za-z\\])[A-Za-z]{3,}(?![A-Za-z])", text)
    return next((word for word in words if not VOCABULARY.fullmatch(word.lower())), "")


def _is_index(text: str) -> bool:
    return all(re.fullmatch(INDEX, part) for part in text.split(","))
