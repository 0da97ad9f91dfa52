"""A timer's spec, with defaults for everything that a test does not care about."""

from typing import Any

from tetra_orchestrator.core.schedule import rule_of
from tetra_orchestrator.core.units import TimerSpec


def timer_spec(cron: str | None = None, **fields: Any) -> TimerSpec:
    """The timer `com.tetra.daily`, due by the rule."""
    given: dict[str, Any] = {
        "project": "tetra",
        "name": "daily",
        "description": "tetra: schedule daily",
        "argv": ("/opt/tetra/.venv/bin/python", "-m", "tetra_orchestrator", "fire", "daily"),
        "cwd": "/opt/tetra",
        "env": (("PATH", "/usr/local/bin:/usr/bin:/bin"),),
        "log": "/tmp/tetra_daily.log",
        "source": "/opt/tetra/config/orchestration.yaml",
        "rule": rule_of(cron) if cron else None,
    }
    return TimerSpec(**(given | fields))
