"""`mlp gradcheck`: is the hand-derived gradient right, and can the check be trusted?"""

from pathlib import Path
from typing import Annotated, NamedTuple

from typer import Option

from mlpcli.cli.grade import grade
from mlpcli.cli.options import (
    ConfigOpt,
    DataOpt,
    JsonOpt,
    JunitOpt,
    MarkdownOpt,
    OverwriteFileOpt,
    RunOpt,
    SetOpt,
    WeightsOpt,
    chosen_run,
    flag,
    refuse_beside,
    require_run,
    say_weights,
)
from mlpcli.cli.output import moved, print_result
from mlpcli.cli.settings import Settings, SettingsArg, read_settings, refuse_settings_of
from mlpcli.cli.workbook import workbook as workbook_
from mlpcli.errors import CheckFailed, ConfigError


class Form(NamedTuple):
    """How a result is printed, and where its checks are written."""

    json: bool
    markdown: bool
    junit: Path | None


def gradcheck(
    words: SettingsArg = None,
    config: ConfigOpt = None,
    set_: SetOpt = None,
    data: DataOpt = None,
    run: RunOpt = None,
    weights: WeightsOpt = "auto",
    quick: Annotated[bool, flag("--quick", "Only the complex step, in about a second.")] = False,
    self_test: Annotated[bool, flag("--self-test", "Test the checker with injected bugs.")] = False,
    sweep: Annotated[
        bool, flag("--sweep", "Show the error of finite differences against their step.")
    ] = False,
    png: Annotated[
        Path | None, Option(metavar="FILE", help="Draw the sweep into a PNG file.")
    ] = None,
    overwrite: OverwriteFileOpt = False,
    workbook: Annotated[bool, Option("--workbook", hidden=True)] = False,
    backward: Annotated[Path | None, Option(hidden=True)] = None,
    template: Annotated[bool, Option("--template", hidden=True)] = False,
    timeout: Annotated[int | None, Option(min=1, max=3600, hidden=True)] = None,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    junit: JunitOpt = None,
) -> None:
    """Check the gradient of every parameter.

    The hand-derived gradient is compared with numeric derivatives. A wrong
    gradient exits with 1, and the mistake is named if it is recognized.

    Examples:

    \b
      mlp gradcheck
      mlp gradcheck mnist --json
      mlp gradcheck --run latest --quick
      mlp gradcheck --self-test
    """
    form = Form(json, markdown, junit)
    modes = {
        "--self-test": self_test,
        "--sweep": sweep or png,
        "--workbook": workbook,
        "--backward": backward,
        "--template": template,
    }
    problem: dict[str, object] = {
        "a config": words,
        "--config": config,
        "--set": set_,
        "--data": data,
        "--run": run,
        "--weights": weights != "auto",
        "--quick": quick,
    }
    for mode in [mode for mode, value in modes.items() if value]:
        others = {option: value for option, value in modes.items() if option != mode}
        refuse_beside(mode, {**others, **problem})
    if overwrite and not png:
        raise ConfigError("--overwrite: works only with --png")
    if timeout and not backward:
        raise ConfigError("--timeout: is an option of `mlp grade`")
    settings = read_settings(words, config, set_, {"data.name": data})
    refuse_settings_of(run, settings)
    require_run(run, weights)
    if template or backward:
        old, new = ("template", "--template") if template else ("backward", "FILE.py")
        moved(f"mlp gradcheck --{old}", f"mlp grade {new}")
        grade(backward, template=template, timeout=timeout, **form._asdict())
    elif workbook:
        moved("mlp gradcheck --workbook", "mlp workbook --verify")
        workbook_(verify=True, **form._asdict())
    elif self_test:
        _test_itself(form)
    elif sweep or png:
        _sweep(png, form, overwrite=overwrite)
    else:
        _check(settings, run, form, weights=weights, quick=quick)


def _test_itself(form: Form) -> None:
    from mlpcli.api.gradcheck import self_test
    from mlpcli.show import activity
    from mlpcli.show import gradcheck as show
    from mlpcli.show.junit import report

    with report(form.junit, "gradcheck --self-test") as cases:
        tested = activity.run(self_test(), "testing the gradient check", quiet=form.json)
        cases += show.self_test_cases(tested)
    print_result(
        tested,
        show.self_test_as_text,
        show.self_test_as_json,
        blocks=show.self_test_as_blocks,
        json=form.json,
        markdown=form.markdown,
    )
    if not tested.ok:
        raise CheckFailed("the gradient check missed a mutant or accused a correct network")


def _sweep(png: Path | None, form: Form, *, overwrite: bool) -> None:
    from mlpcli.api.gradcheck import step_sizes
    from mlpcli.show import activity, figure
    from mlpcli.show import step_size as show
    from mlpcli.show.junit import report

    if png:
        figure.claim(png, overwrite=overwrite)
    with report(form.junit, "gradcheck --sweep") as cases:
        with activity.activity("measuring the error at each step", quiet=form.json):
            sizes = step_sizes()
        cases += show.cases(sizes)
    if png:
        show.png(png, sizes.curves)
    print_result(
        sizes,
        show.as_text,
        show.as_json,
        blocks=show.as_blocks,
        json=form.json,
        markdown=form.markdown,
    )
    if not sizes.ok:
        raise CheckFailed(show.summary(sizes.curves))


def _check(
    settings: Settings, run: str | None, form: Form, *, weights: WeightsOpt, quick: bool
) -> None:
    from mlpcli.api.gradcheck import check
    from mlpcli.show import activity
    from mlpcli.show import gradcheck as show
    from mlpcli.show.junit import report

    with report(form.junit, "gradcheck") as cases:
        folder = chosen_run(run) if run else None
        with activity.activity("checking the gradient", quiet=form.json):
            result = check(*settings, run=folder, weights=weights, quick=quick)
        cases += show.cases(result)
    say_weights(weights, *([folder] if folder else []))
    print_result(
        result,
        show.as_text,
        show.as_json,
        blocks=show.as_blocks,
        json=form.json,
        markdown=form.markdown,
    )
    if not result.ok:
        raise CheckFailed(show.summary(result))
