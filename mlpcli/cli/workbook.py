"""`mlp workbook`: questions and their answers, and the statements that prove them."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from mlpcli.cli.options import GradescopeOpt, JsonOpt, JunitOpt, MarkdownOpt, flag
from mlpcli.cli.output import ask, echo, print_result, say
from mlpcli.errors import CheckFailed, ConfigError, Interrupted

if TYPE_CHECKING:
    from mlpcli.api.workbook_session import Questions, Session


def workbook(
    section: Annotated[
        str | None,
        Option(metavar="NAME", help="Only a section, such as z3, or a workbook, such as 01."),
    ] = None,
    question: Annotated[
        str | None, Option(metavar="ID", help="Only one question, such as W3.13.")
    ] = None,
    list_: Annotated[bool, flag("--list", "List the questions and your progress.")] = False,
    restart: Annotated[bool, flag("--restart", "Forget the answers, and begin again.")] = False,
    template: Annotated[bool, flag("--template", "Print a file for answers, and exit.")] = False,
    answers: Annotated[
        Path | None, Option(metavar="FILE", help="Judge the answers in a file.")
    ] = None,
    rubric: Annotated[
        Path | None, Option(metavar="FILE", help="Points by question, such as `W3.13: 2`, in YAML.")
    ] = None,
    notebook: Annotated[
        Path | None, Option(metavar="FILE.ipynb", help="Write a notebook with the questions.")
    ] = None,
    verify: Annotated[bool, flag("--verify", "Check every statement on the full network.")] = False,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    junit: JunitOpt = None,
    gradescope: GradescopeOpt = None,
) -> None:
    """Work through the backprop workbooks.

    Asks their questions, gives hints and judges your answers.

    An answer is judged by its value, not its spelling. Progress is kept, so you can stop
    at any time.

    --answers judges a file instead; a wrong or blank answer exits with 1.

    --verify proves the answers: each statement of the workbooks is measured on the
    network with one image; a statement that does not hold exits with 1.

    Examples:

    \b
      mlp workbook
      mlp workbook --section z3
      mlp workbook --question W3.13
      mlp workbook --list
      mlp workbook --section 01 --template > answers.yaml
      mlp workbook --section 01 --answers answers.yaml
      mlp workbook --answers answers.yaml --rubric points.yaml
      mlp workbook --section 01 --notebook workbook.ipynb
      mlp workbook --verify
      mlp workbook --verify --question 2.21
    """
    modes = {
        "--verify": verify,
        "--answers": answers,
        "--template": template,
        "--notebook": notebook,
        "--list": list_,
        "--restart": restart,
    }
    form = {"--json": json, "--markdown": markdown}
    _refuse_combinations(
        [name for name, value in modes.items() if value],
        {**form, "--junit": junit, "--rubric": rubric, "--gradescope": gradescope},
    )
    if verify:
        _verify(section, question, json=json, markdown=markdown, junit=junit)
        return

    from mlpcli.api import workbook_progress
    from mlpcli.api.workbook_answers import template as blank
    from mlpcli.api.workbook_session import begin, select

    chosen = select(section, question)
    if template:
        echo(blank(chosen, command=_judging(section, question)), nl=False)
    elif notebook:
        from mlpcli.api.workbook_notebook import write

        write(notebook, chosen)
        say(f"notebook: {notebook}")
    elif answers:
        _judge(
            answers,
            chosen,
            rubric=rubric,
            json=json,
            markdown=markdown,
            junit=junit,
            gradescope=gradescope,
        )
    elif list_:
        from mlpcli.show.workbook_session import list_json, list_text

        progress = workbook_progress.load()
        print_result(
            chosen, lambda q: list_text(q, progress), lambda q: list_json(q, progress), json=json
        )
    else:
        if restart:
            workbook_progress.restart(chosen)
        _converse(begin(chosen, again=question is not None), whole=len(chosen) > 1)


ALLOWED = {  # options of output, and what they go with
    "--json": ("--verify", "--list", "--answers"),
    "--markdown": ("--verify", "--answers"),
    "--junit": ("--verify", "--answers"),
    "--rubric": ("--answers",),
    "--gradescope": ("--answers",),
}


def _refuse_combinations(modes: list[str], outputs: dict[str, object]) -> None:
    if len(modes) > 1:
        raise ConfigError(f"{modes[0]}: cannot be combined with {modes[1]}; give one of them")
    for name, value in outputs.items():
        if value and not set(modes) & set(ALLOWED[name]):
            raise ConfigError(f"{name}: works only with {' or '.join(ALLOWED[name])}")


def _judging(section: str | None, question: str | None) -> str:
    """The command that judges a file of answers to these questions."""
    options = {"--section": section, "--question": question}
    parts = [f"{name} {shlex.quote(text.strip())} " for name, text in options.items() if text]
    return f"mlp workbook {''.join(parts)}--answers FILE"


def _judge(
    file: Path,
    questions: "Questions",
    *,
    rubric: Path | None,
    json: bool,
    markdown: bool,
    junit: Path | None,
    gradescope: Path | None,
) -> None:
    from mlpcli.api.workbook_answers import judge_file
    from mlpcli.show import gradescope as results
    from mlpcli.show.junit import report
    from mlpcli.show.workbook_answers import as_blocks, as_json, as_text, cases, summary, tests

    name = "workbook --answers"
    with report(junit, name) as found, results.report(gradescope, name) as scores:
        result = judge_file(file, questions, rubric=rubric)
        found += cases(result)
        scores += tests(result)
    print_result(result, as_text, as_json, blocks=as_blocks, json=json, markdown=markdown)
    if not result.ok:
        raise CheckFailed(f"{file}: {summary(result)}")


def _verify(
    section: str | None, question: str | None, *, json: bool, markdown: bool, junit: JunitOpt
) -> None:
    from mlpcli.api import workbook as api
    from mlpcli.api.workbook_session import select
    from mlpcli.show.activity import activity
    from mlpcli.show.junit import report
    from mlpcli.show.workbook import as_blocks, as_json, as_text, cases, summary

    chosen = api.proving(select(section, question))
    with report(junit, "workbook --verify") as statements:
        with activity("checking every statement", quiet=json):
            result = api.verify(chosen)
        statements += cases(result)
    print_result(result, as_text, as_json, blocks=as_blocks, json=json, markdown=markdown)
    if not result.ok:
        raise CheckFailed(summary(result))


def _converse(session: "Session", *, whole: bool) -> None:
    """Ask one question after the other, until all are asked or the learner stops."""
    from mlpcli.api import workbook_progress
    from mlpcli.show import workbook_session as show

    file = workbook_progress.path()
    try:
        if whole:
            say(show.opening(session.chosen, session.progress))
        while question := session.question:
            say(show.question_text(question, session.position + 1, len(session.questions)))
            while session.question is question:
                line = _answer()
                if line is None or line.strip().lower() == "quit":
                    say(show.closing(session.chosen, session.progress, file))
                    return
                say(show.reply_text(session.reply(line)))
        if whole:
            say(show.closing(session.chosen, session.progress, file))
    except KeyboardInterrupt as err:
        number = err.args[0] if err.args else 2
        raise Interrupted(f"progress is kept in {file}", number) from err


def _answer() -> str | None:
    """What is typed: a line, or several where the first is not finished; a blank one ends them."""
    from mlpcli.api.workbook_session import is_unfinished

    text = ask("> ")
    while text and is_unfinished(text) and (more := ask(". ")):
        text += f"\n{more}"
    return text
