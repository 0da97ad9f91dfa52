"""What is to be said of a project's timers: installed as the file has them, and waiting for their times."""

from __future__ import annotations

from tetra_orchestrator.core.diagnosis import ERROR, OK, WARNING, Diagnosis
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.unit_plan import ADD, BUSY, CHANGE, EDITED, FOREIGN, MOVED, ORPHAN
from tetra_orchestrator.engine.timers import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tetra_orchestrator.core.unit_plan import Action
    from tetra_orchestrator.engine.timers import Site
    from tetra_orchestrator.timer_port import TimerState

_APPLY = "tetra schedule apply"
_PRUNE = "tetra schedule prune"
#: What is wrong with a file that a plan does not keep: a code and how bad it is.
_FAULTS = {
    ADD: ("units_missing", WARNING),
    CHANGE: ("units_stale", WARNING),
    BUSY: ("units_stale", WARNING),
    MOVED: ("units_moved", WARNING),
    EDITED: ("units_edited", WARNING),
    FOREIGN: ("units_foreign", ERROR),
    ORPHAN: ("units_orphaned", WARNING),
}
_MISSING = "is not installed: nothing wakes what it is for"


def timer_health(site: Site, disabled: Collection[str]) -> list[Diagnosis]:
    """The findings about each unit beside what the file asks for, and about how the scheduler sees each timer.

    The timers that are `disabled` are not meant to wait. Raises what the backend raises.
    """
    found = survey(site, disabled)
    absent = {site.backend.timer_of(site.project, action.file) for action in found.actions if action.kind == ADD}
    states = {name: state for name, state in found.states.items() if state.known or not absent & {name, None}}
    diagnoses = [*_files(found.actions), *_off(states, disabled)]
    if diagnoses or not states:
        return diagnoses
    due = [(state.next_at, name) for name, state in states.items() if state.next_at is not None]
    following = f"; the next, {min(due)[1]}, is due at {instant(min(due)[0])}" if due else ""
    return [Diagnosis("timers", OK, f"{len(states)} timers are installed as the file has them{following}")]


def _files(actions: Sequence[Action]) -> Iterator[Diagnosis]:
    for action in actions:
        if action.kind in _FAULTS:
            text = _MISSING if action.kind == ADD else action.text
            yield Diagnosis(*_FAULTS[action.kind], f"{action.file} {text}", _remedy(action))


def _remedy(action: Action) -> str:
    command = _APPLY if action.wanted else _PRUNE
    if action.kind == FOREIGN:
        return f"rename the schedule, or take the file over: {command} --force"
    if action.kind == EDITED:
        return f"keep it as it is, or give up what was edited: {command} --force"
    if action.kind == BUSY:
        return f"when the run has ended: {command}"
    return command


def _off(states: Mapping[str, TimerState], disabled: Collection[str]) -> Iterator[Diagnosis]:
    for name, state in states.items():
        if name in disabled or (state.known and state.enabled and state.waiting):
            continue
        severity = ERROR
        if not state.known:
            message = f"the timer {name} is not known to the scheduler"
        elif state.enabled:
            message = f"the timer {name} is loaded and does not wait for its next time"
        else:
            severity, message = WARNING, f"the timer {name} is switched off"
        yield Diagnosis("timer_off", severity, message, f"tetra schedule enable {name}")
