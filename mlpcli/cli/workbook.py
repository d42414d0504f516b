"""`mlp workbook`: questions and their answers, and the statements that prove them."""

from typing import TYPE_CHECKING, Annotated

from typer import Option

from mlpcli.cli.options import JsonOpt, JunitOpt, flag
from mlpcli.cli.output import ask, print_result, say
from mlpcli.errors import CheckFailed, ConfigError, Interrupted

if TYPE_CHECKING:
    from mlpcli.api.workbook_session import Session


def workbook(
    section: Annotated[
        str | None, Option(metavar="NAME", help="Only a section, as z3, or a workbook, as 01.")
    ] = None,
    question: Annotated[
        str | None, Option(metavar="ID", help="Only one question, such as W3.13.")
    ] = None,
    list_: Annotated[bool, flag("--list", "List the questions and your progress.")] = False,
    restart: Annotated[bool, flag("--restart", "Forget the answers, and begin again.")] = False,
    verify: Annotated[bool, flag("--verify", "Check every statement on the full network.")] = False,
    json: JsonOpt = False,
    junit: JunitOpt = None,
) -> None:
    """Work through the backprop workbooks: questions, hints, and answers that are judged.

    An answer is judged by its value, at many points and on the 1024-512-256-10 network,
    and not by its spelling. Progress is kept, so that you can stop at any time.

    --verify proves the answers: each statement of the workbooks is measured on the
    network with one image; a statement that does not hold exits with 1.

    Examples:

    \b
      mlp workbook
      mlp workbook --section z3
      mlp workbook --question W3.13
      mlp workbook --list
      mlp workbook --verify
    """
    if verify:
        if section or question or list_ or restart:
            raise ConfigError("--verify: checks all statements; leave out the other options")
        _verify(json=json, junit=junit)
        return
    if junit or (json and not list_):
        raise ConfigError(f"{'--junit' if junit else '--json'}: goes with --verify")

    from mlpcli.api import workbook_progress
    from mlpcli.api.workbook_session import begin, select

    chosen = select(section, question)
    if restart:
        workbook_progress.restart(chosen)
    if list_:
        from mlpcli.show.workbook_session import list_json, list_text

        progress = workbook_progress.load()
        print_result(
            chosen, lambda q: list_text(q, progress), lambda q: list_json(q, progress), json=json
        )
        return
    _converse(begin(chosen, again=question is not None), whole=len(chosen) > 1)


def _verify(*, json: bool, junit: JunitOpt) -> None:
    from mlpcli.api import workbook as api
    from mlpcli.show.junit import report
    from mlpcli.show.workbook import as_json, as_text, cases, summary

    with report(junit, "workbook --verify") as statements:
        result = api.verify()
        statements += cases(result)
    print_result(result, as_text, as_json, json=json)
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
                line = ask("> ")
                if line is None or line.strip().lower() == "quit":
                    say(show.closing(session.chosen, session.progress, file))
                    return
                say(show.reply_text(session.reply(line)))
        if whole:
            say(show.closing(session.chosen, session.progress, file))
    except KeyboardInterrupt as err:
        number = err.args[0] if err.args else 2
        raise Interrupted(f"progress is kept in {file}", number) from err
