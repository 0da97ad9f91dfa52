"""What must hold after every run, however it went. Each check yields one line per violation, with its invariant first.

I1 attempts of a task never overlap · I2 success means exit 0 and readable outputs · I3 one terminal state · I4 the
events tell what the rows say, and a terminal state stays · I6 nothing starts before what it waits for is durable, or
after the end was decided · I8 nothing is left running · I10 no reporter matters · I12 the exit code is the outcome's ·
I14 what has to end ends in time · L limits of places, pools and attempts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tetra_orchestrator.core.graph import levels
from tetra_orchestrator.core.model import Task
from tetra_orchestrator.core.outcome import kind_of
from tetra_orchestrator.core.states import RUN_TERMINAL, SATISFIED, TERMINAL, TRANSITIONS, RunState, TaskState
from tetra_orchestrator.errors import Exit

#: Seconds by which an end may be late in a simulation: one look of the loop.
LATE_S = 0.3
#: How far ahead at most the next look at a wall limit is.
WALL_LOOK_S = 30.0
EXIT_CODES = {RunState.SUCCEEDED: Exit.OK, RunState.PARTIAL: Exit.PARTIAL}
INTERRUPTED = {Exit.FAILED, Exit.INTERRUPTED, Exit.TERMINATED}


def of_rows(store, run_id: str, exit_code: int | None, graph: Mapping[str, Task]) -> Iterator[str]:
    """What the store says of one finished run. `exit_code` is the command's, None where it had none."""
    run, rows = store.run(run_id), {row.task_id: row for row in store.task_runs(run_id)}
    attempts, events = store.attempts(run_id), store.events(run_id)
    if run.state not in RUN_TERMINAL:
        yield f"I3 the run is {run.state}"
        return
    yield from (f"I3 {row.task_id} is {row.state}" for row in rows.values() if row.state not in TERMINAL)
    yield from (f"I3 attempt {a.number} of {a.task_id} is open" for a in attempts if a.kind is None)
    yield from _exit(run, exit_code)
    yield from _replayed(run, rows, events)
    yield from _attempts(rows, attempts)
    if run.state != RunState.LOST:
        yield from _order(graph, rows, events)


def _exit(run, exit_code: int | None) -> Iterator[str]:
    state = RunState(run.state)
    allowed = INTERRUPTED if state is RunState.CANCELLED else {EXIT_CODES.get(state, Exit.FAILED)}
    if run.exit_code not in allowed:
        yield f"I12 a {state} run has the exit code {run.exit_code}"
    if exit_code is not None and exit_code != run.exit_code:
        yield f"I12 the command ended with {exit_code}, and the run's row says {run.exit_code}"


def _replayed(run, rows, events) -> Iterator[str]:
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        yield "I4 the numbers of the events have a gap"
    names = [event.event for event in events]
    if names.count("run.finished") != 1 or names[-1:] != ["run.finished"] or names[:1] != ["run.started"]:
        yield f"I3 the events of the run itself are {[n for n in names if n.startswith('run.')]}"
    elif events[-1].state != run.state:
        yield f"I4 the last event says {events[-1].state}, and the run is {run.state}"
    states: dict[str, str] = {}
    over: set[str] = set()
    started: Counter[str] = Counter()
    for event in events:
        if event.task is None:
            continue
        if event.task in over:
            yield f"I4 {event.event} of {event.task} comes after its end"
        states[event.task] = event.state
        started[event.task] += event.event == "attempt.started"
        over |= {event.task} if event.event in ("task.finished", "task.skipped") else set()
    for name, row in rows.items():
        if states.get(name) != row.state or name not in over:
            yield f"I4 {name} is {row.state}, and its events say {states.get(name)}"
        if started[name] != row.attempts:
            yield f"I4 {name} has {row.attempts} attempts, and {started[name]} events of a start"


def _attempts(rows, attempts) -> Iterator[str]:
    by_task = defaultdict(list)
    for attempt in attempts:
        by_task[attempt.task_id].append(attempt)
    for name, row in rows.items():
        mine = by_task[name]
        if [one.number for one in mine] != list(range(1, row.attempts + 1)):
            yield f"I4 {name} has the attempts {[one.number for one in mine]} of {row.attempts}"
        good = [one for one in mine if one.kind == "stopped" or (one.kind, one.exit_code) == ("exited", 0)]
        if row.state == TaskState.SUCCEEDED and good != mine[-1:]:
            yield f"I2 {name} succeeded, and its attempts ended {[(one.kind, one.exit_code) for one in mine]}"
        if row.state != TaskState.SUCCEEDED and good:
            yield f"I2 {name} is {row.state}, although an attempt succeeded"


