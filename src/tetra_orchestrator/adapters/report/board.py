"""What is known of a run while it goes on, from its events alone; times are seconds of a clock that never jumps."""

from __future__ import annotations

from collections import Counter, deque
from itertools import islice

from tetra_orchestrator.adapters.report.narration import FAILED
from tetra_orchestrator.core import events
from tetra_orchestrator.core.reasons import FALLBACK
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.core.states import SATISFIED, TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Subject

#: How many of the tasks that ended last are remembered in their order, and how far ahead is looked for waiting ones.
RECENT = AHEAD = 200
DONE = frozenset(SATISFIED | {"skipped"})


class Line:
    """One task: `began` is when its first attempt started, `since` when the present one did, `due` when the next will.

    `note` says why it is as it is.
    """

    __slots__ = ("attempt", "began", "due", "ended", "note", "since", "state")

    def __init__(self) -> None:
        self.state = "pending"
        self.attempt = 0
        self.began: float | None = None
        self.since: float | None = None
        self.due: float | None = None
        self.ended: float | None = None
        self.note = ""

    def took_s(self, now: float) -> float | None:
        """How long it has taken so far: its present attempt while that runs, in the end all of them."""
        if self.ended is not None:
            return None if self.began is None else self.ended - self.began
        return None if self.since is None else now - self.since


class Board:
    """The tasks of a run in the order of its plan. `active` are those that run or wait for their next attempt.

    `tasks` are what the file says of them, as far as it is known. `counts` has how many are in each state, `ended` the
    last that ended, `stopping` why the run was asked to end.
    """

    def __init__(self, subject: Subject):
        self.subject = subject
        self.lines = {name: Line() for name in subject.tasks}
        self.tasks = {task.id: task for task in subject.project.tasks()} if subject.project else {}
        self.counts = Counter({"pending": len(self.lines)})
        self.active: dict[str, Line] = {}
        self.ended: deque[str] = deque(maxlen=RECENT)
        self.failures: list[str] = []
        self.stopping = ""
        self.verdict: RunEvent | None = None
        self._names = subject.tasks
        self._position = {name: at for at, name in enumerate(subject.tasks)}
        self._first = 0

    @property
    def done(self) -> int:
        """How many tasks need not be done any more."""
        return sum(count for state, count in self.counts.items() if state in DONE)

    def take(self, event: RunEvent, now: float) -> None:
        """Take the event in."""
        if event.event == events.RUN_STOPPING:
            self.stopping = event.reason.text if event.reason else "stopping"
        elif event.event == events.RUN_FINISHED:
            self.verdict = event
        elif event.task in self.lines and event.event not in (events.RECOVERY_STEP, events.TASK_SLOW):
            self._take(event.task, event, now)

    def _take(self, name: str, event: RunEvent, now: float) -> None:
        line, state = self.lines[name], event.state or self.lines[name].state
        self.counts[line.state] -= 1
        self.counts[state] += 1
        line.state, line.attempt = state, event.attempt or line.attempt
        line.note = event.reason.text if event.reason and state != "succeeded" else ""
        if event.event == events.ATTEMPT_STARTED:
            line.began, line.since, line.due = now if line.began is None else line.began, now, None
            line.note = ""
            self.active[name] = line
        elif event.event == events.RETRY_SCHEDULED:
            stands_in = event.reason is not None and event.reason.code == FALLBACK
            line.since, line.due = None, now + (0.0 if stands_in else self._delay_s(name, line))
        elif state in TERMINAL and line.ended is None:
            self._end(name, line, now)

    def _end(self, name: str, line: Line, now: float) -> None:
        line.ended, line.due = now, None
        self.active.pop(name, None)
        self.ended.append(name)
        if line.state in FAILED:
            self.failures.append(name)

    def _delay_s(self, name: str, line: Line) -> float:
        task = self.tasks.get(name)
        return delay_s(task.retry, line.attempt) if task else 0.0

    def usual_s(self, name: str) -> float | None:
        """How long an attempt of the task usually takes."""
        task = self.tasks.get(name)
        return self.subject.expected_s.get(name, task.expected_s if task else None)

    def window(self, room: int) -> list[str]:
        """The tasks that matter most now, at most so many, in the order of the plan.

        These are what runs, what has failed lately, what comes next, and what has ended last.
        """
        if len(self._names) <= room:
            return list(self._names)
        waiting, third = list(islice(self._waiting(), room)), max(room // 3, 1)
        order = (
            list(self.active)[:room],
            self.failures[-third:],
            waiting[:third],
            list(reversed(self.ended)),
            waiting[third:],
        )
        chosen = dict.fromkeys(name for names in order for name in names)
        return sorted(islice(chosen, room), key=self._position.__getitem__)

    def _waiting(self) -> Iterator[str]:
        """The next tasks that have not started, as far as they are near."""
        while self._first < len(self._names) and self.lines[self._names[self._first]].state != "pending":
            self._first += 1
        near = islice(self._names, self._first, self._first + AHEAD)
        return (name for name in near if self.lines[name].state == "pending")
