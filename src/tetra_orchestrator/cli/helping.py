"""What `--help` prints: commands in groups, examples one per line as they are typed, and the exit codes.

A command's docstring has the examples in its last paragraph: "Examples: `one`, `another`.", without the program's name.
"""

from __future__ import annotations

import re

from typer.core import TyperCommand, TyperGroup

from tetra_orchestrator.cli.exit_codes import EVERY, codes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: The short name of the program, which the examples begin with.
SHORT = "tetra"
#: The groups of commands; those of no group come last.
SECTIONS = {
    "Run": ("run", "plan", "resume", "retry", "backfill", "cancel"),
    "Look": ("status", "history", "list", "show", "why", "logs", "report"),
    "Schedules": ("schedule", "start", "stop", "pause", "unpause", "why-not", "fire"),
    "Watch": ("monitor", "alerts", "doctor"),
    "Configuration": ("init", "validate", "graph", "config", "schema"),
    "Store": ("prune", "cache", "state"),
}
OTHER = "Other"
_EXAMPLES = re.compile(r"(?:^|\n\n)Examples?: (`.*`)\.\s*$", re.DOTALL)


def prose_of(help_text: str) -> str:
    """The text without its examples."""
    return _EXAMPLES.sub("", help_text)


def examples_of(help_text: str) -> list[str]:
    """The examples in a text, without the program's name."""
    found = _EXAMPLES.search(help_text)
    return [" ".join(example.split()) for example in re.findall(r"`([^`]+)`", found[1])] if found else []


class Command(TyperCommand):
    """A command whose help ends in its examples and exit codes."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        _write_text(self, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_end(self, ctx, formatter)


class Group(TyperGroup):
    """The same for a command that has commands. Those of the whole program are shown in sections."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        _write_text(self, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_end(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections = list(self._sections()) if ctx.parent is None else [("Commands", self.list_commands(ctx))]
        longest = max(map(len, self.commands))
        for title, names in sections:
            shown = [(name, self.commands[name]) for name in names if not self.commands[name].hidden]
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{name:{longest}}", one.get_short_help_str(formatter.width)) for name, one in shown]
                )

    def _sections(self) -> Iterator[tuple[str, list[str]]]:
        """The commands by section, in its order."""
        left = dict.fromkeys(self.commands)
        for title, names in SECTIONS.items():
            found = [name for name in names if name in left]
            for name in found:
                del left[name]
            if found:
                yield title, found
        if left:
            yield OTHER, list(left)


def _write_text(command: Any, formatter: Any) -> None:
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(prose_of(command.help or ""))


def _write_end(command: Any, ctx: Any, formatter: Any) -> None:
    examples = examples_of(command.help or "")
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':{formatter.current_indent}}{SHORT} {example}\n")
    own = codes_of(ctx.command_path.split()[1:])
    with formatter.section("Exit codes"):
        formatter.write_text(f"{own}; `{SHORT} --help` has all." if ctx.parent else EVERY)