def _order(graph: Mapping[str, Task], rows, events) -> Iterator[str]:
    """No first attempt before what it waits for was told."""
    over: set[str] = set()
    ready: set[str] = set()
    for event in events:
        if event.event == "attempt.started":
            for need, how in needs(graph[event.task]).items():
                good = rows[need].state in SATISFIED and need in over
                met = need in over if how == "finished" else good or (how == "ready" and need in ready)
                if not met:
                    yield f"I6 {event.task} was started before {need} was {how}"
        over |= {event.task} if event.event in ("task.finished", "task.skipped") else set()
        ready |= {event.task} if event.event == "task.ready" else set()


def needs(task: Task) -> dict[str, str]:
    """What a task depends on, and how that has to be."""
    return dict.fromkeys(task.depends_on, "succeeded") | dict(task.conditions)


def of_simulation(sim) -> Iterator[str]:
    """What holds of a simulated run besides its rows."""
    graph = {task.id: task for task in sim.given.tasks}
    spans = defaultdict(list)
    for span in sim.runner.spans:
        spans[span.task].append(span)
    if sim.runner.left:
        yield f"I8 {', '.join(sim.runner.left)} ran on when the run was over"
    reported = [(event.seq, event.event) for event in sim.reporter.events]
    if reported != [(event.seq, event.event) for event in sim.store.events(sim.last_run.run_id)]:
        yield "I4 the reporter was told other events than were stored"
    for name, mine in spans.items():
        yield from _apart(graph[name], mine)
        yield from (line for span in mine for line in _in_time(graph[name], span, sim))
    yield from _room(graph, sim)
    yield from of_retries(sim.given.tasks, sim.store.task_runs(sim.last_run.run_id), sim.given.policy.max_retries)
    yield from _meant(graph, sim)


def _apart(task: Task, spans) -> Iterator[str]:
    for before, after in zip(spans, spans[1:], strict=False):
        if after.began < before.ended:
            yield f"I1 attempts {before.attempt} and {after.attempt} of {task.id} overlap"
        least = task.retry.delay_s * task.retry.backoff ** (before.attempt - 1) * (1 - task.retry.jitter)
        if after.attempt == before.attempt + 1 and after.began - before.ended < least - 0.01:
            yield f"L attempt {after.attempt} of {task.id} started {after.began - before.ended:.2f} s after the last"


def _in_time(task: Task, span, sim) -> Iterator[str]:
    grace = task.kill_grace_s
    lasted = span.ended - span.began
    if task.timeout_s is not None and lasted > task.timeout_s + grace + LATE_S:
        yield f"I14 attempt {span.attempt} of {task.id} lasted {lasted:.1f} s, its limit is {task.timeout_s} s"
    if task.wall_timeout_s and span.ended > _over_by_the_wall(task.wall_timeout_s, span, sim) + grace + LATE_S:
        yield f"I14 attempt {span.attempt} of {task.id} lasted {span.elapsed_s:.1f} s by the wall, its limit is less"
    if sim.stopped_at is not None and span.ended > max(sim.stopped_at, span.began) + grace + LATE_S:
        yield f"I14 attempt {span.attempt} of {task.id} ended {span.ended - sim.stopped_at:.1f} s after the cancel"
    limit = sim.given.policy.timeout_s
    if limit is not None and span.ended - 1000.0 > limit + grace + LATE_S:
        yield f"I14 {task.id} ended {span.ended - 1000.0:.1f} s after the start of a run of at most {limit} s"


def _over_by_the_wall(limit_s: float, span, sim) -> float:
    """The monotonic second by which a time limit that counts sleep too has been seen to be over."""
    over = span.began + limit_s
    for at, seconds in sim.given.sleeps:
        woke = 1000.0 + at
        if span.began <= woke < over:
            over = max(woke, over - seconds)
    return over + WALL_LOOK_S


