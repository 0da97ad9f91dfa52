"""Random runs as plain values: a graph, how each attempt of each task behaves, and what happens to the run meanwhile.

Everything follows from the seed and the run's number, and what a task does only from them and its own name: so a run
can be repeated alone, and goes on behaving so when other tasks are taken out of it.
"""

from __future__ import annotations

from random import Random
from signal import SIGINT, SIGTERM
from typing import NamedTuple

from tetra_orchestrator.core.model import ContinueOn, RetryPolicy, RunIf, RunPolicy, Service, Task
from tetra_orchestrator.core.outcome import Exited, OutputsInvalid, Signalled, SpawnFailed
from tetra_orchestrator.core.standstill import standstill

POOLS = (("db", 2), ("api", 1))
DAY_S = 86400.0


class Act(NamedTuple):
    """What one attempt does: after `seconds` it `ends` so. Asked to end, it `obeys`: at once, late with 0, or never."""

    seconds: float
    ends: Exited | Signalled | SpawnFailed | OutputsInvalid
    obeys: str
    ready_s: float | None = None


class Scenario(NamedTuple):
    """One run. Times are seconds after its start; `jumps` move the wall clock, during `sleeps` the machine stands."""

    label: str
    tasks: tuple[Task, ...]
    max_parallel: int
    policy: RunPolicy
    signals: tuple[tuple[float, int], ...] = ()
    by_request: bool = False
    jumps: tuple[tuple[float, float], ...] = ()
    sleeps: tuple[tuple[float, float], ...] = ()

    def act(self, name: str, attempt: int) -> Act:
        """How this attempt of the task behaves."""
        task = next(task for task in self.tasks if task.id == name)
        return _act(Random(f"{self.label}/{name}/{attempt}"), task)

    def without(self, name: str) -> Scenario:
        """The same run without one task and all that refers to it."""
        return self._replace(tasks=tuple(_forget(task, name) for task in self.tasks if task.id != name))

    def describe(self) -> list[str]:
        """A line per task, and one of what happens to the run."""
        policy = {name: value for name, value in self.policy._asdict().items() if value}
        around = {"signals": self.signals, "by_request": self.by_request, "jumps": self.jumps, "sleeps": self.sleeps}
        head = f"at most {self.max_parallel} at a time; {policy}; { {k: v for k, v in around.items() if v} }"
        return [head, *(f"{_differing(task)} acts {self.act(task.id, 1)}" for task in self.tasks)]


def scenario(seed: int, number: int) -> Scenario:
    """Run `number` of the seed."""
    label = f"{seed}/{number}"
    random = Random(label)
    tasks = tasks_of(random)
    policy = RunPolicy(
        timeout_s=random.choice([None, None, None, 15.0]),
        stop_after=random.choice([None, None, None, 1, 2]),
        max_retries=random.choice([None, None, None, 1, 3]),
        barriers=random.random() < 0.15,
    )
    signals: tuple[tuple[float, int], ...] = ()
    if random.random() < 0.3:
        first = round(random.uniform(0, 12), 3)
        signals = ((first, random.choice([SIGINT, SIGTERM])),)
        if random.random() < 0.5:
            signals += ((round(first + random.uniform(0, 2), 3), SIGINT),)
    if not signals and any(task.service for task in tasks):
        policy = policy._replace(timeout_s=15.0)  # a service that nobody uses goes on until somebody ends it
    return Scenario(
        label,
        tasks,
        random.randint(1, 4),
        policy,
        signals,
        random.random() < 0.5,
        tuple((random.uniform(0, 15), random.choice([-DAY_S, DAY_S, 3600.0])) for _ in range(random.randint(0, 2))),
        tuple((random.uniform(0, 15), random.uniform(1, 8 * 3600)) for _ in range(random.choice([0, 0, 0, 1]))),
    )


def tasks_of(random: Random, *, most: int = 14) -> tuple[Task, ...]:
    """At most so many tasks without a cycle, in any order."""
    tasks: list[Task] = []
    for n in range(random.randint(1, random.choice([3, 6, most]))):
        upstream = random.sample([task.id for task in tasks], random.randint(0, min(3, n)))
        services = {task.id for task in tasks if task.service}
        tasks.append(_task(random, f"t{n:02d}", upstream, services))
    random.shuffle(tasks)
    # what could never end is refused before it starts
    return tasks_of(random, most=most) if standstill(tasks, barriers=True) else tuple(tasks)


def _task(random: Random, name: str, upstream: list[str], services: set[str]) -> Task:
    how = {one: random.choice(["ready"] * 3 + ["succeeded"] if one in services else ["succeeded"] * 4 + ["finished"])
           for one in upstream}  # fmt: skip
    finished = [one for one, condition in how.items() if condition == "finished"]
    run_if = tuple(
        RunIf(one, random.choice([("failed", "timed_out"), ("succeeded", "partial")]))
        for one in finished[:1]
        if random.random() < 0.5
    )
    return Task(
        id=name,
        pipeline=name,
        program=None,
        depends_on=tuple(upstream),
        conditions=tuple((one, condition) for one, condition in how.items() if condition != "succeeded"),
        run_if=run_if,
        enabled=random.random() > 0.05,
        priority=random.randint(-1, 1),
        retry=RetryPolicy(random.randint(1, 4), random.choice([0.0, 0.5, 2.0]), random.choice([1.0, 2.0]), jitter=0.2),
        timeout_s=random.choice([None, None, 1.0, 5.0]),
        wall_timeout_s=random.choice([None] * 5 + [60.0]),
        kill_grace_s=random.choice([0.0, 1.0, 3.0]),
        continue_on=random.choice([None, None, None, ContinueOn(failure=True)]),
        pool=random.choice([(), (), (("db", 1),), (("db", 2),), (("api", 1),)]),
        service=Service() if random.random() < 0.12 else None,
    )


def _act(random: Random, task: Task) -> Act:
    obeys = random.choice(["at once", "at once", "late", "never"])
    if task.service:
        gone = Act(random.uniform(1, 6), random.choice([Exited(0), Exited(1)]), obeys, random.choice([None, 0.3]))
        stays = Act(1e9, Exited(0), obeys, random.uniform(0, 2))
        return random.choice([stays, stays, stays, gone])
    if task.wall_timeout_s and random.random() < 0.5:
        return Act(10 * task.wall_timeout_s, Exited(0), obeys)
    seconds = random.choice([0.0, 0.01, 0.5, random.uniform(0, 3), random.uniform(0, 8)])
    failures = [Exited(1), Exited(7), Signalled(9), Signalled(11), OutputsInvalid("line 1: not an object")]
    failures += [SpawnFailed("EAGAIN", "no more processes"), SpawnFailed("ENOENT", "no such program")]
    return Act(seconds, Exited(0) if random.random() < 0.65 else random.choice(failures), obeys)


def _forget(task: Task, name: str) -> Task:
    return task._replace(
        depends_on=tuple(one for one in task.depends_on if one != name),
        conditions=tuple(one for one in task.conditions if one[0] != name),
        run_if=tuple(one for one in task.run_if if one.task != name),
    )


def _differing(task: Task) -> str:
    plain = Task(task.id, task.pipeline, None)
    told = {k: v for k, v in task._asdict().items() if v != getattr(plain, k)}
    return f"{task.id} {told}"
