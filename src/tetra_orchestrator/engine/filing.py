"""Makes durable what was judged: alerts, the letters that go out because of them, and that runs were judged."""

from __future__ import annotations

import shlex

from tetra_orchestrator.core.alerting import Look, Policy, advance
from tetra_orchestrator.core.alerts import RULE, Filed
from tetra_orchestrator.core.causes import line
from tetra_orchestrator.core.events import ALERT_RAISED, ALERT_RESOLVED
from tetra_orchestrator.core.maintenance import quiet_until
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.told import Told
from tetra_orchestrator.engine.letterbox import enqueue
from tetra_orchestrator.errors import StateConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import TypeAlias

    from tetra_orchestrator.core.alerts import Alert, Cause
    from tetra_orchestrator.core.gauges import Gauge
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.ports import Store
    from tetra_orchestrator.store_parts import Alerts

    Values: TypeAlias = Mapping[str, Gauge]

#: How often a commit is tried again with fresh rows when somebody else was faster.
TRIES = 10
NOTHING: Mapping[str, Values] = {}


def _nobody(event: str, alert: Alert) -> None:
    """Who hears nothing."""


class Desk(Record):
    """Where it is judged. `holds` evaluates a condition (None: unknown), `mask` keeps secrets out of a text.

    `hear` is told of each alert that is raised or over, by the name of the event, once that is durable.
    """

    project: Project
    store: Store
    holds: Callable[[str, Values], bool | None]
    mask: Callable[[str], str]
    hear: Callable[[str, Alert], None] = _nobody

    @property
    def told(self) -> Told:
        """Who is told of what."""
        return Told(self.project)

    @property
    def config(self) -> str:
        """The option that names the project's file, for commands in messages."""
        return f" --config {shlex.quote(self.project.file)}"


def file(
    desk: Desk, look: Look, now: datetime, failed: Mapping[str, Values] = NOTHING, told: Sequence[str] = ()
) -> None:
    """Make it durable in one commit; where somebody else was faster, with what he has left.

    `failed` are the pipelines that have just failed, with what is measured of them.
    """
    alerts, who = desk.store.alerts, desk.told

    def quiet(subject: str) -> datetime | None:
        return quiet_until(who.alerting.maintenance, who.pipeline_of(subject), now)

    policy = Policy(who.alerting, quiet)
    look = look._replace(causes=[_masked(cause, desk.mask) for cause in look.causes])
    for left in reversed(range(TRIES)):
        filed = _advanced(look, now, policy, failed, desk)
        if not filed and not told:
            return
        try:
            enqueue(alerts, filed, told)
        except StateConflict:
            if told and all(run.run_id not in told for run in alerts.untold()):
                return  # somebody else has judged it
            if not left:
                raise
        else:
            _hear(filed, now, desk)
            return


def _hear(filed: Sequence[Filed], now: datetime, desk: Desk) -> None:
    """Tell of what was raised or is over now; a notice is both, and neither."""
    for alert in (one.alert for one in filed):
        raised, over = alert.raised_at == now, alert.resolved_at == now
        if raised != over:
            desk.hear(ALERT_RAISED if raised else ALERT_RESOLVED, alert)


def _advanced(look: Look, now: datetime, policy: Policy, failed: Mapping[str, Values], desk: Desk) -> list[Filed]:
    alerts, told = desk.store.alerts, desk.told
    open_ = alerts.open()
    there = {alert.key for alert in open_} | {cause.key for cause in look.causes}
    policy = policy._replace(escalations=told.escalations(failed, there)[0])
    new = {cause.key for cause in look.causes if cause.lasting}.difference(alert.key for alert in open_)
    last = {key: alert for key in new if (alert := alerts.last(key)) is not None}
    letters = {alert.id: alerts.deliveries(alert.id) for alert in open_ if _needs_letters(alert, policy)}
    of_rules = [alert.key for alert in open_ if alert.code == RULE]
    # nobody will look again at what a rule has raised that the file no longer has
    keys = {*look.keys, *(set(of_rules) - told.keys_of_rules() if of_rules else ())}
    prompt = {key for key in keys if told.is_prompt(key)}
    return advance(open_, look._replace(keys=keys, prompt=prompt), now, policy, letters, last)


def _needs_letters(alert: Alert, policy: Policy) -> bool:
    return alert.key in policy.escalations or policy.alerting.remind_s is not None


def _masked(cause: Cause, mask: Callable[[str], str]) -> Cause:
    return cause._replace(title=line(mask(cause.title)), text=mask(cause.text))


def acknowledge(alert: Alert, by: str, now: datetime, alerts: Alerts) -> Alert:
    """Somebody sees to it. Raises `StateConflict` where the alert has changed meanwhile."""
    acked = alert._replace(acked_at=now, acked_by=by)
    enqueue(alerts, [Filed(acked)])
    return acked
