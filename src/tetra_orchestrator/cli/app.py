"""The Typer application: the one list of commands."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from tetra_orchestrator.cli import cancel, graph, logs, monitor, run, schedule, show, validate
from tetra_orchestrator.cli.main import PROGRAM
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name=PROGRAM,
    help="Run chains of data pipelines on the machine you have, with nothing resident between runs.",
    epilog=(
        "Exit codes: 0 succeeded, 1 partial, 2 failed, 64 usage, 69 store unavailable, 70 our bug, 73 cannot write, "
        "75 not now, 77 permission, 78 configuration, 130/143 interrupted."
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command("run")(run.run)
app.command("cancel")(cancel.cancel)
app.command("show")(show.show)
app.command("logs")(logs.logs)
app.command("validate")(validate.validate)
app.command("graph")(graph.graph)
app.command("monitor")(monitor.monitor)
app.add_typer(schedule.app, name="schedule")


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show how each pipeline stands: last run, freshness of its data, next slot."""
    from tetra_orchestrator.cli.status import status

    return status(as_json=as_json, config=config)


@app.command()
def version(as_json: JsonOption = False) -> int:
    """Print the version."""
    from tetra_orchestrator import __version__
    from tetra_orchestrator.cli.output import print_json

    if as_json:
        print_json("version", {"version": __version__})
    else:
        print(f"{PROGRAM} {__version__}")
    return 0


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context, show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> int:
    """Run chains of data pipelines on the machine you have, with nothing resident between runs."""
    if show_version:
        return version()
    if context.invoked_subcommand is None:
        print(context.get_help())
    return 0


def invoke(argv: Sequence[str]) -> int:
    """Parse and run one command line; returns its exit code. Raises `UsageError` for one that does not parse."""
    command = get_command(app)
    try:
        return int(command.main(args=list(argv), prog_name=PROGRAM, standalone_mode=False) or 0)
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)()
        known = argv[:1] if argv and argv[0] in getattr(command, "commands", ()) else []
        raise UsageError(message, hint=f"`{' '.join([PROGRAM, *known])} --help` lists what it takes") from None
