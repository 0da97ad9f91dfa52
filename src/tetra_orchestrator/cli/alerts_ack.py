"""`alerts ack`: say that somebody sees to it."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.errors import Exit, StateConflict, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Alert
    from tetra_orchestrator.store_parts import Alerts

#: How often it is tried again while somebody else changes the alert.
TRIES = 10
IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", help="Alerts by their numbers.")]


def command(
    ids: IdsArgument,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="What you say about it.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Acknowledge alerts, so that nobody is reminded of them.

    Nor is anybody else called.

    Examples: `alerts ack 12 13`, `alerts ack 12 --note "the disk is on its way"`.
    """
    from tetra_orchestrator.cli.alerts_list import row

    with settled_scene(config) as scene:
        alerts = scene.store.alerts
        for number in ids:
            found(number, alerts)
        acked = [_ack(number, note, scene.clock.now(), alerts) for number in ids]
        letters = {alert.id: alerts.deliveries(alert.id) for alert in acked}
    if as_json:
        print_json("alerts.ack", {"alerts": [row(alert, letters[alert.id]) for alert in acked]})
    else:
        for alert in acked:
            over = "; it was over already" if alert.resolved_at else ""
            print(f"alert {alert.id} is acknowledged by {alert.acked_by}{over}")
    return Exit.OK


def found(number: int, alerts: Alerts) -> Alert:
    """The alert with that number; raises `UsageError` where there is none."""
    alert = alerts.get(number)
    if alert is None:
        raise UsageError(f"there is no alert {number}", hint="`tetra alerts list --all` shows their numbers")
    return alert


def _ack(number: int, note: str | None, now: datetime, alerts: Alerts) -> Alert:
    from tetra_orchestrator.engine.filing import acknowledge

    by = _who() + (f": {' '.join(note.split())}" if note else "")
    for left in reversed(range(TRIES)):
        try:
            return acknowledge(found(number, alerts), by, now, alerts)
        except StateConflict:
            if not left:
                raise
    raise AssertionError("unreachable")


def _who() -> str:
    """The name of whoever has called us."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
