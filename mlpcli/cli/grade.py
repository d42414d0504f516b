"""`mlp grade`: is a learner's own backward pass right?"""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from mlpcli.cli.options import GradescopeOpt, JsonOpt, JunitOpt, MarkdownOpt, flag, refuse_beside
from mlpcli.cli.output import echo, print_result
from mlpcli.errors import CheckFailed, ConfigError


def grade(
    file: Annotated[
        Path | None, Argument(metavar="FILE.py", help="The file to grade; its code is run.")
    ] = None,
    template: Annotated[bool, flag("--template", "Print a file to start from, and exit.")] = False,
    style: Annotated[
        Literal["functions", "dict", "class"] | None,
        Option(help="Style of the template (default: functions)."),
    ] = None,
    timeout: Annotated[
        int | None,
        Option(metavar="S", min=1, max=3600, help="Time limit in seconds (default: 10)."),
    ] = None,
    seed: Annotated[
        int | None,
        Option(
            metavar="N",
            min=0,
            help="Draw inputs, number of images and widths from a seed (default: fixed).",
        ),
    ] = None,
    strict: Annotated[
        bool, flag("--strict", "Reject other arrays beside gradients, and low precision.")
    ] = False,
    rubric: Annotated[
        Path | None, Option(metavar="FILE", help="Points by step, such as `grad_z3: 2`, in YAML.")
    ] = None,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    junit: JunitOpt = None,
    gradescope: GradescopeOpt = None,
) -> None:
    """Grade your own backward pass, step by step.

    This runs the code in FILE.py.

    Each step is checked independently, so one mistake is counted once. A wrong step
    exits with 1, and the mistake is named if it is recognized.

    Examples:

    \b
      mlp grade --template > mywork.py
      mlp grade mywork.py
      mlp grade --template --style class > mywork.py
      mlp grade mywork.py --seed 84310 --strict --json
      mlp grade mywork.py --rubric points.yaml --gradescope results.json
    """
    if template:
        limits = {"--timeout": timeout, "--seed": seed is not None, "--strict": strict}
        files = {"FILE.py": file, "--rubric": rubric, "--gradescope": gradescope, "--junit": junit}
        form = {"--json": json, "--markdown": markdown}
        refuse_beside("--template", {**files, **limits, **form})
    if not file and not template:
        raise ConfigError("FILE.py: name a file to grade, or give --template to start one")
    if style and not template:
        raise ConfigError("--style: works only with --template")

    from mlpcli.api import grade as api
    from mlpcli.show import gradescope as results
    from mlpcli.show.activity import activity
    from mlpcli.show.grade import as_blocks, as_json, as_text, cases, score, tests
    from mlpcli.show.junit import report

    if not file:
        echo(api.template(style or "functions"), nl=False)
        return
    with report(junit, "grade") as steps, results.report(gradescope, "grade") as scores:
        with activity(f"grading {file}", quiet=json):
            result = api.grade(file, timeout=timeout or 10, seed=seed, strict=strict, rubric=rubric)
        steps += cases(result)
        scores += tests(result)
    print_result(result, as_text, as_json, blocks=as_blocks, json=json, markdown=markdown)
    if not result.ok:
        raise CheckFailed(f"{file}: {score(result)}")
