"""How states look wherever they are shown: a symbol and a colour, and what they mean in words beside them."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record


class Sign(Record):
    """`symbol` is one column wide; `colour` is that of a terminal; `meaning` is a phrase that stands by itself."""

    symbol: str
    colour: str
    meaning: str


#: The parameters of the control sequence (SGR) for each colour.
CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

#: By the states of tasks and runs.
STATES = {
    "pending": Sign("·", "dim", "waits for what it depends on"),
    "queued": Sign("·", "dim", "waits for its turn"),
    "submitted": Sign("▶", "cyan", "was handed to its runner"),
    "running": Sign("▶", "cyan", "is running"),
    "ready": Sign("▶", "cyan", "is running and ready for what needs it"),
    "waiting_retry": Sign("↻", "yellow", "has failed and will be tried again"),
    "succeeded": Sign("✓", "green", "has succeeded"),
    "partial": Sign("◐", "yellow", "has succeeded in part"),
    "skipped": Sign("−", "dim", "was left out on purpose"),
    "upstream_failed": Sign("−", "red", "was not run, as what it depends on has not succeeded"),
    "cancelled": Sign("■", "yellow", "was ended by somebody"),
    "failed": Sign("✗", "red", "has failed"),
    "timed_out": Sign("✗", "red", "took longer than its limit"),
    "lost": Sign("✗", "red", "its owner died, and how it ended is not known"),
}

#: By what becomes of slots.
SLOTS = {
    "expected": Sign("·", "dim", "is still to come"),
    "queued": Sign("·", "dim", "waits for its turn"),
    "running": Sign("▶", "cyan", "is running"),
    "ran": Sign("✓", "green", "ran on time"),
    "late": Sign("◐", "yellow", "ran late"),
    "missed": Sign("✗", "red", "did not run"),
    "skipped_overlap": Sign("−", "yellow", "was skipped, as an earlier run was active"),
    "skipped_policy": Sign("−", "dim", "was skipped, as `catch_up` says"),
    "paused": Sign("■", "dim", "was paused"),
}

#: By how pipelines stand, and how old their data is.
PIPELINES = {
    "idle": Sign("·", "dim", "no run has it at the moment"),
    "scheduled": Sign("·", "dim", "waits in a run for its turn"),
    "running": Sign("▶", "cyan", "is running"),
    "paused": Sign("■", "dim", "is held back until somebody ends that"),
    "never": Sign("·", "dim", "has not run yet"),
    "fresh": Sign("✓", "green", "its data is young enough"),
    "stale": Sign("✗", "red", "its data is older than its limit"),
    "unknown": Sign("·", "dim", "nobody set a limit, or its age is not known"),
}

#: By what `doctor`, `state check` and `monitor` find, and how bad it is.
FINDINGS = {
    "ok": Sign("✓", "green", "is as it should be"),
    "healthy": Sign("✓", "green", "all is as it should be"),
    "warning": Sign("◐", "yellow", "works, and lacks something"),
    "degraded": Sign("◐", "yellow", "works, and something should be looked at"),
    "error": Sign("✗", "red", "does not work"),
    "unhealthy": Sign("✗", "red", "something does not work"),
    "critical": Sign("✗", "red", "does not work, and others suffer from it"),
}

#: By where alerts stand.
ALERTS = {
    "waits": Sign("·", "dim", "its cause has to last for a while before anybody is told"),
    "open": Sign("✗", "red", "its cause is there"),
    "acknowledged": Sign("◐", "yellow", "somebody has taken it on"),
    "going": Sign("◐", "green", "its cause is away, and has to stay away for a while"),
    "over": Sign("✓", "green", "its cause is gone"),
}

#: The groups by their titles, as the documentation shows them.
GROUPS = {
    "Tasks and runs": STATES,
    "Slots": SLOTS,
    "Pipelines and their data": PIPELINES,
    "Findings": FINDINGS,
    "Alerts": ALERTS,
}
#: By any word; a word in several groups looks the same in all of them.
SIGNS = {word: sign for group in GROUPS.values() for word, sign in group.items()}
