"""Letters that do not go out now: each is settled at once, with the reason."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.alerts import GIVEN_UP, MUTED, PENDING, RESOLVED
from tetra_orchestrator.engine.letterbox import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Alert, Delivery
    from tetra_orchestrator.core.letters import Parcel
    from tetra_orchestrator.engine.outbox import Outbox

#: So long a letter waits whose channel has had its share of the hour.
WAIT = timedelta(minutes=20)
#: The share of a channel is counted over so long.
SHARE = timedelta(hours=1)


def sendable(claimed: Sequence[Delivery], known: Mapping[int, Alert], box: Outbox) -> list[Delivery]:
    """Those of the letters that have a channel to go to; the others are settled."""
    wanted, back = [], _back(claimed, box)
    for one in claimed:
        channel, alert = box.alerting.channel(one.channel), known.get(one.alert_id)
        if channel is None or alert is None:
            settle(box.alerts, [one._replace(state=GIVEN_UP, error=f"there is no channel {one.channel!r} any more")])
        elif not channel.enabled:
            settle(box.alerts, [one._replace(state=MUTED, error="the channel is switched off")])
        elif one.what == RESOLVED and alert.key in back:  # it would end, for who is told, what has begun since
            settle(box.alerts, [one._replace(state=MUTED, error="it has come back since")])
        else:
            wanted.append(one)
    return wanted


def _back(claimed: Sequence[Delivery], box: Outbox) -> set[str]:
    """The keys of alerts that somebody is told of and that are not over."""
    if all(one.what != RESOLVED for one in claimed):
        return set()
    return {alert.key for alert in box.alerts.open() if alert.told_at is not None}


def within_share(parcels: Sequence[Parcel], box: Outbox, now: datetime) -> list[Parcel]:
    """What each channel may still be sent this hour. The rest waits, and is told together later."""
    rate = box.alerting.rate
    used: dict[str, int] = {}
    found = []
    for parcel in parcels:
        if parcel.channel not in used:
            used[parcel.channel] = box.alerts.sent_since(parcel.channel, now - SHARE)
        if used[parcel.channel] < rate:
            used[parcel.channel] += len(parcel.letters)
            found.append(parcel)
            continue
        why = f"waits: {rate} letters an hour have gone out by this channel"
        settle(box.alerts, [one._replace(state=PENDING, due_at=now + WAIT, error=why) for one in parcel.letters])
    return found


def comes_too_early(parcel: Parcel, box: Outbox) -> bool:
    """Whether one is told that something is over of which he was not told yet; then that waits."""
    if parcel.what != RESOLVED:
        return False
    mine = {(one.alert_id, one.channel) for one in parcel.letters}
    before = [one for one in box.alerts.deliveries(unsent=True) if one.what != RESOLVED]
    due = max((one.due_at for one in before if (one.alert_id, one.channel) in mine), default=None)
    if due is None:
        return False
    why = "waits until it was told that it began"
    settle(box.alerts, [one._replace(state=PENDING, due_at=due, error=why) for one in parcel.letters])
    return True
