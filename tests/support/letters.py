"""Letters and channels for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from support.builders import utc
from tetra_orchestrator.core.alerts import RAISED, Alert, Letter
from tetra_orchestrator.core.watching import Channel

SINCE = utc(2026, 3, 1, 20)


def alert(number: int = 1, **more: Any) -> Alert:
    """An alert that the pipeline `data` has failed."""
    known: dict[str, Any] = {
        "id": number,
        "key": "pipeline_failed:data",
        "code": "pipeline_failed",
        "severity": "high",
        "subject": "data",
        "title": "data failed: load ended with exit code 3",
        "text": "load: exit code 3\n  disk full",
        "command": "tetra show 20260301T200000Z-abcdef",
        "channels": (),
        "seen_at": SINCE,
        "run_id": "20260301T200000Z-abcdef",
        "raised_at": SINCE + timedelta(seconds=5),
    }
    return Alert(**{**known, **more})


def letter(channel: Channel, key: str = "tetra-7-20260301T200000Z", what: str = RAISED, **more: Any) -> Letter:
    """A letter to the channel that tells of such an alert."""
    told = more.pop("alerts", (alert(),))
    known = {
        "severity": told[0].severity if told else "low",
        "title": told[0].title if told else "a test",
        "text": told[0].text if told else "nothing is wrong",
    }
    return Letter(key, channel.name, what, alerts=tuple(told), **{**known, **more})
