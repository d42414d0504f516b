"""Pages of HTML from the templates in this folder."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from mlpcli.version import __version__


def environment() -> Environment:
    """Where templates are found; every value is escaped, and one that is missing is an error.

    Each can say `version`.
    """
    made = Environment(
        loader=PackageLoader("mlpcli", "show"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["version"] = __version__
    return made
