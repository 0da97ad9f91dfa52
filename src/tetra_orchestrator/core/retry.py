"""Whether an attempt is followed by another, and after how long."""

from __future__ import annotations

from tetra_orchestrator.core.condition import found_in
from tetra_orchestrator.core.failure import NOTHING, classes
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Cancelled, Exited, Lost, SpawnFailed, Unkillable, succeeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.failure import Evidence
    from tetra_orchestrator.core.history import TaskRun
    from tetra_orchestrator.core.model import RetryPolicy
    from tetra_orchestrator.core.outcome import Outcome

#: The code of a failure that the policy does not speak of.
NOT_RETRYABLE = "not_retryable"
#: The code of a failure that comes when all retries of the run are used up.
RETRY_BUDGET = "retry_budget"
#: The code of a failure after which somebody else tries the task again.
LEFT = "left_to_try_again"
#: Starting again cannot mend these: the file, its rights or its arguments are wrong, or an output is missing.
PERMANENT_SPAWN_ERRORS = frozenset({"ENOENT", "EACCES", "ENOEXEC", "ENOTDIR", "EISDIR", "E2BIG", "EINVAL", "template"})


def is_left(row: TaskRun) -> bool:
    """Whether the task has failed in a run after which somebody else tries it again."""
    return row.reason is not None and row.reason.code == LEFT


def delay_s(policy: RetryPolicy, failures: int, random: float = 0.5) -> float:
    """Seconds to wait after the `failures`-th failed attempt: `delay * backoff^(n-1)`, capped, spread by jitter.

    `random` in [0, 1) places the wait within `delay * (1 +- jitter)`.
    """
    try:
        wait = policy.delay_s * policy.backoff ** (failures - 1)
    except OverflowError:
        wait = policy.max_delay_s if policy.delay_s else 0.0
    wait = min(wait, policy.max_delay_s)
    return max(0.0, wait * (1 + policy.jitter * (2 * random - 1)))


def refusal(
    policy: RetryPolicy, attempts: int, outcome: Outcome, evidence: Evidence = NOTHING, *, repeatable: bool = False
) -> Reason | None:
    """Why there is no further attempt after `attempts` of them, or None when there is one.

    What is `repeatable` may be done again although it may have done its work.
    """
    if succeeded(outcome):
        return Reason("succeeded", "it succeeded")
    if isinstance(outcome, Cancelled):
        return Reason("cancelled", "the run was cancelled")
    if isinstance(outcome, Lost) and not repeatable:
        return Reason("lost", "how it ended cannot be known, and it may have done its work")
    if isinstance(outcome, Unkillable):
        return Reason("unkillable", "its processes are still there, and two attempts never run side by side")
    if isinstance(outcome, SpawnFailed) and outcome.error in PERMANENT_SPAWN_ERRORS:
        return Reason("spawn_error", f"starting it again cannot help: {outcome.text}")
    if attempts >= policy.max_attempts:
        return Reason("attempts_exhausted", f"all {policy.max_attempts} attempts failed")
    unfit = _wrong_class(policy, outcome, evidence) or _wrong_end(policy, outcome, evidence)
    if unfit is None and policy.before is not None:
        return Reason(LEFT, "whoever asked for it tries it again")
    return Reason(NOT_RETRYABLE, f"it is not tried again: {unfit}") if unfit else None


def _wrong_end(policy: RetryPolicy, outcome: Outcome, evidence: Evidence) -> str | None:
    """What the policy wants of exit code and log and this failure does not have."""
    codes = policy.on_exit_codes
    if codes and not (isinstance(outcome, Exited) and outcome.code in codes):
        return f"`on_exit_codes` has only {', '.join(map(str, codes))}"
    if policy.on_output and not found_in(evidence.tail, policy.on_output):
        return "nothing of `on_output` is in its log"
    return None


def _wrong_class(policy: RetryPolicy, outcome: Outcome, evidence: Evidence) -> str | None:
    """Which class of failure is excluded; one of no known class never is."""
    if not policy.on_errors and not policy.not_on_errors:
        return None
    found = classes(outcome, evidence)
    excluded = [name for name in found if name in policy.not_on_errors]
    if excluded:
        return f"{excluded[0]} is among `not_on_errors`"
    if found and policy.on_errors and not set(found) & set(policy.on_errors):
        return f"{found[0]} is not among `on_errors`"
    return None
