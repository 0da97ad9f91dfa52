"""Conditions on how a task ended: whether another starts because of it, and whether a failure is one to go on after."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Exited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tetra_orchestrator.core.model import ContinueOn, RunIf, Task
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.core.states import TaskState

#: What a dependency has to be: over, however it ended, or a service that is ready.
FINISHED = "finished"
READY = "ready"


def unmet(rule: RunIf, state: TaskState, outcome: Outcome | None, tail: str) -> Reason | None:
    """Why the condition on a task that is over does not hold, or None. `outcome` is its last attempt's, if any."""
    code = outcome.code if isinstance(outcome, Exited) else None
    if rule.states and state not in rule.states:
        text = f"{rule.task} ended {_words(state)}, not {_either(rule.states)}"
    elif rule.exit_codes and code not in rule.exit_codes:
        ended = "without an exit code" if code is None else f"with exit code {code}"
        text = f"{rule.task} ended {ended}, not {_either(rule.exit_codes)}"
    elif rule.output is not None and not found_in(tail, (rule.output,)):
        text = f"'{rule.output}' is not in the log of {rule.task}"
    else:
        return None
    return Reason("condition_not_met", text)


def tolerated(rule: ContinueOn, outcome: Outcome, tail: str) -> bool:
    """True for a failure that any of the rule's parts speaks of."""
    return (
        rule.failure
        or (isinstance(outcome, Exited) and outcome.code in rule.exit_codes)
        or (rule.output is not None and found_in(tail, (rule.output,)))
    )


def found_in(log: str, patterns: Iterable[str]) -> bool:
    """True when one of the regular expressions is found anywhere; `^` and `$` stand for the ends of a line."""
    import re

    return any(re.search(pattern, log, re.MULTILINE) for pattern in patterns)


def searched(tasks: Sequence[Task]) -> frozenset[str]:
    """The ids of tasks of whose attempts it matters what their log says at the end."""
    found = {rule.task for task in tasks if task.run_if for rule in task.run_if if rule.output is not None}
    for task in tasks:
        retry, go_on = task.retry, task.continue_on
        if retry.on_output or retry.on_errors or retry.not_on_errors or (go_on and go_on.output is not None):
            found.add(task.id)
    return frozenset(found)


def _words(state: str) -> str:
    return state.replace("_", " ")


def _either(wanted: Sequence[object]) -> str:
    return " or ".join(_words(str(each)) for each in wanted)
