"""`mlp gradcheck`: is the hand-derived gradient right, and can the check be trusted?"""

from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.options import ConfigOpt, JsonOpt, RunOpt, SetOpt, refuse_settings_of
from mlpcli.cli.output import echo
from mlpcli.errors import CheckFailed, ConfigError


def gradcheck(
    config: ConfigOpt = None,
    set_: SetOpt = None,
    run: RunOpt = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The complex step alone, in about a second.")
    ] = False,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Check the check with planted faults.")
    ] = False,
    workbook: Annotated[
        bool, typer.Option("--workbook", help="Try every statement of the workbook.")
    ] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Show the error of a difference against its step.")
    ] = False,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Draw the sweep into a file.")
    ] = None,
    backward: Annotated[
        Path | None,
        typer.Option(
            "--backward",
            metavar="FILE.py",
            help="Judge your own backward pass, step by step. This runs the code in FILE.py.",
        ),
    ] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Print a file to start from, for --backward.")
    ] = False,
    timeout: Annotated[
        int,
        typer.Option(
            "--timeout", metavar="S", min=1, max=3600, help="Seconds that FILE.py may take."
        ),
    ] = 10,
    json: JsonOpt = False,
) -> None:
    """Compare the hand-derived gradient with numeric derivatives, for every parameter.

    Exit status 1 when it is wrong, with the mistake where one is recognised.

    Examples:

      mlp gradcheck

      mlp gradcheck --config mnist --json

      mlp gradcheck --run runs/first --quick

      mlp gradcheck --workbook

      mlp gradcheck --template > mywork.py

      mlp gradcheck --backward mywork.py
    """
    one_point = config or set_ or run or quick
    modes = [self_test, workbook, sweep or png, backward, template]
    if sum(map(bool, (one_point, *modes))) > 1:
        raise ConfigError(
            "gradcheck: --self-test, --workbook, --sweep, --backward and --template stand alone; "
            "leave the other options out"
        )
    if template or backward:
        _submission(backward, timeout=timeout, json=json)
        return
    if self_test:
        _self_test(json=json)
        return
    if workbook:
        from mlpcli.cli.workbook import workbook as walk

        walk(json=json)
        return
    if sweep or png:
        from mlpcli.cli.sweep import sweep as draw

        draw(json=json, png=png)
        return
    from mlpcli.checks.gradcheck import Verdict, check
    from mlpcli.runs import config as configs
    from mlpcli.runs import points
    from mlpcli.runs.seeds import stream
    from mlpcli.show import gradcheck as text

    refuse_settings_of(run, config, set_)
    chosen = [points.of_run(run)] if run else points.points(configs.derived(config, set_ or []))
    results: list[Verdict] = []
    total = 0
    for point in chosen:
        if not results and not json:
            echo(text.heading(point.problem, point.data))
            echo(text.RULE)
        total = text.parameters(point.problem)
        rng = stream(point.config.seed, "check", 2, len(results))
        results.append(check(point.problem, point=point.name, rng=rng, quick=quick))
        if not json:
            echo(text.verdict(results[-1]))
    echo(text.as_object(results, total) if json else f"\n{text.summary(results, total)}")
    if not all(result.ok for result in results):
        raise CheckFailed(text.summary(results, total))


def _self_test(*, json: bool) -> None:
    import numpy as np

    from mlpcli.checks import selftest
    from mlpcli.show import gradcheck as text

    trials = []
    for trial in selftest.trials(rng=np.random.default_rng(0)):
        trials.append(trial)
        if not json:
            echo(text.trial(trial))
    alarms = [
        verdict.point
        for verdict in selftest.correct(selftest.NETWORKS, rng=np.random.default_rng(1))
        if not verdict.right
    ]
    echo(text.self_tested(trials, alarms, selftest.NETWORKS, json=json))
    if alarms or not all(trial.killed and trial.diagnosed for trial in trials):
        raise CheckFailed("the gradient check missed a fault or accused a correct network")


def _submission(file: Path | None, *, timeout: int, json: bool) -> None:
    from mlpcli.runs import sandbox

    if file is None:
        echo(sandbox.template(), nl=False)
        return
    from mlpcli.checks import submission
    from mlpcli.show import submission as text

    problem = sandbox.workbook()
    result = submission.judge(problem, sandbox.run(file, problem, timeout=timeout))
    echo(text.as_object(result, file) if json else text.text(result, file, problem))
    if not result.ok:
        raise CheckFailed(f"{file}: {text.score(result)}")
