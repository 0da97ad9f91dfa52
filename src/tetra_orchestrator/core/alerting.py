"""What becomes of alerts when somebody has looked: which are raised, told, reminded of, escalated and over.

A cause is the same alert as long as it has not been over, however often it goes and comes. Somebody is told of it once,
and once that it is over.
"""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.alerts import (
    ESCALATED,
    GOOD_NEWS,
    NOTICE,
    RAISED,
    REMINDED,
    RESOLVED,
    UNSENT,
    Alert,
    Filed,
)
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Cause, Delivery
    from tetra_orchestrator.core.watching import Alerting, Channel

#: A cause that comes back so soon after it was over at once has to be away for a while the next time.
DAMPED = timedelta(hours=1)


class Look(Record):
    """What somebody has found, and the keys of all that was looked at: the others are as they were.

    What is in `prompt` is over as soon as it is gone, unless it comes and goes. What has become of an alert since `at`
    is newer than what was found.
    """

    causes: Sequence[Cause]
    keys: Collection[str] = ()
    prompt: Collection[str] = ()
    at: datetime | None = None


class Escalation(Record):
    """The channel that is told in the end: now, where it is `due`, or when nobody has acknowledged for `after_s`."""

    channel: str
    due: bool = False
    after_s: float | None = None


class Policy(Record):
    """Who is told. `quiet_until` says of a subject until when nobody is, None where somebody is.

    `escalations` are by the keys of alerts.
    """

    alerting: Alerting
    quiet_until: Callable[[str], datetime | None]
    escalations: Mapping[str, Escalation] = {}


def advance(
    open_: Sequence[Alert],
    look: Look,
    now: datetime,
    policy: Policy,
    letters: Mapping[int, Sequence[Delivery]] = {},
    last: Mapping[str, Alert] = {},
) -> list[Filed]:
    """What has to be filed: alerts that are new or have changed, and the letters that go out because of that.

    `letters` are those of open alerts by their ids, `last` is by key the newest alert that is over. Where a cause is
    found twice, the first counts.
    """
    newer = {alert.key for alert in (*open_, *last.values()) if _is_newer(alert, look.at, now)}
    turn = _Turn(look._replace(keys={*look.keys} - newer), now, policy, letters)
    found = {cause.key: cause for cause in reversed(look.causes) if cause.key not in newer}
    known = {alert.key: _by_now(alert, now) for alert in open_}
    filed = []
    for key, cause in reversed(found.items()):
        if not cause.lasting:
            filed.append(turn.notice(cause))
        elif key in known:
            filed.append(turn.again(known[key], cause))
        else:
            filed.append(turn.first(cause, last.get(key)))
    filed += [turn.absent(alert) for alert in known.values() if alert.key not in found]
    return [each for each in filed if each.letters or each.alert not in open_]


def enabled(alerting: Alerting, names: Sequence[str]) -> list[Channel]:
    """Those of the channels that are switched on, each once."""
    found = [alerting.channel(name) for name in dict.fromkeys(names)]
    return [channel for channel in found if channel is not None and channel.enabled]


