"""The documented lines of a run: `[YYYY-MM-DD HH:MM:SS] text` in local time, alike on screen and in the run's log."""

from __future__ import annotations

from tetra_orchestrator.core import events
from tetra_orchestrator.core.reasons import FALLBACK, FROM_CHECKPOINT, NOBODY_TOLD, UNKNOWN_INPUTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Subject

#: Lines of a failing log that are shown; the path to all of it follows.
SHOWN = 20
#: Why an attempt starts, where that is worth a line.
UNTOLD = (UNKNOWN_INPUTS, FALLBACK, FROM_CHECKPOINT)
FAILED = ("failed", "timed_out", "lost")


# Many events fall into one second, and what it is called costs more than the rest of a line.
_named: tuple[datetime | None, str] = (None, "")


def stamp(when: datetime) -> str:
    """`[2026-03-01 20:00:00]` in the machine's time zone."""
    global _named
    second = when.replace(microsecond=0)
    if second != _named[0]:
        _named = (second, second.astimezone().strftime("[%Y-%m-%d %H:%M:%S]"))
    return _named[1]


def last_lines(tail: str) -> list[str]:
    """What is shown of a failing log: its last lines."""
    return tail.splitlines()[-SHOWN:]


def lines(event: RunEvent, subject: Subject) -> list[str]:
    """The stamped lines for one event; none for events that people need not read."""
    return [f"{stamp(event.ts)} {text}" for text in texts(event, subject)]


def texts(event: RunEvent, subject: Subject) -> list[str]:
    """The same without their stamps."""
    why, code = (event.reason.text, event.reason.code) if event.reason else ("", "")
    match event.event:
        case events.RUN_STARTED:
            return [f"Starting orchestration {subject.title}", f"Run {subject.run_id}, log {subject.log}"]
        case events.ATTEMPT_STARTED:
            untold = [f"{event.task}: {why}"] if code in UNTOLD else []
            return [f"Running {event.task} (attempt {event.attempt})", *untold]
        case events.TASK_READY:
            return [f"{event.task} is ready"]
        case events.RETRY_SCHEDULED:
            return [f"{event.task} {why}", *([] if code == FALLBACK else [f"{event.task} failed, retrying..."])]
        case events.HOOK_FAILED:
            return [f"WARNING: {why}"]
        case events.RECOVERY_STEP:
            return [f"{'ERROR: ' if code == NOBODY_TOLD else ''}{event.task}: {why}"]
        case events.TASK_SLOW:
            return [f"WARNING: {event.task} {why}"]
        case events.TASK_SKIPPED:
            return [f"{event.task} skipped: {why}"]
        case events.TASK_FINISHED:
            return _finished(event, subject, why)
        case events.RUN_FINISHED if event.state == "succeeded":
            return ["Orchestration completed"]
        case events.RUN_FINISHED:
            return [
                f"Orchestration {event.state}: {why}",
                f"Go on where it ended: tetra resume {subject.run_id}{config_option(subject)}",
                f"Look closer: tetra show {subject.run_id}{config_option(subject)}",
            ]
    return []


def _finished(event: RunEvent, subject: Subject, why: str) -> list[str]:
    if event.state == "succeeded":
        return [f"{event.task} completed successfully"]
    if event.state not in FAILED:
        if event.attempt is None:
            return [f"{event.task} not started: {why}"]
        return [f"{event.task} cancelled" if event.state == "cancelled" else f"{event.task} {event.state}: {why}"]
    number = event.attempt or 0
    path = subject.log_of(event.task or "", number)
    tail = [f"  | {line}" for line in last_lines(subject.tail_of(path))]
    plural = "attempt" if number == 1 else "attempts"
    return [f"ERROR: {event.task} failed after {number} {plural}", f"  {why}", *tail, f"  full log: {path}"]


def config_option(subject: Subject) -> str:
    """What names the configuration in a command, where it is not found by itself."""
    if subject.config is None:
        return ""
    from shlex import quote

    return f" --config {quote(subject.config)}"
