"""The one stream of what happens in a run, which reporters, logs and `run --json` render (DESIGN.md section 11)."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.model import Reason

RUN_STARTED = "run.started"
RUN_FINISHED = "run.finished"
#: Somebody has ended the run before its time: nothing more starts, and what runs is asked to end.
RUN_STOPPING = "run.stopping"
TASK_READY = "task.ready"
TASK_SKIPPED = "task.skipped"
TASK_FINISHED = "task.finished"
ATTEMPT_STARTED = "attempt.started"
ATTEMPT_FINISHED = "attempt.finished"
RETRY_SCHEDULED = "retry.scheduled"
#: An attempt has taken longer than `monitor: slow_task`.
TASK_SLOW = "task.slow"
#: What is done about a failure besides trying again: who is told, first of all and when nothing has helped.
RECOVERY_STEP = "recovery.step"
#: A hook could not be started, or did not end well. Only in what is shown and logged of a run, behind its end.
HOOK_FAILED = "hook.failed"
#: Behind the last of them in what `run --json` says, when it was judged who is told of the run.
ALERT_RAISED = "alert.raised"
ALERT_RESOLVED = "alert.resolved"
#: Only in what a slow reader of `run --json` gets: `seq` is that of the last event that was left out.
STREAM_GAP = "stream.gap"


class RunEvent(Record):
    """One thing that happened, told when it is durable; `seq` counts from 1 within the run, `ts` is aware UTC.

    `state` is the task's or the run's after it, `attempt` the number of the attempt that it is about.
    """

    event: str
    seq: int
    ts: datetime
    run_id: str
    task: str | None = None
    attempt: int | None = None
    state: str | None = None
    reason: Reason | None = None
