"""Tries channels: a letter by each of them that says that it is only a test."""

from __future__ import annotations

import shlex

from tetra_orchestrator.core.alerts import RAISED, RESOLVED, Alert, Letter
from tetra_orchestrator.engine.outbox import ALONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.watching import Channel
    from tetra_orchestrator.watch_ports import Courier

CODE = "test"


def try_channels(
    project: Project,
    channels: Sequence[Channel],
    courier: Courier,
    mask: Callable[[str], str],
    now: datetime,
    within_s: float,
) -> dict[str, str | None]:
    """What was wrong by channel, None where the letter has arrived. Those that keep books are told that it is over."""
    faults = _tried(project, channels, courier, RAISED, now, within_s)
    books = [one for one in channels if one.type in ALONE and faults[one.name] is None]
    if books:
        faults |= _tried(project, books, courier, RESOLVED, now, within_s)
    return {name: None if fault is None else mask(fault) for name, fault in faults.items()}


def _tried(
    project: Project, channels: Sequence[Channel], courier: Courier, what: str, now: datetime, within_s: float
) -> dict[str, str | None]:
    letters = [(channel, _letter(project, channel, what, now)) for channel in channels]
    faults: dict[str, str | None] = {letter.key: f"no answer within {within_s:.0f} s" for _, letter in letters}
    for posted in courier.post(letters, within_s):
        faults[posted.key] = None if posted.ok else posted.error or "it was refused"
    return {channel.name: faults[letter.key] for channel, letter in letters}


def _letter(project: Project, channel: Channel, what: str, now: datetime) -> Letter:
    name = project.title or project.name
    title = f"{'over: ' * (what == RESOLVED)}a test of the channel {channel.name} of {name}"
    text = "Somebody wanted to know whether this arrives. Nothing is wrong."
    command = f"tetra alerts list --config {shlex.quote(project.file)}"
    key = f"{project.name}-test-{channel.name}-{now:%Y%m%dT%H%M%S%fZ}"
    fields = (f"{CODE}:{key}", CODE, "low", channel.name, title, text, command, (channel.name,), now)
    alert = Alert(0, *fields, raised_at=now, resolved_at=now if what == RESOLVED else None)
    return Letter(f"{key}-{what}", channel.name, what, "low", title, f"{text}\n\nProject {name}.", (alert,))
