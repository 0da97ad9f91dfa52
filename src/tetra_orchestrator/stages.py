"""Stage executors as the `stages` guide teaches them; only the import lines of such a module change.

They are task types with the guide's names. Standard library only, as in `task_types`.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from enum import Enum

from tetra_orchestrator.task_types import Result, TaskType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["ExecutionStatus", "StageExecutor", "StageResult"]


class ExecutionStatus(Enum):
    """How it stands with a stage."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    RUNNING = "running"


class StageResult(Result):
    """What a stage executor answers; `duration` is in seconds, None unless the executor marked its start and end."""

    def __init__(
        self,
        stage_id: str,
        outputs: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        error: str | None = None,
        duration: float | None = None,
    ):
        """Made by the executor's `_create_success_result` and `_create_failure_result`."""
        super().__init__(outputs, metrics, error)
        self.stage_id = stage_id
        self.duration = duration

    @property
    def status(self) -> ExecutionStatus:
        """Success, or failed where there is an error."""
        return ExecutionStatus.SUCCESS if self.success else ExecutionStatus.FAILED


class StageExecutor(TaskType):
    """A task type in the words of the guide: `validate_config`, `execute`, `estimate_duration` and helpers."""

    def __init__(self, stage_id: str, config: Mapping[str, Any]):
        """`stage_id` is the `id` of the stage, `config` its `config`."""
        super().__init__(stage_id, config)
        self.stage_id = stage_id
        self._started: float | None = None
        self._completed: float | None = None

    @abstractmethod
    def validate_config(self) -> bool:
        """Whether the configuration will do; it may also raise, saying why not."""

    @abstractmethod
    def estimate_duration(self) -> float:
        """How long the stage will take, in seconds."""

    def validate(self) -> None:
        """Raise `ValueError` where `validate_config` answers False."""
        if self.validate_config() is False:
            raise ValueError("validate_config() answered False")

    def _get_config_value(self, key: str, default: Any = None, required: bool = False) -> Any:
        return TaskType.get(self, key, default, required=required)  # a subclass may use the name for its own

    def _mark_started(self) -> None:
        self._started = time.monotonic()

    def _mark_completed(self) -> None:
        self._completed = time.monotonic()

    def _create_success_result(
        self, outputs: Mapping[str, Any] | None = None, metrics: Mapping[str, Any] | None = None
    ) -> StageResult:
        return StageResult(self.stage_id, outputs, metrics, duration=self._duration())

    def _create_failure_result(self, error: str) -> StageResult:
        return StageResult(self.stage_id, error=error, duration=self._duration())

    def _run_subprocess(
        self, command: Sequence[str], timeout: float | None = None, cwd: str | None = None
    ) -> StageResult:
        done = TaskType.run(self, command, timeout_s=timeout, cwd=cwd)
        return StageResult(self.stage_id, done.outputs, error=done.error, duration=self._duration())

    def _duration(self) -> float | None:
        if self._started is None or self._completed is None:
            return None
        return self._completed - self._started
