"""The Typer application.

Only the command that was called is imported; all of them only for help, completion and mistakes.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from tetra_orchestrator.cli.commands import COMMANDS
from tetra_orchestrator.cli.helping import SHORT, Command, Group
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

HELP = """Run chains of data pipelines on the machine you have, with nothing resident between runs.

`tetra COMMAND --help` tells more of each command.

Examples: `init`, `validate`, `run --mode daily`, `status`, `schedule apply`.
"""


def build(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The application with these commands."""
    app = typer.Typer(
        name=SHORT,
        help=HELP,
        cls=Group,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback(invoke_without_command=True)(_root)
    for name in names:
        module = import_module(f"tetra_orchestrator.cli.{name.replace('-', '_')}")
        if hasattr(module, "app"):
            for one in module.app.registered_commands:
                one.cls = Command
            app.add_typer(module.app, name=name, cls=Group)
        else:
            app.command(name, cls=Command)(module.command)
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
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "--help"]
    known = argv[:1] if argv and argv[0] in COMMANDS else []
    command = get_command(build(known or COMMANDS))
    try:
        return int(command.main(args=list(argv), prog_name=SHORT, standalone_mode=False) or 0)
    except SystemExit as exit_:
        # its answer to a reader that has left, whom `main` expects
        raise exit_.__context__ or exit_ from None
    except TyperException as error:
        message = " ".join(getattr(error, "format_message", error.__str__)().split())
        context: Any = getattr(error, "ctx", None)
        hint = f"`{context.command_path if context else SHORT} --help` lists what it takes"
        if type(error).__name__ == "NoArgsIsHelpError":  # whose message is the whole help
            message = f"`{known[0]}` needs a command: {', '.join(context.command.commands)}"
        if message.startswith("Got unexpected extra argument"):
            stray = message.rpartition("(")[2].removesuffix(")")
            message = f"unexpected argument: {stray}"
            if known in (["run"], ["plan"]):
                hint = f"a mode is given as `{known[0]} --mode {stray}`, a pipeline as `{known[0]} --pipeline {stray}`"
        raise UsageError(message, hint=hint) from None
