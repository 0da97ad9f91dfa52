"""Getting in beside other runs: the locks of the pipelines, and what is done while another run has them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.reasons import REPLACE_REQUEST
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState
from tetra_orchestrator.engine.reconcile import is_owned, reconcile, survivors
from tetra_orchestrator.errors import Exit, NotNow
from tetra_orchestrator.signals import SIGINT, SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.engine.start import World

#: What is done while another run of one of the pipelines is active.
SKIP, QUEUE, REPLACE, ALLOW = "skip", "queue", "replace", "allow"
OVERLAPS = (SKIP, QUEUE, REPLACE, ALLOW)
#: For the runs of a backfill, or of one job of Dagster: they go beside each other, and wait for all others.
TOGETHER = "together"
#: How the tag begins that says which job of Dagster the run is a part of.
JOB = "dagster_run="
#: Seconds between two tries of a run that waits.
POLL_S = 0.25
#: Seconds that a run which is to be replaced gets for its end.
REPLACE_S = 60.0


class Interrupted(Exception):
    """A signal has ended the waiting; `code` is the exit code for it."""

    def __init__(self, number: int):
        super().__init__(number)
        self.code = Exit.INTERRUPTED if number == SIGINT else Exit.TERMINATED


@contextmanager
def admitted(
    run: Run, pipelines: Sequence[str], overlap: str, world: World, on_wait: Callable[[], None]
) -> Iterator[None]:
    """Hold the locks of the pipelines, with what dead owners left behind settled.

    While another run has them: `skip` raises `NotNow` naming it, `queue` waits for its turn (`on_wait` is called
    once), `replace` ends it, `allow` goes on beside it; `together` is as `queue`, and goes on beside runs of the same
    backfill. Raises `Interrupted` where a signal ends the waiting.
    """
    with ExitStack() as stack:
        try:
            _enter(run, pipelines, overlap, world, stack)
        except NotNow as busy:
            if overlap in (QUEUE, TOGETHER):
                world.tell(f"waiting: {busy.message}")
                on_wait()
                _wait_for_turn(run, pipelines, overlap, world, stack)
            elif overlap == REPLACE:
                runs = [other for other in _others(pipelines, world) if other.state != RunState.QUEUED]
                if not any(other.backfill for other in runs):
                    _replace(runs, world)
                    _enter(run, pipelines, overlap, world, stack)
                else:  # whose next run would get in first, were we not seen to wait
                    on_wait()
                    _replace(runs, world)
                    _wait_for_turn(run, pipelines, overlap, world, stack)
            else:
                raise
        yield
        failpoints.hit("lock.release")


def _enter(run: Run, pipelines: Sequence[str], overlap: str, world: World, stack: ExitStack) -> None:
    """Take the locks into `stack`. Raises `NotNow` where another run, or what lives on of one, has a pipeline."""
    names = [f"pipeline-{name}" for name in pipelines]
    with ExitStack() as tried:
        # two that allow each other share the locks, so that whoever does not keeps away from both
        with suppress(NotNow) if overlap == ALLOW else ExitStack():
            shared = overlap in (ALLOW, TOGETHER)
            tried.enter_context(world.locks.held(names, f"run {run.run_id}", shared=shared))
        # under the locks, or an owner could die between our look and our start
        reconcile(world.scene, end_survivors=True)
        if overlap != ALLOW:
            _refuse_others(run, pipelines, world)
        failpoints.hit("lock.taken")
        stack.push(tried.pop_all())


def _refuse_others(run: Run, pipelines: Sequence[str], world: World) -> None:
    """Raises `NotNow` where one of the pipelines is run without its lock: beside another that allowed it, or by an
    attempt that has outlived the owner of its run."""
    for other in _others(pipelines, world):
        if other.run_id == run.resumes or _gives_way(other, run):
            continue
        if is_owned(other, world.scene):
            message = f"run {other.run_id} is running beside others, and this one does not allow that"
            raise NotNow(message, hint=f"wait until it ends, or end it with `tetra cancel {other.run_id}`")
        for attempt in survivors(other.run_id, world.scene):
            raise NotNow(
                f"{attempt.task_id} of run {other.run_id}, whose owner has died, is still running",
                hint=f"`tetra resume {other.run_id}` waits for it and goes on, `tetra cancel {other.run_id}` ends it",
            )


def _gives_way(other: Run, run: Run) -> bool:
    """Whether the other does not mind the run: it is of the same backfill, or waits and has not done so for longer.

    A backfill starts one run after the other, and would leave whoever waits no moment to get in.
    """
    if _family(run) is None:
        return other.state == RunState.QUEUED
    return _family(other) == _family(run) or (other.state == RunState.QUEUED and other.run_id > run.run_id)


def _family(run: Run) -> str | None:
    """What the runs have in common that go beside each other: their backfill, or the job of another scheduler."""
    return run.backfill or next((tag for tag in run.tags if tag.startswith(JOB)), None)


def _others(pipelines: Sequence[str], world: World) -> list[Run]:
    """The active runs of any of the pipelines, newest first."""
    active = world.store.runs(active=True, limit=1000)
    return [run for run in active if {row.pipeline for row in world.store.task_runs(run.run_id)} & set(pipelines)]


def _wait_for_turn(run: Run, pipelines: Sequence[str], overlap: str, world: World, stack: ExitStack) -> None:
    """Enter when those who have the pipelines are done, after those who have waited longer."""
    while True:
        pause(world)
        if world.store.requests(run.run_id):  # from another host comes no signal
            raise Interrupted(SIGTERM)
        before = [each for each in _others(pipelines, world) if each.state == RunState.QUEUED]
        if any(each.run_id < run.run_id and is_owned(each, world.scene) for each in before):
            continue
        with suppress(NotNow):
            return _enter(run, pipelines, overlap, world, stack)


def pause(world: World) -> None:
    """Wait a little. Raises `Interrupted` when a signal comes."""
    world.clock.wait([world.interrupts.fileno()], POLL_S)
    for number in world.interrupts.take():
        raise Interrupted(number)


def _replace(runs: Sequence[Run], world: World) -> None:
    """End the runs. Raises `NotNow` where one does not end in time."""
    from tetra_orchestrator.engine.cancel import end_all

    for run in runs:
        world.tell(f"replacing run {run.run_id}")
    for run in end_all(runs, REPLACE_REQUEST, world.scene, REPLACE_S):
        if run.state in RUN_ACTIVE:
            message = f"run {run.run_id} has not ended within {REPLACE_S:g} s of being asked to"
            raise NotNow(message, hint=f"`tetra show {run.run_id}` tells what it waits for")
