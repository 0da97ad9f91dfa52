"""What an attempt's end means for its task: another attempt, a fallback, or a state in which it stays, with why."""

from __future__ import annotations

from tetra_orchestrator.core.condition import tolerated
from tetra_orchestrator.core.model import FAIL, Reason
from tetra_orchestrator.core.outcome import Cancelled, Unkillable, code_of, describe, ending
from tetra_orchestrator.core.reasons import COMPLETED, FALLBACK, listed, not_run_behind
from tetra_orchestrator.core.retry import LEFT, NOT_RETRYABLE, RETRY_BUDGET, refusal
from tetra_orchestrator.core.states import TERMINAL, Event, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.failure import Evidence
    from tetra_orchestrator.core.nodes import Node
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.core.progress import Progress
    from tetra_orchestrator.core.recovery import Recovery, Rescue

    Ending = tuple[Event, Reason]

#: The code of the refusal of another attempt where the fallback has failed, too.
FALLBACK_FAILED = "fallback_failed"


def success(node: Node, outcome: Outcome) -> Ending:
    """How a task ends whose attempt succeeded: where that was its fallback, it is partial."""
    if node.rescue is not None:
        return Event.DEGRADE, Reason(FALLBACK, f"{node.rescue.reason.text}; its fallback {node.rescue.name} stood in")
    return Event.SUCCEED, Reason("succeeded", describe(outcome))


def refused(node: Node, outcome: Outcome, evidence: Evidence) -> Reason | None:
    """Why the task itself gets no further attempt after this failure, None where it may."""
    if node.rescue is not None:
        return Reason(FALLBACK_FAILED, "nothing stands in for a fallback")
    found = refusal(node.task.retry, node.failures, outcome, evidence, repeatable=node.task.on_lost != FAIL)
    if found is not None:
        return found
    gone = [service for service in node.uses if service.state in TERMINAL and not service.satisfied]
    return Reason(NOT_RETRYABLE, f"it is not tried again: {not_run_behind(gone[0]).text}") if gone else None


def failure(
    node: Node, outcome: Outcome, why: Reason, tail: str, cancelled: Reason | None, *, out_of_time: bool
) -> Ending:
    """How a task ends with a failure that no attempt follows, unless the run goes on after such a one.

    `why` is the refusal of another attempt, `cancelled` why the run ends, if it does; it may be `out_of_time`.
    """
    if cancelled and out_of_time and isinstance(outcome, Cancelled):
        return Event.CANCEL, cancelled
    rule, text = node.task.continue_on, describe(outcome)
    if why.code == LEFT:
        return ending(outcome), Reason(LEFT, f"{text}; {why.text}")
    if rule is not None and node.rescue is None and not cancelled and tolerated(rule, outcome, tail):
        return Event.DEGRADE, Reason("continued", f"{text}; `continue_on` lets the run go on")
    if node.rescue is not None:
        text = f"{node.rescue.reason.text}; its fallback {node.rescue.name} {text}"
    if why.code in (NOT_RETRYABLE, RETRY_BUDGET):
        text = f"{text}; {why.text}"
    return ending(outcome), Reason(RETRY_BUDGET if why.code == RETRY_BUDGET else code_of(outcome), text)


def completed(ended: Ending, recovery: Recovery, items: int) -> Ending:
    """How a task ends that would end so, and says that it has completed so many items."""
    if not (recovery.partial and items) or ended[0] is Event.DEGRADE or ended[1].code == LEFT:
        return ended
    count = "one completed item counts" if items == 1 else f"{items} completed items count"
    return Event.DEGRADE, Reason(COMPLETED, f"{ended[1].text}; its {count}")


def rescue(recovery: Recovery, outcome: Outcome, ended: Ending) -> Rescue | None:
    """What stands in for a task that would end so; None where nothing does.

    Two attempts never run side by side, so no program starts while the task's own processes cannot be ended.
    """
    if recovery.name is None or ended[0] is Event.DEGRADE or ended[1].code == LEFT:
        return None
    if isinstance(outcome, Unkillable) and recovery.instead is not None:
        return None
    from tetra_orchestrator.core.recovery import Rescue

    return Rescue(recovery.name, recovery.instead, *ended)


def standing_in(rescue: Rescue) -> Reason:
    """Why a task that failed for good gets one attempt more."""
    return Reason(FALLBACK, f"{rescue.reason.text}; its fallback {rescue.name} stands in")


def rescued(rescue: Rescue, what: str) -> Ending:
    """How a task ends for which that stands in which it has made before."""
    return Event.DEGRADE, Reason(FALLBACK, f"{rescue.reason.text}; its fallback {rescue.name} stands in: {what}")


def not_rescued(rescue: Rescue, why: str) -> Ending:
    """How a task ends whose fallback cannot stand in."""
    text = f"{rescue.reason.text}; its fallback {rescue.name} cannot stand in: {why}"
    return rescue.event, Reason(rescue.reason.code, text)


def verdict(progress: Progress) -> tuple[RunState, Reason]:
    """How a run ends that nobody has cancelled, and why."""
    if progress.failed:
        return RunState.FAILED, Reason("task_failed", f"{listed(progress.failures())} failed")
    if progress.any(TaskState.PARTIAL):
        return RunState.PARTIAL, Reason("task_partial", "some tasks ended partial")
    return RunState.SUCCEEDED, Reason("succeeded", "every task succeeded or was skipped")
