"""What is written of alerts and letters, each between its two failpoints."""

from __future__ import annotations

from tetra_orchestrator import failpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Delivery, Filed
    from tetra_orchestrator.store_parts import Alerts


def enqueue(alerts: Alerts, filed: Sequence[Filed], told: Sequence[str] = ()) -> None:
    """Keep alerts with the letters that go out because of them, and that runs are told. Raises as `Alerts.file`."""
    failpoints.hit("alert.enqueue")
    alerts.file(filed, told)
    failpoints.hit("alert.enqueue.commit")


def claim(alerts: Alerts, due: datetime, until: datetime, limit: int = 100) -> list[Delivery]:
    """The letters that are due by then, which nobody else gets before `until`. Raises `StoreError`."""
    failpoints.hit("alert.claim")
    claimed = alerts.claim(due, until, limit)
    failpoints.hit("alert.claim.commit")
    return claimed


def settle(alerts: Alerts, letters: Sequence[Delivery]) -> None:
    """Keep what became of claimed letters. Raises `StoreError`."""
    failpoints.hit("alert.ack")
    alerts.settle(letters)
    failpoints.hit("alert.ack.commit")