def _room(graph: Mapping[str, Task], sim) -> Iterator[str]:
    """At each start: how many batch tasks run. Pools may be overdrawn where only a service holds them."""
    any_service = any(task.service for task in graph.values())
    spans = sim.runner.spans
    for at in spans:
        now = [graph[one.task] for one in spans if one.began <= at.began < one.ended]
        if len([task for task in now if not task.service]) > sim.given.max_parallel:
            yield f"L {len(now)} tasks ran at the same time, and {sim.given.max_parallel} may"
        used = Counter({name: sum(dict(task.pool).get(name, 0) for task in now) for name in dict(sim.project.pools)})
        if not any_service and any(used[name] > size for name, size in sim.project.pools):
            yield f"L the pools {dict(used)} are overdrawn"


def of_retries(tasks: Iterable[Task], rows: Iterable, budget: int | None) -> Iterator[str]:
    """No task has more attempts than it may, and all of them together no more retries."""
    attempts = {row.task_id: row.attempts for row in rows}
    for task in tasks:
        if attempts[task.id] > task.retry.max_attempts:
            yield f"L {task.id} had {attempts[task.id]} attempts of {task.retry.max_attempts}"
    spent = sum(max(number - 1, 0) for number in attempts.values())
    if budget is not None and spent > budget:
        yield f"L {spent} retries were made of {budget}"


def _meant(graph: Mapping[str, Task], sim) -> Iterator[str]:
    """What attempts did against what is said of them."""
    for one in sim.store.attempts(sim.last_run.run_id):
        ends = sim.given.act(one.task_id, one.number).ends
        said = (one.kind, one.exit_code, one.signal)
        if one.kind in ("exited", "signalled", "outputs_invalid", "spawn_error") and said != kind_of(ends):
            yield f"I2 attempt {one.number} of {one.task_id} ended {kind_of(ends)}, and its row says {said}"
    for row in sim.store.task_runs(sim.last_run.run_id):
        if row.state == TaskState.SUCCEEDED and not graph[row.task_id].service and row.outputs != {"n": row.attempts}:
            yield f"I2 {row.task_id} succeeded in attempt {row.attempts} with the outputs {row.outputs}"


class Watcher:
    """Looks at the store whenever a process is about to start, and at every change that is recorded."""

    def __init__(self, sim):
        self.sim = sim
        self.found: list[str] = []
        self.graph = {task.id: task for task in sim.given.tasks}
        order = levels({name: task.depends_on for name, task in self.graph.items()})
        self.level = {name: n for n, names in enumerate(order) for name in names}
        sim.runner.on_submit = self._on_submit
        self._record, sim.store.record = sim.store.record, self._on_record

    def _on_submit(self, name: str, attempt: int) -> None:
        rows = {row.task_id: row for row in self.sim.store.task_runs(self.sim.last_run.run_id)}
        if (rows[name].state, rows[name].attempts) != (TaskState.SUBMITTED, attempt):
            self.found.append(f"I6 attempt {attempt} of {name} starts while its row says {rows[name].state}")
        if self.sim.stopped_at is not None:
            self.found.append(f"I6 {name} was started after the run had been cancelled")
        for need, how in needs(self.graph[name]).items():
            state = rows[need].state
            good = state in (TERMINAL if how == "finished" else SATISFIED) or (how == "ready" and state == "ready")
            if not good:
                self.found.append(f"I6 {name} starts while {need}, which has to be {how}, is durably {state}")
        behind = [n for n in rows if self.level[n] < self.level[name] and self._unfinished(rows[n])]
        if self.sim.given.policy.barriers and behind:
            self.found.append(f"L {name} was started before {behind[0]} of an earlier level was over")

    def _unfinished(self, row) -> bool:
        return row.state not in TERMINAL and not self.graph[row.task_id].service

    def _on_record(self, changes: Iterable) -> None:
        changes = list(changes)
        for change in changes:
            if type(change).__name__ == "TaskMoved" and change.after not in TRANSITIONS[change.before].values():
                self.found.append(f"I4 {change.task_id} went from {change.before} to {change.after}")
        self._record(changes)


def signature(sim) -> tuple:
    """All that was recorded of the run."""
    run_id = sim.last_run.run_id
    rows = sim.store.task_runs(run_id), sim.store.attempts(run_id), sim.store.events(run_id)
    return sim.exit_code, sim.last_run, *(tuple(each) for each in rows)
