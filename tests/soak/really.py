"""Random runs for the real command: shell scripts that fail, fork away, ignore TERM, print, and are cancelled."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from signal import SIGINT, SIGKILL, SIGTERM
from typing import NamedTuple

from soak.scenario import POOLS, tasks_of
from tetra_orchestrator.core.model import RunPolicy, Task

SCRIPT = Path(__file__).with_name("task.sh")
FOR_EVER = 1_000_000
READERS = ("file", "file", "gone", "asleep", "closed")


class RealAct(NamedTuple):
    """What one attempt does, as `task.sh` reads it."""

    ticks: int
    how: str
    value: int
    obeys: str
    extra: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(map(str, (*self[:4], *self.extra)))


class RealRun(NamedTuple):
    """One run. `signals` are (seconds after its start, number); `reader` is what becomes of standard output."""

    label: str
    tasks: tuple[Task, ...]
    acts: dict[str, list[RealAct]]
    max_parallel: int
    policy: RunPolicy
    signals: tuple[tuple[float, int], ...]
    reader: str
    as_json: bool
    jumpy: bool

    def document(self, journal: Path) -> str:
        """The configuration, as JSON, which is YAML too."""
        pipelines = {task.id: self._pipeline(task) for task in self.tasks}
        run = {"stop_after": self.policy.stop_after, "max_retries": self.policy.max_retries}
        run |= {"timeout": self.policy.timeout_s, "barriers": self.policy.barriers}
        return json.dumps(
            {
                "version": 1,
                "project": "soak",
                "python": sys.executable,
                "env": {"set": {"JOURNAL": str(journal)}},
                "host": {"max_parallel": self.max_parallel},
                "pools": dict(POOLS),
                "pipelines": {**pipelines, "calm": {"shell": "true"}},
                "defaults": {"run": _given(run)},
                "modes": {"all": list(pipelines), "calm": ["calm"]},
            }
        )

    def _pipeline(self, task: Task) -> dict:
        how = dict(task.conditions)
        retry = {"max_attempts": task.retry.max_attempts, "delay": task.retry.delay_s, "backoff": task.retry.backoff}
        return _given(
            {
                "command": ["sh", str(SCRIPT), *map(str, self.acts[task.id])],
                "depends_on": [{one: how[one]} if one in how else one for one in task.depends_on],
                "run_if": {rule.task: {"states": list(rule.states)} for rule in task.run_if},
                "retry": retry,
                "timeout": task.timeout_s,
                "kill_grace": task.kill_grace_s,
                "priority": task.priority,
                "pool": dict(task.pool),
                "continue_on": {"failure": True} if task.continue_on else None,
                "until": "stopped" if task.service else None,
                "enabled": None if task.enabled else False,
                "survive": True if task.survive else None,
                "log_limit": task.log_limit_bytes or None,
            }
        )

    def describe(self) -> list[str]:
        """What is needed to understand it."""
        around = f"signals {self.signals}, standard output {self.reader}, clock jumps {self.jumpy}"
        return [around, self.document(Path("JOURNAL"))]


def real_run(seed: int, number: int) -> RealRun:
    """Run `number` of the seed."""
    label = f"real/{seed}/{number}"
    random = Random(label)
    tasks = tuple(_hurried(task, random) for task in tasks_of(random, most=7))
    signals: tuple[tuple[float, int], ...] = ()
    if random.random() < 0.35:
        first = random.uniform(0.2, 3.0)
        signals = ((first, random.choice([SIGINT, SIGTERM, SIGKILL])),)
        if random.random() < 0.4:
            signals += ((first + random.uniform(0, 1), SIGINT),)
    limit = 6.0 if any(task.service for task in tasks) and not signals else random.choice([None, None, 4.0])
    return RealRun(
        label,
        tasks,
        {task.id: [_act(random, task) for _ in range(task.retry.max_attempts)] for task in tasks},
        random.randint(1, 4),
        RunPolicy(
            timeout_s=limit,
            stop_after=random.choice([None, None, None, 1]),
            max_retries=random.choice([None, None, None, 1]),
            barriers=random.random() < 0.15 or None,
        ),
        signals,
        random.choice(READERS),
        random.random() < 0.5,
        random.random() < 0.3,
    )


def _hurried(task: Task, random: Random) -> Task:
    """The task with times that a real run has."""
    retry = task.retry._replace(delay_s=random.choice([0.0, 0.2]), jitter=0.0, max_attempts=random.randint(1, 3))
    return task._replace(
        retry=retry,
        timeout_s=random.choice([None, None, 0.5, 1.5]),
        kill_grace_s=random.choice([0.0, 0.3, 1.0]),
        wall_timeout_s=None,
        log_limit_bytes=random.choice([0, 0, 0, 20_000]),
        survive=random.random() < 0.15,
    )


def _act(random: Random, task: Task) -> RealAct:
    obeys = random.choice(["obeys", "obeys", "late", "never"])
    extra = tuple(word for word in ("orphan", "print", "outputs") if random.random() < 0.2)
    if task.service:
        ready = ("ready",) if random.random() < 0.9 else ()
        return RealAct(random.choice([FOR_EVER, FOR_EVER, 15]), "exit", 0, obeys, ready)
    how, value = random.choice([("exit", 0)] * 6 + [("exit", 1), ("exit", 7), ("signal", 9), ("signal", 11)])
    torn = ("torn",) if random.random() < 0.05 else ()
    return RealAct(random.choice([0, 0, 2, 10, 40]), how, value, obeys, extra + torn)


def _given(values: dict) -> dict:
    return {name: value for name, value in values.items() if value not in (None, {}, [])}
