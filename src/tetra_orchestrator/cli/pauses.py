"""What the commands that make, end and show pauses share."""

from __future__ import annotations

from tetra_orchestrator.core.history import PIPELINE, SCHEDULE
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.config.glance import Glance
    from tetra_orchestrator.core.history import Pause


def chosen(
    names: Sequence[str], glance: Glance, *, schedules_only: bool, paused: Sequence[Pause] = ()
) -> list[tuple[str, str]]:
    """Kind and name of each that is meant; a name that both kinds have means the pipeline unless `schedules_only`.

    What is `paused` is known, too, though the file may not have it any more. Raises `UsageError` for any other.
    """
    known = {PIPELINE: [*glance.pipelines], SCHEDULE: [*glance.schedules]}
    for one in paused:
        known[one.kind].append(one.name)
    if schedules_only:
        del known[PIPELINE]
    return [(_kind(name, known), name) for name in dict.fromkeys(names)]


def _kind(name: str, known: Mapping[str, Sequence[str]]) -> str:
    for kind, names in known.items():
        if name in names:
            return kind
    from tetra_orchestrator.core.selection import suggest

    hints = [suggest(name, dict.fromkeys(names), f"{kind}s") for kind, names in known.items()]
    hints.sort(key=lambda hint: not hint.startswith("did you mean"))
    raise UsageError(f"Unknown {' or '.join(known)}: {name}", hint="; ".join(hints))


def pause_row(pause: Pause) -> dict[str, Any]:
    """A pause as `pause`, `unpause` and `status` publish it."""
    from tetra_orchestrator.cli.output import instant

    return {**pause._asdict(), "since": instant(pause.since), "until": instant(pause.until)}


def told(pause: Pause) -> str:
    """A pause in a sentence."""
    from tetra_orchestrator.cli.output import local
    from tetra_orchestrator.cli.prose import sentence
    from tetra_orchestrator.core.reasons import paused
    from tetra_orchestrator.core.spoken import printable

    return sentence(printable(f"{pause.name}: {paused(pause, local).text}"))
