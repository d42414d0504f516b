"""`mlp workbook`: the derivation, statement by statement."""

from typing import Annotated

from mlpcli.cli.options import JsonOpt, JunitOpt, flag
from mlpcli.cli.output import print_result
from mlpcli.errors import CheckFailed, ConfigError


def workbook(
    verify: Annotated[bool, flag("--verify", "Check every statement on the full network.")] = False,
    json: JsonOpt = False,
    junit: JunitOpt = None,
) -> None:
    """Check that every statement of the backprop workbook is true in the program.

    Each is measured on the 1024-512-256-10 network with one image; a statement that
    does not hold exits with 1.

    Examples:

    \b
      mlp workbook --verify
    """
    if not verify:
        raise ConfigError("workbook: give --verify to check every statement")

    from mlpcli.api import workbook as api
    from mlpcli.show.junit import report
    from mlpcli.show.workbook import as_json, as_text, cases, summary

    with report(junit, "workbook --verify") as statements:
        result = api.verify()
        statements += cases(result)
    print_result(result, as_text, as_json, json=json)
    if not result.ok:
        raise CheckFailed(summary(result))
