"""One backfill being performed: its partitions are run one after the other, until none of them waits any more.

Whoever drives it holds the lock `backfill-ID`. All that is to be known of it is in the store, so it goes on wherever it
was left, and a partition whose run was cut short goes on where that had got to.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.backfill import BACKFILL_OPEN, PAUSED, PENDING, RUNNING, lock_of
from tetra_orchestrator.core.backfill_plan import verdict
from tetra_orchestrator.core.reasons import STOP_REQUEST
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.engine.overlap import Interrupted, pause
from tetra_orchestrator.engine.reconcile import reconcile
from tetra_orchestrator.errors import Exit, NotNow, StateConflict, UsageError
from tetra_orchestrator.signals import SIGINT, SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tetra_orchestrator.core.backfill import Backfill, PartitionState
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.engine.start import World
    from tetra_orchestrator.errors import TetraError
    from tetra_orchestrator.ports import Locks, Store

    #: Performs a run for the partition, which goes on after the earlier one if there is one; returns its exit code.
    RunPartition = Callable[[PartitionState, Again | None], int]

SIGNALLED = (Exit.INTERRUPTED, Exit.TERMINATED)


class Ended(Exception):
    """Somebody wants no more partitions to be run now; `code` is the exit code."""

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


@contextmanager
def driven(backfill_id: str, locks: Locks) -> Iterator[None]:
    """Be the one that drives the backfill. Raises `NotNow` naming whoever does."""
    stack = ExitStack()
    try:
        stack.enter_context(locks.held([lock_of(backfill_id)], "`tetra backfill`"))
    except NotNow as busy:
        hint = (
            f"`tetra backfill status {backfill_id}` tells how far it is, `tetra backfill pause {backfill_id}` holds it"
        )
        raise NotNow(busy.message, hint=hint) from None
    with stack:
        yield


def drive(backfill_id: str, world: World, work: Callable[[], None]) -> int:
    """Have all partitions run by `work`, see how it went, and return the exit code: that of the worst partition.

    Where the backfill is paused meanwhile it is 75; it stays to be continued then, and when a signal comes.
    """
    store = world.store
    try:
        while True:
            reconcile(world.scene, end_survivors=True)
            work()
            partitions = store.backfills.partitions(backfill_id)
            state = found(backfill_id, store).state
            if any(one.state in RUN_ACTIVE for one in partitions):
                pause(world)  # those whom a driver before us has left finish what they are at
            elif state != RUNNING:
                return Exit.NOT_NOW if state == PAUSED else Exit.FAILED
            elif not any(one.state == PENDING for one in partitions):
                return _close(backfill_id, partitions, world)
    except (Ended, Interrupted) as end:
        return end.code


def _close(backfill_id: str, partitions: Sequence[PartitionState], world: World) -> int:
    after, code = verdict(partitions)
    try:
        move(backfill_id, RUNNING, after, world.scene)
    except StateConflict:
        return Exit.FAILED  # cancelled when all was done
    return code


def work_off(backfill_id: str, world: World, run: RunPartition, is_left_alone: Callable[[], bool]) -> None:
    """Run partitions, one after the other, until none waits or the backfill is not running any more.

    Others may do so as well: whoever opens the run of a partition first has it. Raises `Ended` when a signal comes, and
    with 143 where all runs are ended, or `is_left_alone` says that whoever wanted this is gone.
    """
    store = world.store
    while (partition := store.backfills.next(backfill_id)) is not None:
        for number in world.interrupts.take():
            raise Ended(Exit.INTERRUPTED if number == SIGINT else Exit.TERMINATED)
        if is_left_alone():
            raise Ended(Exit.TERMINATED)
        try:
            code = run(partition, _again(backfill_id, partition, store))
        except (StateConflict, UsageError) as refused:
            if refused.code == "partition_taken" or _is_gone(backfill_id, partition, refused, store):
                continue
            raise
        if code in SIGNALLED:
            raise Ended(code)
        if code != Exit.OK and _is_stopped(backfill_id, partition, store):
            raise Ended(Exit.TERMINATED)


def _again(backfill_id: str, partition: PartitionState, store: Store) -> Again | None:
    """The earlier run for the partition after which one goes on: the newest, by whomever it was started."""
    if partition.run_id is None:
        return None
    backfill = found(backfill_id, store)
    latest = store.backfills.latest(backfill.mode).get((partition.start, partition.end))
    if latest is None or latest.state in RUN_ACTIVE or latest.params != backfill.params:
        latest = store.run(partition.run_id)
    return None if latest is None else Again(latest.run_id)  # it may have been removed meanwhile


def _is_gone(backfill_id: str, partition: PartitionState, refused: TetraError, store: Store) -> bool:
    """Whether the earlier run cannot be gone on with because somebody else of the crew does so already."""
    return isinstance(refused, UsageError) and _now(backfill_id, partition, store).state != PENDING


def _now(backfill_id: str, partition: PartitionState, store: Store) -> PartitionState:
    place = partition.position
    return next(row for row in store.backfills.partitions(backfill_id) if row.position == place)


def _is_stopped(backfill_id: str, partition: PartitionState, store: Store) -> bool:
    """Whether somebody has ended the partition's run to have all runs end."""
    row = _now(backfill_id, partition, store)
    return row.state == PENDING and row.run_id is not None and STOP_REQUEST in store.requests(row.run_id)