class _Turn:
    """One look, and what follows from it for one alert after the other."""

    def __init__(self, look: Look, now: datetime, policy: Policy, letters: Mapping[int, Sequence[Delivery]]):
        self._look, self._now, self._policy, self._letters = look, now, policy, letters

    def notice(self, cause: Cause) -> Filed:
        """It only happened: somebody is told once. What went well is no news once a time of quiet is over."""
        now = self._now
        alert = _alert(cause, now)._replace(raised_at=now, told_at=now, resolved_at=now)
        until = self._policy.quiet_until(cause.subject)
        if until is not None and cause.severity == GOOD_NEWS:
            return Filed(alert)
        due = max(until or now, now)
        return Filed(alert, self._to(NOTICE, cause.channels, due))

    def first(self, cause: Cause, before: Alert | None) -> Filed:
        """A cause that no open alert is about. `before` is the last alert that was."""
        alert = _alert(cause, self._now)
        if before is not None and before.resolved_at is not None and cause.prompt:
            back = self._now - before.resolved_at < DAMPED
            alert = alert._replace(times=before.times + 1 if back else 1)
        return self._holding(alert, cause.for_s)

    def again(self, alert: Alert, cause: Cause) -> Filed:
        """A cause that an open alert is about already."""
        if alert.cleared_at is not None:
            alert = _renewed(alert, cause)._replace(cleared_at=None, times=alert.times + 1)
        elif cause.run_id not in (None, alert.run_id):  # a look at a pipeline knows less of it than its run did
            alert = _renewed(alert, cause)
        if alert.told_at is None:
            alert = alert._replace(channels=cause.channels)
        return self._holding(alert, cause.for_s)

    def absent(self, alert: Alert) -> Filed:
        """An alert whose cause was not found: it is away, or nobody has looked."""
        if alert.key in self._look.keys and alert.cleared_at is None:
            if alert.raised_at is None:
                return Filed(alert._replace(cleared_at=self._now, resolved_at=self._now))
            alert = alert._replace(cleared_at=self._now)
            if alert.key in self._look.prompt and alert.times == 1:
                return self._over(alert)
        if alert.cleared_at is None:
            return Filed(alert) if alert.raised_at is None else self._telling(alert)
        away_s = (self._now - alert.cleared_at).total_seconds()
        return self._over(alert) if away_s >= self._policy.alerting.resolve_after_s else Filed(alert)

    def _holding(self, alert: Alert, for_s: float) -> Filed:
        if alert.raised_at is None:
            if (self._now - alert.seen_at).total_seconds() < for_s:
                return Filed(alert)
            alert = alert._replace(raised_at=self._now)
        return self._telling(alert)

    def _telling(self, alert: Alert) -> Filed:
        """An alert whose cause holds: who has still to be told."""
        if self._policy.quiet_until(alert.subject) is not None:
            return Filed(alert)
        higher = self._escalated(alert)
        if alert.told_at is None:
            told = [channel.name for channel in enabled(self._policy.alerting, alert.channels)]
            letters = self._to(RAISED, [name for name in told if name not in higher])
            alert = alert._replace(told_at=self._now, channels=tuple(told))
        elif names := self._to_be_reminded(alert):
            letters = self._to(REMINDED, [name for name in names if name not in higher])
            alert = alert._replace(told_at=self._now)
        else:
            letters = ()
        if higher:
            alert = alert._replace(channels=tuple(dict.fromkeys([*alert.channels, *higher])))
        return Filed(alert, letters + self._to(ESCALATED, higher))

    def _escalated(self, alert: Alert) -> list[str]:
        """The channel that has to be told in the end, if it is time for that and it was not told yet."""
        rule = self._policy.escalations.get(alert.key)
        if rule is None or alert.acked_at is not None:
            return []
        if any(one.what == ESCALATED for one in self._letters.get(alert.id, ())):
            return []
        since = alert.raised_at or self._now
        late = rule.after_s is not None and (self._now - since).total_seconds() >= rule.after_s
        return [rule.channel] if rule.due or late else []

    def _to_be_reminded(self, alert: Alert) -> list[str]:
        """Whom it is time to remind: nobody of what is acknowledged, nor where a letter of it has not arrived yet."""
        every = self._policy.alerting.remind_s
        if every is None or alert.acked_at is not None or alert.told_at is None:
            return []
        if (self._now - alert.told_at).total_seconds() < every:
            return []
        waiting = {one.channel for one in self._letters.get(alert.id, ()) if one.state in UNSENT}
        return [name for name in alert.channels if name not in waiting]

    def _over(self, alert: Alert) -> Filed:
        """The end of an alert. Who was told of it is told that too, though not while nobody is to be told."""
        alert = alert._replace(resolved_at=self._now)
        if alert.told_at is None:
            return Filed(alert)
        due = max(self._policy.quiet_until(alert.subject) or self._now, self._now)
        wanted = [one.name for one in enabled(self._policy.alerting, alert.channels) if one.resolved]
        return Filed(alert, tuple((name, RESOLVED, due) for name in wanted))

    def _to(
        self, what: str, names: Sequence[str], due: datetime | None = None
    ) -> tuple[tuple[str, str, datetime], ...]:
        """Letters to those of the channels that are switched on, due now if nothing else is said."""
        return tuple((channel.name, what, due or self._now) for channel in enabled(self._policy.alerting, names))


def _is_newer(alert: Alert, at: datetime | None, now: datetime) -> bool:
    """Whether something has become of the alert since then: a run has ended meanwhile, and was judged."""
    times = (alert.seen_at, alert.cleared_at, alert.resolved_at)
    return at is not None and any(time is not None and at < time <= now for time in times)


def _by_now(alert: Alert, now: datetime) -> Alert:
    """The alert, with nothing later than now: what is was noted by a clock that was ahead."""
    times = {name: getattr(alert, name) for name in ("seen_at", "raised_at", "cleared_at", "told_at")}
    ahead = {name: now for name, time in times.items() if time is not None and time > now}
    return alert._replace(**ahead) if ahead else alert  # type: ignore[arg-type]


def _alert(cause: Cause, now: datetime) -> Alert:
    fields = (cause.code, cause.severity, cause.subject, cause.title, cause.text, cause.command, cause.channels)
    return Alert(0, cause.key, *fields, seen_at=now, run_id=cause.run_id)


def _renewed(alert: Alert, cause: Cause) -> Alert:
    return alert._replace(
        title=cause.title, text=cause.text, command=cause.command, run_id=cause.run_id or alert.run_id
    )
