"""The reasons that a plan gives, where it gives one from several places or others show it too."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.retry import RETRY_BUDGET
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Pause
    from tetra_orchestrator.core.nodes import Node

FIRST_TRY = Reason("dependencies_succeeded", "everything it depends on has succeeded")
CONDITIONS_HOLD = Reason("dependencies_settled", "everything it waits for is as it has to be")
NO_DEPENDENCIES = Reason("no_dependencies", "it depends on nothing in this run")
DISABLED = Reason("disabled", "`enabled: false` in the configuration")
BECAME_READY = Reason("ready", "it is ready for what depends on it")
NOT_NEEDED = Reason("not_needed", "nothing in this run needs it any more")

#: Why a task is skipped that an earlier run, or a checkpoint, has done: what depends on it may start.
ALREADY_SUCCEEDED, IN_CHECKPOINT = "already_succeeded", "in_checkpoint"
#: Why one is skipped whose result is there, as what it makes that of is as it was.
UNCHANGED = "unchanged"
#: Why somebody is not told who should be.
NOBODY_TOLD = "nobody_told"
#: Why one starts whose last run has left a checkpoint.
FROM_CHECKPOINT = "from_checkpoint"
#: Why one is partial that has failed: its fallback stands in, or what is complete of it counts.
FALLBACK, COMPLETED = "fallback", "partial_recovery"
#: Why one runs, and nothing is kept of it, of which that cannot be told.
UNKNOWN_INPUTS = "unknown_inputs"
CARRIED_OVER = frozenset({ALREADY_SUCCEEDED, IN_CHECKPOINT, UNCHANGED})

#: What the owner of a run may have been asked for, and why the run ends then.
CANCEL_REQUEST, STOP_REQUEST, REPLACE_REQUEST = "cancel", "stop", "replace"
ASKED = {
    CANCEL_REQUEST: Reason("cancel_requested", "cancelled by `tetra cancel`"),
    STOP_REQUEST: Reason("stop_requested", "ended by `tetra stop`"),
    REPLACE_REQUEST: Reason("replaced", "another run took its place"),
}
#: Why a run ends that a signal reaches while it waits for its turn.
INTERRUPTED = Reason("interrupted", "interrupted while it waited for its turn")

#: How many tasks a reason names.
NAMED = 5


def why_start(node: Node) -> Reason:
    """Why the node's next attempt starts."""
    if node.rescue is not None:
        return Reason(FALLBACK, f"{node.rescue.name} stands in for it: {node.rescue.reason.text}")
    if node.failures:
        return Reason("retry", f"attempt {node.attempts} of {node.task.retry.max_attempts}")
    if node.why is not None:
        return node.why
    if node.task.conditions:
        return CONDITIONS_HOLD
    return FIRST_TRY if node.task.depends_on else NO_DEPENDENCIES


def not_run_behind(cause: Node) -> Reason:
    """Why what needs a task does not run, once that has ended without what it was needed for."""
    if cause.state is TaskState.SKIPPED:
        return Reason("upstream_skipped", f"{cause.task.id} was skipped")
    return Reason("upstream_failed", f"{cause.task.id} {cause.state.replace('_', ' ')}")


def paused(pause: Pause, told: Callable[[datetime], str] = instant) -> Reason:
    """Why what is paused does not run; `told` says a time."""
    until = f" until {told(pause.until)}" if pause.until else ""
    why = f": {pause.reason}" if pause.reason else ""
    return Reason("paused", f"the {pause.kind} is paused since {told(pause.since)}{until}{why}")


def over_its_limit(seconds: float, *, wall: bool) -> Reason:
    """Why an attempt is ended that has run for so long."""
    return Reason("timeout", f"its {'wall ' if wall else ''}time limit of {seconds:g} s has passed")


def over_the_runs_limit(seconds: float) -> Reason:
    """Why everything is ended in a run that has lasted for so long."""
    return Reason("run_timeout", f"the run's time limit of {seconds:g} s has passed")


def slow(seconds: float, limit_s: float) -> Reason:
    """What is to be said of an attempt that took so long, where less was expected."""
    return Reason("slow_task", f"took {seconds:.1f} s, more than the {limit_s:g} s of `monitor: slow_task`")


def too_many_failures(failed: int) -> Reason:
    """Why nothing more is started after so many failed tasks."""
    tasks = "task has" if failed == 1 else "tasks have"
    return Reason("failure_limit", f"{failed} {tasks} failed, and `stop_after` allows no more")


def level_failed(failed: Sequence[str]) -> Reason:
    """Why no later level is started after these failures."""
    return Reason("level_failed", f"{listed(failed)} failed, and no later level starts after a failure")


def budget_spent(max_retries: int) -> Reason:
    """Why a failure that its policy would retry is final."""
    retries = "retry" if max_retries == 1 else "retries"
    return Reason(RETRY_BUDGET, f"the run's budget of {max_retries} {retries} is spent")


def listed(names: Sequence[str]) -> str:
    """The first few of the names."""
    return ", ".join(names[:NAMED])


def some(names: Sequence[str]) -> str:
    """The first few of the names, and how many more there are."""
    return listed(names) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
