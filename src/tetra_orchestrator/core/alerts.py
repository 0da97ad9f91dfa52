"""Alerts, and the letters that tell somebody of them. Instants are aware UTC."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

#: What a delivery tells: that something is wrong, still wrong, nobody has seen to it, over, or only that it happened.
RAISED, REMINDED, ESCALATED, RESOLVED, NOTICE = "raised", "reminded", "escalated", "resolved", "notice"
WHATS = (RAISED, REMINDED, ESCALATED, RESOLVED, NOTICE)
#: Where a delivery stands. What is `sending` when its sender has died is due again.
PENDING, SENDING, SENT, GIVEN_UP, MUTED = "pending", "sending", "sent", "given_up", "muted"
DELIVERY_STATES = (PENDING, SENDING, SENT, GIVEN_UP, MUTED)
#: Those of a delivery that has still to go out.
UNSENT = (PENDING, SENDING)
#: The severity of a notice that all went well.
GOOD_NEWS = "low"
#: The code of an alert that a rule of the user's has raised; the subject's second part is the rule's name.
RULE = "rule"


class Cause(Record):
    """Something that is wrong as it was found, and who is told of it.

    `title` is one line, `text` says what is known, `command` is what looks closer. It has to last for `for_s` before
    anybody is told. With `lasting` it is an alert until it is gone, and else a notice, told once. With `prompt` it is
    over as soon as it is gone, and else once it has been away for a while.
    """

    code: str
    subject: str
    severity: str
    title: str
    text: str = ""
    channels: tuple[str, ...] = ()
    run_id: str | None = None
    command: str = ""
    for_s: float = 0.0
    lasting: bool = True
    prompt: bool = False

    @property
    def key(self) -> str:
        """What makes it the same as one found at another time."""
        return f"{self.code}:{self.subject}"


class Alert(Record):
    """A cause that was found, as the store has it; `id` is 0 before that. `version` counts its changes.

    Somebody is told from `raised_at` on (None: it has not lasted long enough). `cleared_at` is since when its cause is
    away, `resolved_at` when it was over. `times` counts how often it came back meanwhile.
    """

    id: int
    key: str
    code: str
    severity: str
    subject: str
    title: str
    text: str
    command: str
    channels: tuple[str, ...]
    seen_at: datetime
    run_id: str | None = None
    raised_at: datetime | None = None
    cleared_at: datetime | None = None
    resolved_at: datetime | None = None
    acked_at: datetime | None = None
    acked_by: str | None = None
    told_at: datetime | None = None
    times: int = 1
    version: int = 0


def state_of(alert: Alert) -> str:
    """Where an alert stands: `waits` for its time, `open`, `acknowledged`, `going` while its cause is away, `over`."""
    if alert.resolved_at is not None:
        return "over"
    if alert.cleared_at is not None:
        return "going"
    if alert.acked_at is not None:
        return "acknowledged"
    return "waits" if alert.raised_at is None else "open"


class Delivery(Record):
    """One letter that has to go to one channel; `id` is 0 before the store has it, and `alert_id` that of its alert.

    It may be tried from `due_at` on; while it is `sending`, somebody tries until then. It was due first at `since`:
    None before the store has it.
    """

    id: int
    alert_id: int
    channel: str
    what: str
    state: str
    due_at: datetime
    tries: int = 0
    error: str | None = None
    sent_at: datetime | None = None
    since: datetime | None = None


class Filed(Record):
    """An alert as it is from now on, and the letters that go out because of that: (channel, what, due at)."""

    alert: Alert
    letters: tuple[tuple[str, str, datetime], ...] = ()


class Letter(Record):
    """What one channel is told in one message. `key` is the same however often it is tried.

    `alerts` are those it tells of; `again` is whether it may have arrived before. It goes to all recipients of the
    channel, or to those in `only`, where the others have it.
    """

    key: str
    channel: str
    what: str
    severity: str
    title: str
    text: str
    alerts: tuple[Alert, ...]
    again: bool = False
    only: tuple[str, ...] = ()


class Posted(Record):
    """What became of a letter. `retry_after_s` is what the other side asked for; with `hopeless` no try will help.

    Where some recipients have it and others may get it later, those are `left`. `error` of one that is `ok` is what
    has to be known all the same.
    """

    key: str
    ok: bool
    error: str | None = None
    retry_after_s: float | None = None
    hopeless: bool = False
    left: tuple[str, ...] = ()


def without_channel(error: str, channel: str) -> str:
    """Why a letter has not arrived, where the channel stands before it already."""
    return error.removeprefix(f"{channel}: ")