def found(backfill_id: str, store: Store) -> Backfill:
    """The backfill called so; raises `UsageError` where there is none."""
    backfill = store.backfills.get(backfill_id)
    if backfill is None:
        known = [one.backfill_id for one in store.backfills.all(3)] or ["none yet"]
        raise UsageError(f"there is no backfill '{backfill_id}'", hint=suggest(backfill_id, known, "the latest are"))
    return backfill


def newest(store: Store) -> Backfill:
    """The newest backfill, an open one first. Raises `UsageError` where there is none."""
    every = store.backfills.all()
    if not every:
        raise UsageError("there is no backfill yet", hint="order one with `tetra backfill --mode M --from D --to D`")
    return next((one for one in every if one.state in BACKFILL_OPEN), every[0])


def move(backfill_id: str, before: str, after: str, scene: Scene) -> None:
    """Change the backfill's state. Raises `StateConflict` where it is in another one than `before`."""
    failpoints.hit("backfill.move")
    scene.store.backfills.move(backfill_id, before, after, scene.clock.now())
    failpoints.hit("backfill.move.commit")


def reopen(backfill_id: str, scene: Scene) -> None:
    """Have a backfill that has failed go on with the partitions that have not succeeded."""
    failpoints.hit("backfill.move")
    scene.store.backfills.reopen(backfill_id, RunState.FAILED.value, scene.clock.now())
    failpoints.hit("backfill.move.commit")


def active_runs(backfill_id: str, store: Store) -> list[Run]:
    """The runs of the backfill that are not over."""
    from tetra_orchestrator.core.history import RunFilter

    return store.search(RunFilter(backfill=backfill_id, states=tuple(RUN_ACTIVE)), 1000)


if TYPE_CHECKING:
    from typing import Protocol

    class Crew(Protocol):
        """Processes that work off the same backfill."""

        # Raises `CannotWrite` where none can be started.
        def start(self, number: int) -> None: ...

        # The exit codes of those that have ended since the last call, negative for a signal's number.
        def ended(self) -> list[int]: ...

        # Whether any is left.
        def running(self) -> bool: ...

        # Asks all of them to end.
        def stop(self) -> None: ...


def have_worked_off(backfill_id: str, world: World, crew: Crew, number: int) -> None:
    """Have a crew of so many work off the partitions. One that was killed is done without until the others are through.

    Raises `Ended` when a signal comes, with the code of one that could not go on, and where all of them were killed
    without getting anywhere.
    """
    store = world.store
    waiting = sum(one.state == PENDING for one in store.backfills.partitions(backfill_id))
    if not waiting or found(backfill_id, store).state != RUNNING:
        return
    crew.start(min(number, waiting))
    codes, signal = [], None
    while crew.running():
        try:
            pause(world)
        except Interrupted as interrupted:
            signal = signal or interrupted
            crew.stop()
        codes += crew.ended()
    if signal:
        raise Ended(signal.code)
    bad = [code for code in codes if code not in (Exit.OK, -SIGTERM) and code > 0]
    if bad:
        raise Ended(max(bad))
    reconcile(world.scene, end_survivors=True)
    left = sum(one.state == PENDING for one in store.backfills.partitions(backfill_id))
    if codes and all(code < 0 for code in codes) and left >= waiting:
        raise Ended(Exit.FAILED)
