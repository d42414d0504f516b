"""Help as plain text, which needs none of rich's imports: they would take most of its time."""

import re
from typing import Annotated, Any

import typer
from typer import Argument
from typer.core import TyperGroup

from mlpcli.cli.output import echo
from mlpcli.errors import ConfigError

HelpFormatter: Any = typer.Context.formatter_class
UNBREAKABLE_HYPHEN = "\u2011"


class Formatter(HelpFormatter):  # type: ignore[misc]  # Typer has no public name for it
    """Breaks lines between words alone, and an example where a shell lets it continue."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how the command is used."""
        super().write_usage(prog, _unnested(args), prefix)

    def write_text(self, text: str) -> None:
        """Write paragraphs; those that begin with a backspace are kept line by line."""
        width = self.width - self.current_indent
        paragraphs = [
            "\n".join(_continued(line, width) for line in each.split("\n"))
            if "\b" in each
            else each
            for each in text.split("\n\n")
        ]
        super().write_text(_unbreakable("\n\n".join(paragraphs)))

    def write_dl(self, rows: Any, *args: Any, **options: Any) -> None:
        """Write terms beside their definitions."""
        rows = [(_unbreakable(_plain(term)), _unbreakable(text)) for term, text in rows]
        super().write_dl(rows, *args, **options)

    def getvalue(self) -> str:
        """The text that was written."""
        return str(super().getvalue()).replace(UNBREAKABLE_HYPHEN, "-")


class Context(typer.Context):
    """The context of a command whose help has this format."""

    formatter_class = Formatter


class Group(TyperGroup):
    """Lists its commands with their whole first sentence, where Typer would cut it short."""

    context_class = Context

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for command in self.commands.values():
            command.context_class = Context

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the section of commands."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in commands:
            if command is not None and not command.hidden:
                section = getattr(command, "rich_help_panel", None) or "Commands"
                summary = command.get_short_help_str(limit=1000)
                sections.setdefault(section, []).append((name, summary))
        width = max(len(name) for rows in sections.values() for name, _ in rows)
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in rows])


def _continued(line: str, width: int) -> str:
    r"""An example that is wider than the terminal on several lines, to be copied at once.

    >>> print(_continued("  mlp train --name 'a b' --epochs 5", 25))
      mlp train \
          --name 'a b' \
          --epochs 5
    >>> print(_continued("  it's an apostrophe", 9))
      it's \
          an \
          apostrophe
    """
    if len(line) <= width:
        return line
    lines = [""]
    margin = re.match(" *", line)[0] + "    "  # type: ignore[index]  # matches always
    for words in re.findall(r"\s*(?:-\S+ )?(?:'[^']*'|\S)+", line):
        if lines[-1] and len(lines[-1]) + len(words) + 2 > width:
            lines.append(margin + words.lstrip())
        else:
            lines[-1] += words
    return " \\\n".join(lines)


def _unnested(usage: str) -> str:
    """Words that say themselves that they are optional or repeated, without the parser's marks.

    >>> _unnested("[OPTIONS] [[RUN]]"), _unnested("[[RUN]...]..."), _unnested("{RUN...}...")
    ('[OPTIONS] [RUN]', '[RUN]...', 'RUN...')
    >>> _unnested("[[NAME|PATH] [KEY=VALUE]...]...")
    '[NAME|PATH] [KEY=VALUE]...'
    """
    usage = re.sub(r"\[((?:\[[^\[\]]*\](?:\.\.\.)? ?)+)\](?:\.\.\.)?", r"\1", usage)
    return re.sub(r"\{(.*?)\}\.\.\.", r"\1", usage)


def _plain(term: str) -> str:
    """An argument or option without its type, choices without brackets.

    >>> _plain("RUN... <list[str]>"), _plain("--split <test|train>")
    ('RUN...', '--split test|train')
    """
    return re.sub(r"<(\w+(?:\|\w+)+)>", r"\1", re.sub(r" <[\w\[\]]+>", "", term))


def _unbreakable(text: str) -> str:
    return text.replace("-", UNBREAKABLE_HYPHEN)


def help_(
    ctx: typer.Context,
    words: Annotated[list[str] | None, Argument(metavar="[COMMAND]...", show_default=False)] = None,
) -> None:
    """Show the help of a command.

    Examples:

    \b
      mlp help train
    """
    context: Any = ctx.find_root()
    for word in words or []:
        command = getattr(context.command, "commands", {}).get(word)
        if command is None:
            raise ConfigError(f"no such command {word!r}; see `{context.command_path} --help`")
        context = Context(command, info_name=word, parent=context)
    echo(context.get_help())
