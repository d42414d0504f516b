"""`mlp summary`: the layers of a network and what they cost."""

from mlpcli.cli.options import ConfigOpt, JsonOpt, RunOpt, SetOpt, chosen_run
from mlpcli.cli.output import print_result
from mlpcli.cli.settings import SettingsArg, read_settings, refuse_settings_of


def summary(
    words: SettingsArg = None,
    config: ConfigOpt = None,
    set_: SetOpt = None,
    run: RunOpt = None,
    json: JsonOpt = False,
) -> None:
    """Show layers, shapes, parameters and FLOPs.

    Examples:

    \b
      mlp summary
      mlp summary mnist network.hidden=800
      mlp summary --run first --json
    """
    given = read_settings(words, config, set_, {})
    refuse_settings_of(run, given)

    from mlpcli.api.summary import summarize_config, summarize_run
    from mlpcli.show.summary import as_json, as_text

    result = summarize_run(chosen_run(run)) if run else summarize_config(*given)
    print_result(result, as_text, as_json, json=json)
