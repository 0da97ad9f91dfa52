"""Letters: which alerts one message tells of, what it says, and when it is tried again."""

from __future__ import annotations

from datetime import timedelta
from json import dumps, loads

from tetra_orchestrator.core.alerts import (
    ESCALATED,
    GIVEN_UP,
    NOTICE,
    PENDING,
    RAISED,
    REMINDED,
    RESOLVED,
    SENT,
    UNSENT,
    WHATS,
    Letter,
)
from tetra_orchestrator.core.causes import line
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, to_second
from tetra_orchestrator.core.watching import SEVERITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Alert, Delivery, Posted

#: Seconds to the second try, which double from one to the next, and at most; a server may ask for more, up to a day.
FIRST_S, MOST_S, ASKED_S = 60.0, 3600.0, 86400.0
#: So long a letter is tried, and at least so often: a machine may have been off for as long.
PATIENCE, LEAST_TRIES = timedelta(days=7), 10
#: What is told in full in one message; of further alerts only the titles are. No message holds more letters.
IN_FULL, MOST = 10, 100
#: How a courier says that it does not know whether a letter has arrived.
SILENCE = "no answer"
#: What marks of letters are called in the store; the key is behind it.
MARK = "letter:"

_FIRST_WORDS = {REMINDED: "still: ", ESCALATED: "nobody has seen to it: ", RESOLVED: "over: "}
_PLURAL = {
    RAISED: "{} alerts of {}",
    REMINDED: "{} alerts of {} are still open",
    ESCALATED: "nobody has seen to {} alerts of {}",
    RESOLVED: "{} alerts of {} are over",
    NOTICE: "{} notices of {}",
}


class Parcel(Record):
    """Letters that go out as one message. With `again` it may have arrived before; those not in `only` have it."""

    key: str
    channel: str
    what: str
    letters: Sequence[Delivery]
    again: bool = False
    only: tuple[str, ...] = ()


def parcels(
    letters: Sequence[Delivery], marks: Mapping[str, str], alone: Collection[str], name: Callable[[Delivery], str]
) -> list[Parcel]:
    """The letters in messages: those of one channel that tell the same together, but each by itself to a channel in
    `alone`.

    `marks` are what `marked` has kept: what was sent together before goes out together again, with the key that it had.
    `name` gives a new message the key of its first letter.
    """
    left = {one.id: one for one in letters}
    found = []
    for mark, text in marks.items():
        ids, again, only = _read(text) if mark.startswith(MARK) else ([], False, ())
        own = [left.pop(each) for each in ids if each in left]
        if own:
            key = mark.removeprefix(MARK)
            # what is only a part of it must not be taken for the whole, which somebody may have
            key = key if len(own) == len(ids) else f"{key}-{own[0].id}"
            found.append(Parcel(key, own[0].channel, own[0].what, own, again, only))
    groups: dict[tuple[object, ...], list[Delivery]] = {}
    for one in left.values():
        groups.setdefault((one.channel, one.what, one.id if one.channel in alone else None), []).append(one)
    for some in (all_[at : at + MOST] for all_ in groups.values() for at in range(0, len(all_), MOST)):
        found.append(Parcel(name(some[0]), some[0].channel, some[0].what, some))
    return sorted(found, key=lambda parcel: (WHATS.index(parcel.what), parcel.letters[0].id))


def marked(parcel: Parcel, *, maybe: bool, left: Sequence[str] = ()) -> tuple[str, str]:
    """What is kept of a message that has not arrived for certain: which letters it holds, whether it may have, and
    which recipients have still to get it where others have."""
    only = left or parcel.only
    return f"{MARK}{parcel.key}", dumps([[one.id for one in parcel.letters], maybe, *([only] if only else [])])


def outdated(marks: Mapping[str, str], unsent: Collection[int]) -> list[str]:
    """The marks of messages of which nothing has still to go out."""
    return [name for name, text in marks.items() if name.startswith(MARK) and not {*_read(text)[0]} & {*unsent}]


def _read(text: str) -> tuple[list[int], bool, tuple[str, ...]]:
    ids, maybe, *only = loads(text)
    return ids, maybe, tuple(only[0]) if only else ()


