"""Draws the state machines as Mermaid diagrams. Its output is docs/state_machine.md, which says how to run it."""

from collections.abc import Mapping
from enum import StrEnum

from tetra_orchestrator.core.states import RUN_TRANSITIONS, TRANSITIONS, Event, RunState, TaskState

PAGE = """\
# State machines

Generated from the tables in `src/tetra_orchestrator/core/states.py`; a test compares them. To write it anew, in the
folder `tests`: `PYTHONPATH=../src python -m support.state_machine > ../docs/state_machine.md`

## A task in its run

{task}

## A run

{run}
"""


def diagram(first: StrEnum, transitions: Mapping[StrEnum, Mapping[Event, StrEnum]]) -> str:
    """One Mermaid block: an arrow for every transition, and the end for every state without one."""
    arrows = [f"    [*] --> {first}"]
    reached: dict[StrEnum, None] = {}
    for state, exits in transitions.items():
        for event, after in exits.items():
            arrows.append(f"    {state} --> {after}: {event}")
            reached[after] = None
    arrows += [f"    {state} --> [*]" for state in reached if state not in transitions]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])


def page() -> str:
    """The text of docs/state_machine.md."""
    task = diagram(TaskState.PENDING, TRANSITIONS)
    return PAGE.format(task=task, run=diagram(RunState.QUEUED, RUN_TRANSITIONS))


if __name__ == "__main__":
    print(page(), end="")
