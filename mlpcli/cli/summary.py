"""`mlp summary`: the layers of a network and what they cost."""

from mlpcli.cli.options import ConfigOpt, JsonOpt, RunOpt, SetOpt, refuse_settings_of
from mlpcli.cli.output import echo


def summary(
    config: ConfigOpt = None,
    set_: SetOpt = None,
    run: RunOpt = None,
    json: JsonOpt = False,
) -> None:
    """Show a network's layers: shapes, parameters, operations and memory.

    Examples:

      mlp summary

      mlp summary --config mnist --set 'network.hidden=[800]'

      mlp summary --run runs/first --json
    """
    refuse_settings_of(run, config, set_)

    from mlpcli.runs import checkpoint
    from mlpcli.runs import config as configs
    from mlpcli.runs.summary import summarize
    from mlpcli.show import summary as text

    if run:
        facts = checkpoint.of_run(run, "last").facts
        found = summarize(facts.config, classes=len(facts.classes))
    else:
        found = summarize(configs.load(config, set_ or []))
    echo(text.as_object(found) if json else text.as_text(found))
