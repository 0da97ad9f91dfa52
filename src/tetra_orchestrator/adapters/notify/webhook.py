"""A webhook: the letter as JSON, posted to an address."""

from __future__ import annotations

from tetra_orchestrator.adapters.notify.parcel import document
from tetra_orchestrator.adapters.notify.posting import post

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.notify.errand import Errand


def deliver(errand: Errand) -> None:
    """Post it, with its key as `Idempotency-Key`: who has seen the key has had the letter. Raises `NotDelivered`."""
    channel, letter = errand.channel, errand.letter
    content = {**document(letter), "project": errand.project}
    headers = {**dict(channel.headers), "Idempotency-key": letter.key}
    post(channel.url or "", content, headers, errand.left())
