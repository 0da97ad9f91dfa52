"""The base class of registered task types.

A task type runs in the project's own interpreter, Python 3.9 or newer, in which this package need not be installed:
only the standard library is imported here.
"""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["Result", "TaskType"]


class Result:
    """What `execute` answers: outputs to hand on and metrics; or, with `error`, why the task failed."""

    def __init__(
        self,
        outputs: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        error: str | None = None,
    ):
        """Outputs and metrics are values that JSON can hold; paths become text."""
        self.outputs = dict(outputs or {})
        self.metrics = dict(metrics or {})
        self.error = error

    @property
    def success(self) -> bool:
        """Whether there is no error."""
        return self.error is None


class TaskType(ABC):
    """A kind of task. One object is made for each task and attempt, in a process of its own."""

    def __init__(self, task_id: str, config: Mapping[str, Any]):
        """`config` is the task's, as the file has it; when the task runs, with every reference filled in."""
        self.task_id = task_id
        self.config = config

    def validate(self) -> None:  # noqa: B027
        """Raise `ValueError` saying what is wrong with the configuration. Called when the file is checked, too.

        At that time references such as `{extract.rows}` are still text, and nothing has run.
        """

    @abstractmethod
    def execute(self, inputs: Mapping[str, Mapping[str, Any]]) -> Result:
        """Do the work. `inputs` has the outputs of every task it depends on. What is raised is a failure."""

    def estimate_duration(self) -> float | None:
        """How long it will take, in seconds, as far as that can be told before it was ever run."""
        return None

    def get(self, key: str, default: Any = None, *, required: bool = False) -> Any:
        """A value of the configuration, or `default`; raises `ValueError` when a required one is missing."""
        if required and self.config.get(key) is None:
            raise ValueError(f"the configuration has no '{key}'")
        return self.config.get(key, default)

    def succeed(self, outputs: Mapping[str, Any] | None = None, metrics: Mapping[str, Any] | None = None) -> Result:
        """The result of a task that did its work."""
        return Result(outputs, metrics)

    def fail(self, reason: str) -> Result:
        """The result of a task that did not."""
        return Result(error=reason)

    def run(self, argv: Sequence[str], *, timeout_s: float | None = None, cwd: str | None = None) -> Result:
        """Run a program, without a shell, and wait for it.

        Its `stdout`, `stderr` and `exit_code` are the outputs. It failed when it could not be started, took longer than
        `timeout_s` seconds or ended with another code than 0.
        """
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, errors="replace", timeout=timeout_s, cwd=cwd, check=False
            )
        except subprocess.TimeoutExpired:
            return Result(error=f"{argv[0]} did not end within {timeout_s:g} s")
        except OSError as error:
            return Result(error=f"{argv[0]} cannot be started: {error.strerror}")
        outputs = {"stdout": done.stdout, "stderr": done.stderr, "exit_code": done.returncode}
        return Result(outputs, error=_complaint(argv[0], done) if done.returncode else None)


def _complaint(program: str, done: subprocess.CompletedProcess[str]) -> str:
    last = done.stderr.strip().rpartition("\n")[2]
    return f"{program} ended with exit code {done.returncode}" + (f": {last}" if last else "")
