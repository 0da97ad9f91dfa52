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

## What starts, and in which order

Of the tasks that could start, the highest `priority` goes first, then the longest path behind it. A path is as long as
its tasks take: as learned from earlier runs, else as `expected` says, else like the median of those that are known.
While nothing is known each counts 1, so the order is by depth. What the file names first breaks ties.

A task that finds no room lets others pass, because room that it cannot use would be lost. But when others that take of
what it waits for have gone before it as often as fills all places of the run eight times, nothing less urgent gets any
more of it until that task has started. So a heavy task waits longer than small ones, but not for ever.

When nothing but services runs, and they hold the room that a task or a service in use waits for, that starts all the
same: they may end only after it. What other runs hold is never taken so.

| reason of a task that waits | what it waits for |
|---|---|
| `dependencies` | tasks that are not over, or services that are not ready |
| `barrier` | with `barriers`: the levels before its own |
| `retry_scheduled` | the time of its next attempt |
| `places` | one of the places of the run or of the host (`max_parallel`); a service takes none |
| `pool`, `host` | room in the pool that the text names, or the cpu, memory or gpu of the host |
| `kept` | a more urgent task that has been passed often enough |

## What ends a task that has not failed by itself

| state and reason | why |
|---|---|
| `upstream_failed`, `upstream_failed` | something that it needs has failed |
| `partial`, `fallback` | it has failed for good, and its fallback has stood in |
| `partial`, `partial_recovery` | it has failed for good, and what it has completed counts |
| `skipped`, `upstream_skipped` | something that it needs was skipped, unless an earlier run did that |
| `skipped`, `already_succeeded` | the run resumes one that did it; what depends on it may start |
| `skipped`, `not_selected` or `not_retried` | it is not in the part that was asked for, or not to be tried again |
| `skipped`, `disabled` or `paused` | `enabled: false`, or `tetra pause`; what needs it is skipped, too |
| `cancelled`, `failure_limit` | `stop_after` tasks have failed. What runs then still ends, and is not retried |
| `cancelled`, `level_failed` | with `barriers`: a task of an earlier level has failed; its level still runs |
| `failed`, `upstream_failed` | it was to be retried with a service that has failed for good |
| `failed` or `timed_out`, `retry_budget` | its own policy would retry it, but all `max_retries` are used up |

A time limit counts while the machine is awake, a wall limit also while it sleeps. An attempt has one cause of its end:
the first of its exit and its limits that becomes known.
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
