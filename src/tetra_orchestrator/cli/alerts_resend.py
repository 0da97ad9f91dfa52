"""`alerts resend`: try letters again that have not arrived, now."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.engine.outbox import Result
    from tetra_orchestrator.store_parts import Alerts


def command(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID...]", help="Alerts by their numbers.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All letters that have not arrived.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Try the letters of an alert again now.

    Those that were given up, and those that wait for their next try. An alert all of whose letters have arrived is
    told again.

    Examples: `alerts resend 12`, `alerts resend --failed`.
    """
    from tetra_orchestrator.wire_watch import outbox, resend

    if bool(ids) == failed:
        raise UsageError("`alerts resend` takes numbers of alerts, or --failed", hint="`tetra alerts list` shows them")
    loaded = load(Source(config))
    if loaded.project.alerting is None:
        hint = "docs/channels.md shows how `alerting: {channels: ...}` is written"
        raise UsageError("the file has no channel by which anybody could be told", hint=hint)
    with wire.settled(loaded.project.store_url, loaded.project.root, loaded.project.name) as scene:
        numbers = _numbers(ids, scene.store.alerts)
        results = resend(outbox(loaded, scene.store), numbers)
    _print(results, as_json=as_json)
    return Exit.OK if all(result.posted.ok for result in results) else Exit.FAILED


def _numbers(ids: Sequence[int] | None, alerts: Alerts) -> list[int]:
    from tetra_orchestrator.cli.alerts_ack import found
    from tetra_orchestrator.cli.alerts_list import latest
    from tetra_orchestrator.core.letters import left_of

    if ids:
        return [found(number, alerts).id for number in ids]
    return [alert.id for alert, letters in latest(alerts) if left_of(letters)]


def _print(results: Sequence[Result], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "channel": one.channel,
                "what": one.what,
                "alerts": [letter.alert_id for letter in one.letters],
                "ok": one.posted.ok,
                "error": one.posted.error,
            }
            for one in results
        ]
        print_json("alerts.resend", {"letters": rows})
        return
    from tetra_orchestrator.core.alerts import without_channel

    for one in results:
        numbers = ", ".join(str(letter.alert_id) for letter in one.letters)
        said = "arrived" if one.posted.ok else f"not arrived: {without_channel(one.posted.error or '', one.channel)}"
        print(f"{one.what} of {numbers} by {one.channel}: {said}")
    if not results:
        print("nothing is left to be sent")
