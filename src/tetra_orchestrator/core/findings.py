"""What a look at everything can find, by code, with how bad it is unless more is known."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

WARNING, CRITICAL = "warning", "critical"
#: Severities of alerts that they become.
AS_ALERT = {WARNING: "medium", CRITICAL: "high"}
#: Code, severity, the gauge that it is about: a rule of the user's that speaks of that replaces the alert.
FINDINGS = {
    "pipeline_failed": (CRITICAL, "pipeline_status"),
    "pipeline_partial": (WARNING, "pipeline_status"),
    "data_stale": (WARNING, "data_age_hours"),
    "data_unknown": (WARNING, None),
    "data_not_moved": (WARNING, None),
    "log_stale": (WARNING, "log_age_hours"),
    "task_slow": (WARNING, None),
    "run_slow": (WARNING, "slower"),
    "slot_missed": (WARNING, "missed_slots"),
    "slot_late": (WARNING, "late_minutes"),
    "slot_overdue": (CRITICAL, None),
    "timer_missing": (CRITICAL, None),
    "timer_off": (CRITICAL, None),
    "timer_stale": (WARNING, None),
    "timer_astray": (CRITICAL, None),
    "unit_failed": (CRITICAL, None),
    "timers_unknown": (WARNING, None),
    "disk_low": (WARNING, "disk_free"),
    "disk_out": (CRITICAL, "disk_free"),
    "memory_low": (WARNING, "memory_free"),
    "cpu_high": (WARNING, "cpu_load"),
    "files_high": (WARNING, "open_files"),
    "database_down": (CRITICAL, None),
    "endpoint_down": (CRITICAL, None),
    "letters_stuck": (CRITICAL, None),
    "config_error": (CRITICAL, None),
}
#: What is so on one host. Where several share a store, each has its own.
HOST_CODES = frozenset(
    (
        *("timer_missing", "timer_off", "timer_stale", "timer_astray", "unit_failed", "timers_unknown"),
        *("disk_low", "disk_out", "memory_low", "cpu_high", "files_high", "endpoint_down", "config_error"),
    )
)
#: What stands between the subject of such a finding and the host's name.
ON = " on "


class Finding(Record):
    """Something that is not as it should be; `severity` is `warning` or `critical`, `command` looks closer."""

    code: str
    severity: str
    subject: str
    text: str
    command: str = ""


def finding(code: str, subject: str, text: str, command: str = "") -> Finding:
    """A finding as bad as its code says."""
    return Finding(code, FINDINGS[code][0], subject, text, command)
