"""Letters as JSON: what the sender is given on its standard input, and what a webhook or a command is told."""

from __future__ import annotations

from datetime import datetime

from tetra_orchestrator.core.alerts import Alert, Letter
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.watching import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: What an alert is called by outside, and which of its fields nobody outside needs.
SCHEMA = "tetra.alert/1"
_OWN = ("channels", "told_at", "version")
_TIMES = tuple(name for name in Alert._fields if name.endswith("_at"))


def document(letter: Letter) -> dict[str, Any]:
    """The letter as a webhook and a command get it; times are RFC 3339 in UTC, absent is None."""
    told = {name: getattr(letter, name) for name in Letter._fields if name not in ("alerts", "only")}
    alerts = [{name: value for name, value in _alert(alert).items() if name not in _OWN} for alert in letter.alerts]
    return {"schema": SCHEMA, **told, "alerts": alerts}


def packed(channel: Channel, letter: Letter) -> dict[str, Any]:
    """Both, for another process."""
    return {"channel": channel._asdict(), "letter": {**letter._asdict(), "alerts": [*map(_alert, letter.alerts)]}}


def unpacked(content: Mapping[str, Any]) -> tuple[Channel, Letter]:
    """What `packed` has packed."""
    letter = content["letter"]
    alerts = tuple(Alert(**_frozen(alert)) for alert in letter["alerts"])
    return Channel(**_frozen(content["channel"])), Letter(**_frozen({**letter, "alerts": alerts}))


def _alert(alert: Alert) -> dict[str, Any]:
    found = alert._asdict()
    return found | {name: instant(found[name]) for name in _TIMES if found[name] is not None}


def _frozen(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in content.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(tuple(each) if isinstance(each, list) else each for each in value)
    return datetime.fromisoformat(value) if name in _TIMES and value is not None else value
