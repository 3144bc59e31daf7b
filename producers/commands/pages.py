"""Help pages: every one ends with examples to copy and the exit codes."""

from collections.abc import Sequence
from typing import Any, cast

import rich_click as click


class _Page:
    def __init__(self, *args: Any, examples: Sequence[str], codes: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.codes = codes

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write it as it stands: rich-click would join the lines."""
        del ctx
        lines = ["Examples:", *(f"  {each}" for each in self.examples), "", "Exit codes:"]
        lines += [f"  {each}" for each in self.codes.split("; ")]
        rich = cast(click.RichHelpFormatter, formatter)
        rich.write("\n".join(lines) + "\n", markup=False, highlight=False, soft_wrap=True)


class Command(_Page, click.RichCommand):
    """A command."""


class Group(_Page, click.RichGroup):  # type: ignore[misc]  # as rich-click itself does
    """The group; its commands stand in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)
