"""The Typer application: the one list of commands.

Only the command that was called is imported; all of them only for help, completion and mistakes.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from tetra_orchestrator.cli.main import PROGRAM
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Every command in the order of `--help`: a module of the same name (`_` for `-`) that holds `command`, or an `app`.
COMMANDS = (
    *("run", "resume", "retry", "status", "show", "logs", "cancel", "pause", "unpause", "validate", "graph"),
    *("config", "schema", "init", "schedule", "start", "stop", "fire", "why-not", "monitor", "doctor", "version"),
)

#: Commands that the documents of other systems show, and what there is instead in this version.
NOT_YET = {
    "list": "`tetra status` shows every pipeline's last run, `tetra show` the newest run",
}

HELP = "Run chains of data pipelines on the machine you have, with nothing resident between runs."
EXIT_CODES = (
    "Exit codes: 0 succeeded, 1 partial, 2 failed, 64 usage, 69 store unavailable, 70 our bug, 73 cannot write, "
    "75 not now, 77 permission, 78 configuration, 130/143 interrupted."
)


def build(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The application with these commands."""
    app = typer.Typer(name=PROGRAM, help=HELP, epilog=EXIT_CODES, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(_root)
    for name in names:
        module = import_module(f"tetra_orchestrator.cli.{name.replace('-', '_')}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.command)
    return app


def _root(
    context: typer.Context, show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> int:
    if show_version:
        from tetra_orchestrator.cli.version import command

        return command()
    if context.invoked_subcommand is None:
        print(context.get_help())
    return 0


def invoke(argv: Sequence[str]) -> int:
    """Parse and run one command line; returns its exit code. Raises `UsageError` for one that does not parse."""
    if argv and argv[0] in NOT_YET:
        raise UsageError(f"this version has no command '{argv[0]}' yet", hint=NOT_YET[argv[0]])
    known = argv[:1] if argv and argv[0] in COMMANDS else []
    command = get_command(build(known or COMMANDS))
    try:
        return int(command.main(args=list(argv), prog_name=PROGRAM, standalone_mode=False) or 0)
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)()
        hint = f"`{' '.join([PROGRAM, *known])} --help` lists what it takes"
        if known == ["run"] and message.startswith("Got unexpected extra argument"):
            stray = message.rpartition("(")[2].removesuffix(")")
            message = f"unexpected argument: {stray}"
            hint = f"a mode is given as `run --mode {stray}`, a pipeline as `run --pipeline {stray}`"
        raise UsageError(message, hint=hint) from None
