"""Help as plain text, which needs none of rich's imports: they would take most of its time."""

from typing import Any

from typer.core import TyperGroup


class Group(TyperGroup):
    """Lists its commands with their whole first sentence, where Typer would cut it short."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the section of commands."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, c.get_short_help_str(limit=1000)) for name, c in commands if c is not None]
            )
