"""`alerts test`: send a letter by each channel now, and say what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.watching import Alerting, Channel


def command(
    channel: Annotated[str | None, typer.Argument(metavar="[CHANNEL]", help="Only this one.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send a test by each channel that is switched on.

    To PagerDuty the test is an incident that is over at once.

    Examples: `alerts test`, `alerts test email`.
    """
    from tetra_orchestrator.wire_watch import try_channels

    loaded = load(Source(config))
    channels = _chosen(loaded.project.alerting, channel)
    faults = try_channels(loaded, channels)
    if as_json:
        rows = [{"channel": name, "ok": fault is None, "error": fault} for name, fault in faults.items()]
        print_json("alerts.test", {"channels": rows})
    else:
        for name, fault in faults.items():
            print("arrived: " + name if fault is None else f"not arrived: {fault}")
    return Exit.FAILED if any(faults.values()) else Exit.OK


def _chosen(alerting: Alerting | None, name: str | None) -> Sequence[Channel]:
    """The channels to try. Raises `UsageError` where there is none of that name, or none that is switched on."""
    if alerting is None:
        hint = "docs/channels.md shows how `alerting: {channels: ...}` is written"
        raise UsageError("the file has no channel by which anybody could be told", hint=hint)
    wanted = [one for one in alerting.channels if name in (None, one.name)]
    if not wanted:
        known = [one.name for one in alerting.channels]
        raise UsageError(f"there is no channel '{name}'", hint=suggest(str(name), known, "channels"))
    found = [one for one in wanted if one.enabled]
    if not found:
        raise UsageError(
            f"the channel '{name}' is switched off" if name else "every channel is switched off",
            hint="set `enabled: true` for it in `alerting: {channels: ...}`",
        )
    return found
