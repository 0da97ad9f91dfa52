"""`alerts list`: the alerts that are open, or all, and what became of their letters."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.cli.output import brief, instant, local, print_json, print_table
from tetra_orchestrator.cli.paint import cell
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.core.alerts import GIVEN_UP, PENDING, SENDING, SENT, UNSENT, state_of, without_channel
from tetra_orchestrator.core.letters import left_of
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tetra_orchestrator.core.alerts import Alert, Delivery
    from tetra_orchestrator.store_parts import Alerts

#: So many of the latest alerts are looked through, and shown with `--all`.
RECENT = 200


def command(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too; newest first.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the alerts that are open, and who is still to be told.

    With what became of their letters.

    Examples: `alerts list`, `alerts list --all --json`.
    """
    with settled_scene(config) as scene:
        found = [(alert, letters) for alert, letters in latest(scene.store.alerts) if every or _matters(alert, letters)]
    if as_json:
        print_json("alerts.list", {"alerts": [row(alert, letters) for alert, letters in found]})
        return Exit.OK
    since, times = brief("since", [one.seen_at for one, _ in found])
    print_table(
        ("id", "severity", "state", since, "what"),
        [
            (one.id, one.severity, cell(state_of(one)), time, printable(one.title))
            for (one, _), time in zip(found, times, strict=True)
        ],
    )
    for alert, letters in found:
        for letter in letters:
            if letter.state != SENT:
                print(sentence(f"{alert.id}: {_told(letter)}", "  "))
    if not found:
        print("no alert is open" if not every else "there was no alert")
    return Exit.OK


def row(alert: Alert, letters: Sequence[Delivery]) -> dict[str, Any]:
    """The alert as JSON."""
    fields = alert._asdict()
    times = {name: instant(value) for name, value in fields.items() if name.endswith("_at")}
    del fields["version"]
    return {**fields, **times, "state": state_of(alert), "letters": [_letter(one) for one in letters]}


def _letter(letter: Delivery) -> dict[str, Any]:
    fields = letter._asdict()
    del fields["alert_id"]
    times = {name: instant(fields[name]) for name in ("due_at", "sent_at", "since")}
    return {**fields, **times}


def _told(letter: Delivery) -> str:
    """What became of a letter that has not arrived."""
    words = {PENDING: f"next try {local(letter.due_at)}", SENDING: "being sent", GIVEN_UP: "given up"}
    said = words.get(letter.state, letter.state)
    why = "" if letter.error is None else f" ({printable(without_channel(letter.error, letter.channel))})"
    return f"{letter.channel}, {letter.what}: {said}{why}"


def latest(alerts: Alerts) -> list[tuple[Alert, list[Delivery]]]:
    """The latest alerts and all older ones that are open, each with its letters; newest first."""
    recent = alerts.all(RECENT)
    older = [alert for alert in alerts.open() if recent and alert.id < recent[-1].id]
    return [(alert, alerts.deliveries(alert.id)) for alert in [*recent, *reversed(older)]]


def _matters(alert: Alert, letters: Sequence[Delivery]) -> bool:
    return alert.resolved_at is None or bool(left_of(letters)) or any(one.state in UNSENT for one in letters)
