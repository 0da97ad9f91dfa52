"""`__task`: one task of a selection as a run of its own, for a scheduler that starts each task by itself.

What is asked for is a line of JSON on standard input, which stays open for as long as anybody wants the task: where it
ends, the run ends as by TERM. Standard output has events, as those of `run --json`, and at last how the task stands.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from threading import Thread

from tetra_orchestrator import wire
from tetra_orchestrator.cli.running import dated, storable, to_name, values_of
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.config.cache import remember
from tetra_orchestrator.core.history import DAGSTER
from tetra_orchestrator.core.model import RunPolicy
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.retry import delay_s, is_left
from tetra_orchestrator.core.selection import policy, select
from tetra_orchestrator.core.slices import RANGE, slices
from tetra_orchestrator.engine.apart import TASK, apart, apart_from_all, is_satisfied
from tetra_orchestrator.engine.overlap import TOGETHER
from tetra_orchestrator.engine.start import Request
from tetra_orchestrator.errors import UsageError
from tetra_orchestrator.launch import live_long, performer, refuse_unregistered, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.history import Partition
    from tetra_orchestrator.core.model import Mode, Project, Task
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.apart import Apart
    from tetra_orchestrator.ports import Reporter, Store, Subject

SCHEMA = "tetra.task/1"


class Order(Record):
    """What is asked for: the `task` of a mode or of pipelines, with everything else as for `run`.

    `jobs` are the ids of the scheduler's run, and of those that this one does again in part, newest first. `before` is
    how many attempts there have been, `left_s` the seconds that the job has left, `slot` the time that it is for.
    `state` is a folder for a store of its own.
    """

    task: str
    jobs: tuple[str, ...]
    before: int = 0
    left_s: float | None = None
    slot: str | None = None
    mode: str | None = None
    pipelines: tuple[str, ...] = ()
    params: Mapping[str, str] = {}
    start_date: str | None = None
    end_date: str | None = None
    config: str | None = None
    overlays: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    dialect: str | None = None
    bindings: str | None = None
    on: str | None = None
    force: bool = False
    state: str | None = None


def answer() -> int:
    """Do what standard input asks for and return the exit code of the run."""
    order = _order(sys.stdin.buffer.readline())
    Thread(target=_end_with_whoever_asked, daemon=True).start()
    loaded = load(Source(order.config, order.overlays, order.sets, order.dialect, order.bindings, order.on))
    if order.state is not None:
        loaded = loaded._replace(project=apart_from_all(loaded.project, order.state))
    store = wire.store(loaded.project.store_url, loaded.project.name)
    try:
        return _perform(order, loaded, store)
    finally:
        store.close()


def _order(line: bytes) -> Order:
    given: dict[str, Any] = json.loads(line)
    fields: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
    return Order(**fields)


def _end_with_whoever_asked() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _perform(order: Order, loaded: Loaded, store: Store) -> int:
    project, names = loaded.project, order.pipelines
    whole = select(project, order.mode if order.mode is not None or names else project.default_mode, names)
    marks = [f"{DAGSTER}_run={job}" for job in order.jobs]
    own = apart(project, whole, order.task, marks, store, wire.workspace(project).tail)
    if order.state is None:
        remember(project)
    loaded = loaded._replace(project=_limited(project, order))
    request = _request(order, loaded, own, whole)
    refuse_unregistered(loaded, request)
    live_long()
    subjects: list[Subject] = []
    with wire.screen() as screen, wire.world(loaded.project, os.environ, store) as world:
        reporters = wire.reporters("json", screen)

        def report(subject: Subject) -> Reporter:
            subjects.append(subject)
            screen.write(_line({"run_id": subject.run_id, "attempt_log": subject.log_of(order.task, order.before + 1)}))
            return reporters(subject)

        code = performer(loaded.project)(request, world, report)
        screen.settled = True
        for subject in subjects:
            screen.write(_line(_end(order, request, subject, code)))
        screen.flush()
        wire.prune(loaded.project, world)
        tell(loaded, store)
    return code


def _request(order: Order, loaded: Loaded, own: Apart, whole: Selection) -> Request:
    project = loaded.project
    given, partition = dated(project, whole.mode, dict(order.params), (order.start_date, order.end_date))
    if whole.mode is not None and partition is not None:
        _refuse_several(whole.mode, partition, project)
    tasks = tuple(_marked(task, order, own, project) if task.id == order.task else task for task in own.selection.tasks)
    return Request(
        project,
        own.selection._replace(tasks=tasks),
        loaded.document,
        values_of(project, whole.mode, given),
        partition,
        DAGSTER,
        force=order.force,
        config=to_name(project),
        secrets=loaded.secrets,
        given=storable(given, loaded.secrets),
        overlap=TOGETHER,
        again=own,
    )


def _refuse_several(mode: Mode, dates: Partition, project: Project) -> None:
    """Raises `UsageError` where the dates are more than one slice of the mode, of which each is a run."""
    cut = slices(dates.start, dates.end, mode.partition or RANGE, project.timezone)
    if len(cut) > 1:
        message = f"mode '{mode.name}' is run slice by slice ({mode.partition}), and the dates are {len(cut)} of them"
        raise UsageError(message, hint="start a job for each, or have `tetra run` or `tetra backfill` run them all")


def _marked(task: Task, order: Order, own: Apart, project: Project) -> Task:
    """The task as an attempt of somebody else's, who finds it by its tags."""
    most = policy(project, own.selection.mode).max_retries
    spent = most is not None and own.retries >= most
    attempts = order.before + 1 if spent else task.retry.max_attempts
    tags = (*task.tags, (f"{DAGSTER}_run", order.jobs[0]), (TASK, task.id))
    return task._replace(retry=task.retry._replace(before=order.before, max_attempts=attempts), tags=tags)


def _limited(project: Project, order: Order) -> Project:
    """The project with what holds for a run as a whole cut to one task."""
    modes = tuple(mode._replace(run=RunPolicy()) for mode in project.modes)
    environment = project.environment
    if order.slot is not None:
        environment = environment._replace(extra=(*environment.extra, ("TETRA_SLOT", order.slot)))
    return project._replace(run=RunPolicy(timeout_s=order.left_s), modes=modes, environment=environment)


def _line(fields: Mapping[str, Any]) -> str:
    return json.dumps({"schema": SCHEMA, **fields}) + "\n"


def _end(order: Order, request: Request, subject: Subject, code: int) -> dict[str, Any]:
    """How the task stands now."""
    row = next(row for row in subject.rows() if row.task_id == order.task)
    attempts = [one for one in subject.attempts() if one.task_id == order.task]
    task = next(task for task in request.selection.tasks if task.id == order.task)
    return {
        "run_id": subject.run_id,
        "task": row.task_id,
        "state": row.state,
        "reason": row.reason and row.reason._asdict(),
        "satisfied": is_satisfied(row),
        "outputs": row.outputs or {},
        "retry_in_s": delay_s(task.retry, order.before + 1, random.random()) if is_left(row) else None,
        "exit_code": code,
        "attempt": order.before + 1,
        "duration_s": attempts[-1].duration_s if attempts else None,
        "attempt_log": attempts[-1].log if attempts else None,
        "log": subject.log,
    }
