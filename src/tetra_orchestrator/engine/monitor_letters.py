"""The channels by which nothing arrives: an alarm that nobody hears is none."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.alerts import GIVEN_UP, SENT, without_channel
from tetra_orchestrator.core.findings import finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Delivery
    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.ports import Store

#: A letter that was tried so often and has not arrived is stuck.
MANY_TRIES = 4
#: The latest alerts whose letters are looked at, and how long ago one counts that was given up.
RECENT, RECENTLY = 50, timedelta(days=7)


def of_letters(store: Store, channels: Mapping[str, bool], now: datetime) -> Iterator[Finding]:
    """What is to be said of each channel that is switched on (`channels`). Raises `StoreError`."""
    stuck = {one.channel: one.error for one in store.alerts.deliveries(unsent=True) if one.tries >= MANY_TRIES}
    if any(channels.values()):
        stuck |= {one.channel: one.error for one in _latest(store).values() if _is_lost(one, now)}
    for channel, error in stuck.items():
        if channels.get(channel):
            why = without_channel(error, channel) if error else "nobody knows why"
            text = f"alerts do not arrive by the channel {channel}: {why}"
            yield finding("letters_stuck", channel, text, f"tetra alerts test {channel}")


def _latest(store: Store) -> dict[str, Delivery]:
    """By channel, the newest letter of which it is known what became of it."""
    letters = [letter for alert in store.alerts.all(RECENT) for letter in store.alerts.deliveries(alert.id)]
    return {one.channel: one for one in sorted(letters, key=lambda one: one.id) if one.state in (GIVEN_UP, SENT)}


def _is_lost(one: Delivery, now: datetime) -> bool:
    return one.state == GIVEN_UP and now - one.due_at < RECENTLY
