"""`mlp grade`: is a learner's own backward pass right?"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mlpcli.cli.options import JsonOpt, JunitOpt, flag
from mlpcli.cli.output import echo, print_result
from mlpcli.errors import CheckFailed, ConfigError


def grade(
    file: Annotated[
        Path | None, Argument(metavar="FILE.py", help="The file to grade; its code is run.")
    ] = None,
    template: Annotated[bool, flag("--template", "Print a file to start from, and exit.")] = False,
    timeout: Annotated[
        int, Option(metavar="S", min=1, max=3600, help="Time limit in seconds.")
    ] = 10,
    seed: Annotated[
        int | None,
        Option(metavar="N", min=0, help="Draw inputs, number of images and widths from a seed."),
    ] = None,
    strict: Annotated[
        bool, flag("--strict", "Refuse arrays that are no gradient in the result of backward.")
    ] = False,
    json: JsonOpt = False,
    junit: JunitOpt = None,
) -> None:
    """Grade your own backward pass, step by step. This runs the code in FILE.py.

    Each step is checked independently, so one mistake is counted once. A wrong step
    exits with 1, and the mistake is named if it is recognized.

    Examples:

    \b
      mlp grade --template > mywork.py
      mlp grade mywork.py
      mlp grade mywork.py --seed 84310 --strict --json
    """
    if file and template:
        raise ConfigError("--template: prints a file to start from; leave out FILE.py")
    if not file and not template:
        raise ConfigError("FILE.py: name a file to grade, or give --template to start one")

    from mlpcli.api import grade as api
    from mlpcli.show.grade import as_json, as_text, cases, score
    from mlpcli.show.junit import report

    if not file:
        echo(api.template(), nl=False)
        return
    with report(junit, "grade") as steps:
        result = api.grade(file, timeout=timeout, seed=seed, strict=strict)
        steps += cases(result)
    print_result(result, as_text, as_json, json=json)
    if not result.ok:
        raise CheckFailed(f"{file}: {score(result)}")
