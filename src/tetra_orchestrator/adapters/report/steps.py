"""The lines of `run_full_pipeline.sh`: one step per task, by a readable name."""

from __future__ import annotations

from tetra_orchestrator.adapters.report.narration import FAILED
from tetra_orchestrator.core import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Subject


class StepReporter:
    """Counts the tasks that start: `Step 1/4: Running Data Pipeline...`."""

    def __init__(self, subject: Subject, stream: Outlet):
        self._subject = subject
        self._stream = stream
        self._step = 0

    def event(self, event: RunEvent) -> None:
        """Write the event's line, if it has one."""
        line = self._line(event)
        if line:
            self._stream.write(line + "\n")

    def flush(self) -> None:
        """Hand on what was written."""
        self._stream.flush()

    def _line(self, event: RunEvent) -> str | None:
        name = (event.task or "").replace("_", " ").replace(".", " ").title()
        if event.event == events.RUN_STARTED:
            return "Starting full pipeline execution..."
        if event.event == events.ATTEMPT_STARTED and event.attempt == 1:
            self._step += 1
            return f"Step {self._step}/{len(self._subject.tasks)}: Running {name}..."
        if event.event == events.TASK_FINISHED and event.state in FAILED:
            return f"{name} failed\n  full log: {self._subject.log_of(event.task or '', event.attempt or 0)}"
        if event.event == events.RUN_FINISHED and event.state == "succeeded":
            return "Full pipeline execution completed successfully!"
        return None

    def tick(self) -> None:
        """Hand on what waits."""
        self._stream.flush()

    def close(self) -> None:
        """The stream is not ours."""
