"""Sends what has to be told. A letter is taken for a while, sent, and settled as soon as it is known what became of it.

Whoever dies in between leaves it to the next command, which sends the same message with the same key and says that it
may have arrived before.
"""

from __future__ import annotations

import shlex
from datetime import timedelta

from tetra_orchestrator import failpoints
from tetra_orchestrator.core import letters as post
from tetra_orchestrator.core.alerts import PENDING, RESOLVED, SENDING, Filed, Posted
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.engine.holding import comes_too_early, sendable, within_share
from tetra_orchestrator.engine.letterbox import claim, enqueue, settle
from tetra_orchestrator.errors import NotNow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Alert, Delivery, Letter
    from tetra_orchestrator.core.letters import Parcel
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.watching import Alerting, Channel
    from tetra_orchestrator.ports import Clock
    from tetra_orchestrator.store_parts import Alerts
    from tetra_orchestrator.watch_ports import Courier

#: So long a letter is nobody else's once it was taken. Sending is over long before.
LEASE = timedelta(seconds=60)
#: So many letters are taken at a time.
MOST = 1000
#: No letter that was tried waits so long; one that does was put off by a clock that was ahead.
TOO_LONG = timedelta(days=2)
#: Channels that get every alert by itself, as they keep books of them.
ALONE = ("pagerduty",)


class Outbox(Record):
    """What has to go out, and what it goes out by. `mask` keeps secrets out of a text."""

    project: Project
    alerts: Alerts
    courier: Courier
    clock: Clock
    mask: Callable[[str], str]

    @property
    def alerting(self) -> Alerting:
        """What the project says of alerts."""
        assert self.project.alerting is not None
        return self.project.alerting


class Result(Record):
    """What became of one message, and the letters in it."""

    channel: str
    what: str
    letters: Sequence[Delivery]
    posted: Posted


def send(box: Outbox, within_s: float, ahead: timedelta = timedelta(0)) -> list[Result]:
    """Send all that is due, or will be so far `ahead`, for at most so many seconds. Raises `StoreError`."""
    end = box.clock.monotonic() + within_s
    found: list[Result] = []
    while box.clock.monotonic() < end:
        now = box.clock.now()
        claimed = claim(box.alerts, _due_by(now + ahead, box), now + LEASE, MOST)
        if not claimed:
            break
        found += _send(claimed, box, end, now)
        ahead = timedelta(0)
    return found


def _due_by(due: datetime, box: Outbox) -> datetime:
    """Until when what is due is sent: also what a clock that was ahead has put off. What is over may wait for long."""
    letters = [one for one in box.alerts.deliveries(unsent=True) if one.tries or one.what != RESOLVED]
    return max((one.due_at for one in letters if one.due_at - due > TOO_LONG), default=due)


def resend(box: Outbox, ids: Sequence[int], within_s: float) -> list[Result]:
    """Send the letters of these alerts that were given up, or where all have arrived the newest ones once more, and
    whatever waits for its next try. Raises `StoreError`, and `NotNow` while somebody else sends."""
    now = box.clock.now()
    if any(one.state == SENDING and one.due_at > now for one in box.alerts.deliveries(unsent=True)):
        raise NotNow("another command is sending letters", hint="try again in a minute")
    for alert_id in ids:
        alert, letters = box.alerts.get(alert_id), box.alerts.deliveries(alert_id)
        if alert is not None and (wanted := post.to_send_again(letters)):
            enqueue(box.alerts, [Filed(alert, tuple((channel, what, now) for channel, what in wanted))])
    return send(box, within_s, timedelta(seconds=post.ASKED_S))


def _send(claimed: Sequence[Delivery], box: Outbox, end: float, now: datetime) -> list[Result]:
    alerts = {one.alert_id: box.alerts.get(one.alert_id) for one in claimed}
    known = {key: alert for key, alert in alerts.items() if alert is not None}
    marks = box.alerts.marks()
    alone = [channel.name for channel in box.alerting.channels if channel.type in ALONE]
    all_ = post.parcels(sendable(claimed, known, box), marks, alone, lambda one: _key(one, known[one.alert_id], box))
    parcels = within_share(all_, box, now)
    found: list[Result] = []
    for after in (False, True):  # what is over is told after what it is about
        wave = [parcel for parcel in parcels if (parcel.what == RESOLVED) == after]
        found += _post([one for one in wave if not comes_too_early(one, box)], known, box, end)
    others = {name: text for name, text in marks.items() if name not in {post.MARK + parcel.key for parcel in all_}}
    if others and (gone := post.outdated(others, [one.id for one in box.alerts.deliveries(unsent=True)])):
        _note([(name, None) for name in gone], box)
    return found


def _key(one: Delivery, alert: Alert, box: Outbox) -> str:
    return f"{box.project.name}-{one.id}-{alert.seen_at:%Y%m%dT%H%M%SZ}"


def _post(parcels: Sequence[Parcel], known: dict[int, Alert], box: Outbox, end: float) -> list[Result]:
    """Hand the messages over, and settle each as soon as it is known what became of it."""
    within_s = end - box.clock.monotonic()
    if not parcels or within_s <= 0:  # then they are somebody else's when the lease is over
        return []
    _note([post.marked(parcel, maybe=True) for parcel in parcels], box)
    waiting = {parcel.key: parcel for parcel in parcels}
    found, marks = [], []
    for posted in _posted(parcels, known, box, within_s):
        parcel = waiting.pop(posted.key)
        found.append(_settled(parcel, posted, box))
        maybe = parcel.again or post.SILENCE in (posted.error or "")
        name, text = post.marked(parcel, maybe=maybe, left=posted.left)
        is_left = any(one.state == PENDING for one in found[-1].letters)
        marks.append((name, text if is_left else None))
    _note(marks, box)
    return found


def _posted(parcels: Sequence[Parcel], known: dict[int, Alert], box: Outbox, within_s: float) -> Iterator[Posted]:
    """What the courier says of each, once; and of those of which it says nothing, that."""
    left = {parcel.key for parcel in parcels}
    for posted in box.courier.post([_addressed(parcel, known, box) for parcel in parcels], within_s):
        if posted.key in left:
            left.remove(posted.key)
            yield posted
    for key in sorted(left):
        yield Posted(key, ok=False, error=f"{post.SILENCE} within {within_s:.0f} s")


def _note(marks: Sequence[tuple[str, str | None]], box: Outbox) -> None:
    """Keep which letters go out together, or that they have arrived."""
    failpoints.hit("alert.group")
    box.alerts.mark(dict(marks))
    failpoints.hit("alert.group.commit")


def _addressed(parcel: Parcel, known: dict[int, Alert], box: Outbox) -> tuple[Channel, Letter]:
    channel = box.alerting.channel(parcel.channel)
    assert channel is not None
    name, config = box.project.title or box.project.name, f" --config {shlex.quote(box.project.file)}"
    letter = post.letter(parcel, known, name, config)
    alerts = tuple(one._replace(title=box.mask(one.title), text=box.mask(one.text)) for one in letter.alerts)
    return channel, letter._replace(title=box.mask(letter.title), text=box.mask(letter.text), alerts=alerts)


def _settled(parcel: Parcel, posted: Posted, box: Outbox) -> Result:
    if posted.ok:
        failpoints.hit("alert.sent")
    if posted.error is not None:
        posted = posted._replace(error=box.mask(posted.error))
    letters = post.settled(parcel, posted, box.clock.now())
    settle(box.alerts, letters)
    return Result(parcel.channel, parcel.what, letters, posted)
