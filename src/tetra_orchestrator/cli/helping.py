"""What `--help` prints: commands in groups, examples one per line as they are typed, and the exit codes.

A command's docstring has the examples in its last paragraph: "Examples: `one`, `another`.", without the program's name.
"""

from __future__ import annotations

import re

from typer.core import TyperCommand, TyperGroup

from tetra_orchestrator.cli.commands import SECTIONS
from tetra_orchestrator.cli.exit_codes import EVERY, codes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The short name of the program, which the examples begin with.
SHORT = "tetra"
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

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        # an argument that has to be given stands without the braces that it has from Typer
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

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
        sections = SECTIONS if ctx.parent is None else {"Commands": self.list_commands(ctx)}
        longest = max(map(len, self.commands))
        for title, names in sections.items():
            shown = [(name, self.commands[name]) for name in names if not self.commands[name].hidden]
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{name:{longest}}", one.get_short_help_str(formatter.width)) for name, one in shown]
                )


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
