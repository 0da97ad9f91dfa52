"""The alerts in memory, by the same rules as in the durable stores."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts
from tetra_orchestrator.adapters.store.rows import plain
from tetra_orchestrator.core.alerts import PENDING, SENDING, UNSENT, Delivery
from tetra_orchestrator.core.states import RUN_TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Alert, Filed
    from tetra_orchestrator.core.history import Run

#: More runs than a store ever has.
ALL = 1 << 31


class MemoryAlerts:
    """The `Alerts` in dictionaries. `runs` gives every run with its pipelines, oldest first; `put` replaces a run."""

    def __init__(self, runs: Callable[[], Iterator[tuple[Run, set[str]]]], put: Callable[[Run], object]) -> None:
        self._alerts: dict[int, Alert] = {}
        self._letters: dict[int, Delivery] = {}
        self._marks: dict[str, str] = {}
        self._last = {"alert": 0, "letter": 0}
        self._runs, self._put = runs, put

    def untold(self, limit: int = 100) -> list[Run]:
        """The runs that are over and of which nobody has been told, oldest first by their end."""
        found = [run for run, _ in self._runs() if run.tells and run.state in RUN_TERMINAL]
        return sorted(found, key=lambda run: (run.finished_at is None, run.finished_at))[:limit]

    def file(self, filed: Sequence[Filed], told: Sequence[str] = ()) -> None:
        """Add or replace the alerts, add their letters, have the runs be told; all or nothing. `StateConflict`."""
        alerts, letters, last = dict(self._alerts), dict(self._letters), dict(self._last)
        try:
            for alert, some in filed:
                key = self._write(alert)
                for channel, what, due in some:
                    number = self._next("letter")
                    self._letters[number] = Delivery(number, key, channel, what, PENDING, due, since=due)
            runs = self._untold(told)
        except BaseException:
            self._alerts, self._letters, self._last = alerts, letters, last
            raise
        for run in runs:
            self._put(run._replace(tells=False))

    def _write(self, alert: Alert) -> int:
        before = self._alerts.get(alert.id)
        if alert.id and (before is None or before.version != alert.version):
            raise conflicts.alert_changed(alert.id)
        kept = _plain(alert)._replace(id=alert.id or self._next("alert"), version=alert.version + 1 if alert.id else 0)
        others = (one for one in self.open() if one.id != kept.id)
        if kept.resolved_at is None and any(one.key == kept.key for one in others):
            raise conflicts.alert_open(alert.key)
        self._alerts[kept.id] = kept
        return kept.id

    def _next(self, what: str) -> int:
        self._last[what] += 1
        return self._last[what]

    def _untold(self, told: Sequence[str]) -> list[Run]:
        waiting = {run.run_id: run for run in self.untold(limit=ALL)}
        for place, run_id in enumerate(told):
            if run_id not in waiting or run_id in told[:place]:
                raise conflicts.told_already(run_id)
        return [waiting[run_id] for run_id in told]

    def open(self) -> list[Alert]:
        """Those that are not over, oldest first."""
        return [alert for alert in self._alerts.values() if alert.resolved_at is None]

    def all(self, limit: int = 50) -> list[Alert]:
        """The latest, newest first."""
        return list(reversed(self._alerts.values()))[:limit]

    def get(self, alert_id: int) -> Alert | None:
        """The alert with that id, or None."""
        return self._alerts.get(alert_id)

    def last(self, key: str) -> Alert | None:
        """The newest alert with that key that is over, None where there is none."""
        found = (alert for alert in reversed(self._alerts.values()) if alert.resolved_at is not None)
        return next((alert for alert in found if alert.key == plain(key)), None)

    def deliveries(self, alert_id: int | None = None, *, unsent: bool = False) -> list[Delivery]:
        """The letters of one alert or all, with `unsent` only those that have still to go out; oldest first."""
        found = (one for one in self._letters.values() if alert_id in (None, one.alert_id))
        return [one for one in found if not unsent or one.state in UNSENT]

    def claim(self, now: datetime, until: datetime, limit: int = 100) -> list[Delivery]:
        """Those that may be tried now, `sending` until then, for nobody else."""
        due = [one for one in self.deliveries(unsent=True) if one.due_at <= now][:limit]
        claimed = [one._replace(state=SENDING, tries=one.tries + 1, due_at=until) for one in due]
        self._letters |= {one.id: one for one in claimed}
        return claimed

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """What became of claimed ones; one that somebody else has claimed meanwhile is left to them."""
        for one in deliveries:
            before = self._letters.get(one.id)
            if before and (before.state, before.tries) == (SENDING, one.tries):
                after = {"state": one.state, "due_at": one.due_at, "error": plain(one.error), "sent_at": one.sent_at}
                self._letters[one.id] = before._replace(**after)  # type: ignore[arg-type]

    def sent_since(self, channel: str, since: datetime) -> int:
        """How many letters the channel has been sent since then."""
        sent = (one.sent_at for one in self.deliveries() if one.channel == channel)
        return sum(at is not None and at >= since for at in sent)

    def outdated(self, before: datetime) -> int:
        """How many alerts were over before that instant and have nothing more to tell."""
        return len(self._outdated(before))

    def _outdated(self, before: datetime) -> list[Alert]:
        told = {one.alert_id for one in self.deliveries(unsent=True)}
        over = [(one.resolved_at, one.id) for one in self._alerts.values() if one.resolved_at and one.id not in told]
        return [self._alerts[key] for ended, key in sorted(over) if ended < before]

    def forget(self, before: datetime, most: int) -> int:
        """Remove the oldest of them with their letters, at most so many; returns how many there were."""
        gone = {one.id for one in self._outdated(before)[:most]}
        self._alerts = {key: alert for key, alert in self._alerts.items() if key not in gone}
        self._letters = {key: one for key, one in self._letters.items() if one.alert_id not in gone}
        return len(gone)

    def marks(self) -> Mapping[str, str]:
        """What was last seen of what is watched, by name."""
        return dict(sorted(self._marks.items()))

    def mark(self, marks: Mapping[str, str | None]) -> None:
        """Keep these in place of what there is; None removes."""
        for name, value in marks.items():
            if value is None:
                self._marks.pop(plain(name) or "", None)
            else:
                self._marks[plain(name) or ""] = plain(value) or ""


def _plain(alert: Alert) -> Alert:
    """The alert with texts as the durable stores keep them."""
    texts = dict(zip(alert._fields[1:8], map(plain, alert[1:8]), strict=True))
    return alert._replace(acked_by=plain(alert.acked_by), **texts)  # type: ignore[arg-type]
