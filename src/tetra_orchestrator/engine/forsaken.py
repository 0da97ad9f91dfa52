"""Closes what a project has left behind that told somebody once, and tells nobody any more.

Its runs would wait for ever to be judged, its alerts to be over, and its letters for a channel.
"""

from __future__ import annotations

from tetra_orchestrator.core.alerts import MUTED, Filed
from tetra_orchestrator.engine.filing import TRIES
from tetra_orchestrator.engine.letterbox import claim, enqueue, settle
from tetra_orchestrator.engine.retention import ALL
from tetra_orchestrator.errors import StateConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Alert
    from tetra_orchestrator.store_parts import Alerts

#: What is kept as the reason why a letter was not sent.
WHY = "the file has no `alerting` any more"


def forsake(alerts: Alerts, now: datetime) -> None:
    """Have every run be told, every alert over and no letter wait; nobody hears of it. Raises `StoreError`."""
    for left in reversed(range(TRIES)):
        over = [Filed(_over(alert, now)) for alert in alerts.open()]
        told = [run.run_id for run in alerts.untold(ALL)]
        if not over and not told:
            break
        try:
            enqueue(alerts, over, told)
        except StateConflict:
            if not left:
                raise
    _mute(alerts, now)


def _over(alert: Alert, now: datetime) -> Alert:
    return alert._replace(cleared_at=alert.cleared_at or now, resolved_at=now)


def _mute(alerts: Alerts, now: datetime) -> None:
    """Nobody sends the letters that wait, nor those that somebody was about to send."""
    while waiting := alerts.deliveries(unsent=True):
        taken = claim(alerts, max(one.due_at for one in waiting), now)
        settle(alerts, [one._replace(state=MUTED, error=WHY) for one in taken])
