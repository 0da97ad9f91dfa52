"""Whether an attempt is followed by another, and after how long."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Cancelled, Lost, SpawnFailed, succeeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import RetryPolicy
    from tetra_orchestrator.core.outcome import Outcome

#: Starting again cannot mend these: the file, its rights or its arguments are wrong, or an output is missing.
PERMANENT_SPAWN_ERRORS = frozenset({"ENOENT", "EACCES", "ENOEXEC", "ENOTDIR", "EISDIR", "E2BIG", "EINVAL", "template"})


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


def refusal(policy: RetryPolicy, attempts: int, outcome: Outcome) -> Reason | None:
    """Why there is no further attempt after `attempts` of them, or None when there is one."""
    if succeeded(outcome):
        return Reason("succeeded", "it succeeded")
    if isinstance(outcome, Cancelled):
        return Reason("cancelled", "the run was cancelled")
    if isinstance(outcome, Lost):
        return Reason("lost", "how it ended cannot be known, and it may have done its work")
    if isinstance(outcome, SpawnFailed) and outcome.error in PERMANENT_SPAWN_ERRORS:
        return Reason("spawn_error", f"starting it again cannot help: {outcome.text}")
    if attempts >= policy.max_attempts:
        return Reason("attempts_exhausted", f"all {policy.max_attempts} attempts failed")
    return None