def left_of(letters: Sequence[Delivery]) -> list[Delivery]:
    """Those that were given up and have not been sent anew since."""
    newest = {(one.channel, one.what): one for one in letters}
    return [one for one in newest.values() if one.state == GIVEN_UP]


def to_send_again(letters: Sequence[Delivery]) -> list[tuple[str, str]]:
    """What is sent anew of an alert, as (channel, what): what was given up and has not arrived since; where nothing
    was, and nothing is on its way, the newest of each channel."""
    lost = [(one.channel, one.what) for one in left_of(letters)]
    if lost or any(one.state in UNSENT for one in letters):
        return lost
    return list({one.channel: (one.channel, one.what) for one in letters}.values())


def settled(parcel: Parcel, posted: Posted, now: datetime) -> list[Delivery]:
    """What has become of the letters of a message. What is left of them is tried again together."""
    if posted.ok:
        return [one._replace(state=SENT, sent_at=now, error=posted.error) for one in parcel.letters]
    newest = max((one.since for one in parcel.letters if one.since), default=now)
    tries = max(one.tries for one in parcel.letters)
    if posted.hopeless or (now - newest >= PATIENCE and tries >= LEAST_TRIES):
        return [one._replace(state=GIVEN_UP, error=posted.error) for one in parcel.letters]
    wait_s = delay_s(tries, posted.retry_after_s)
    due_at = now + timedelta(seconds=wait_s)
    return [one._replace(state=PENDING, due_at=due_at, error=posted.error) for one in parcel.letters]


def delay_s(tries: int, asked_s: float | None = None) -> float:
    """Seconds until the next try after so many; not less than the other side has asked for, up to a day."""
    own: float = min(FIRST_S * 2.0 ** min(max(tries - 1, 0), 10), MOST_S)
    return max(own, min(asked_s or 0.0, ASKED_S))


def letter(parcel: Parcel, alerts: Mapping[int, Alert], project: str, config: str) -> Letter:
    """The message. `config` is the option that names the project's file in commands."""
    told = [alerts[one.alert_id] for one in parcel.letters if one.alert_id in alerts]
    worst = max((alert.severity for alert in told), key=_rank, default=SEVERITIES[0])
    title = _title(parcel.what, told, project)
    text = _text(parcel, told, project, config)
    return Letter(parcel.key, parcel.channel, parcel.what, worst, title, text, tuple(told), parcel.again, parcel.only)


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def _title(what: str, told: Sequence[Alert], project: str) -> str:
    if len(told) == 1:
        return line(_FIRST_WORDS.get(what, "") + told[0].title)
    return line(f"{_PLURAL[what].format(len(told), project)}: {'; '.join(alert.title for alert in told)}")


def _text(parcel: Parcel, told: Sequence[Alert], project: str, config: str) -> str:
    blocks = [_block(alert, parcel.what, with_title=len(told) > 1) for alert in told[:IN_FULL]]
    if more := told[IN_FULL:]:
        blocks.append("\n".join([f"And {len(more)} more:", *(f"- {alert.title}" for alert in more)]))
    if parcel.again:
        blocks.insert(0, "This may have arrived before.")
    foot = f"Project {project}."
    if parcel.what in (RAISED, REMINDED, ESCALATED):
        ids = " ".join(str(alert.id) for alert in told[:IN_FULL])
        foot += f" `tetra alerts ack {ids}{config}` says that somebody sees to it."
    return "\n\n".join([*blocks, foot])


def _block(alert: Alert, what: str, *, with_title: bool) -> str:
    """What is told of one alert: a line for its title, one for its times, what is known, and the command."""
    head = [f"[{alert.severity}] {alert.title}"] if with_title else []
    if what == NOTICE:
        lines = [*head, alert.text]
    elif what == RESOLVED:
        since = alert.raised_at or alert.seen_at
        lasted = duration(((alert.cleared_at or alert.resolved_at or since) - since).total_seconds())
        lines = [*head, f"It is over. It began at {to_second(since)} and lasted {lasted}."]
    else:
        again = f"; it has come up {alert.times} times" if alert.times > 1 else ""
        lines = [*head, f"Severity {alert.severity}, since {to_second(alert.seen_at)}{again}.", alert.text]
    return "\n".join([*lines, f"Look closer: {alert.command}"] if alert.command else lines)
