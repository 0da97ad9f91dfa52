"""Timers for systemd to render."""

from __future__ import annotations

from tetra_orchestrator.core.schedule import rule_of
from tetra_orchestrator.core.units import TimerSpec


def timer_spec(cron: str | None = None, timezone: str = "UTC", **fields) -> TimerSpec:
    """A timer of the project `demo` in /srv/demo."""
    plain = {
        "project": "demo",
        "name": "daily",
        "description": "demo: schedule daily",
        "argv": ("/usr/bin/python3", "-P", "-m", "tetra_orchestrator", "fire", "daily"),
        "cwd": "/srv/demo",
        "env": (("PATH", "/usr/bin:/bin"),),
        "log": "/srv/demo/logs/demo_daily.log",
        "source": "/srv/demo/config/orchestration.yaml",
        "rule": rule_of(cron) if cron else None,
        "timezone": timezone,
    }
    return TimerSpec(**{**plain, **fields})
