"""Performs a backfill with the real adapters: alone, or with a crew of processes of the same command."""

from __future__ import annotations

import os
import sys

from tetra_orchestrator import wire
from tetra_orchestrator.config.cache import remember
from tetra_orchestrator.core.backfill import PAUSED, RUNNING
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import declared, select
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.engine import backfill as engine
from tetra_orchestrator.engine.overlap import TOGETHER
from tetra_orchestrator.engine.start import Request
from tetra_orchestrator.errors import Exit
from tetra_orchestrator.launch import live_long, performer, refuse_unregistered, settle_slots, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.backfill import Backfill, PartitionState
    from tetra_orchestrator.engine.again import Again
    from tetra_orchestrator.engine.start import World
    from tetra_orchestrator.ports import Reporter, Subject

#: One line for each partition; the other styles are those of a run.
LINES = "lines"
#: What is said of a partition by the exit code of its run, and where that has failed by its state.
_WORDS = {Exit.OK: "succeeded", Exit.PARTIAL: "is partial", Exit.FAILED: "failed"}
_FAILURES = {RunState.CANCELLED: "was cancelled", RunState.TIMED_OUT: "timed out"}


class Way(Record):
    """How partitions are run: what is shown of them, whether regardless of what they need, and the options that say so.

    `given` are the parameters by name.
    """

    style: str = LINES
    force: bool = False
    given: Mapping[str, str] = {}
    options: tuple[str, ...] = ()


class View(Record):
    """Where one sees how it goes: what runs are reported to, and where lines are said."""

    report: Callable[[Subject], Reporter]
    say: Callable[[str], None]


def perform_backfill(
    loaded: Loaded, way: Way, begin: Callable[[World], Backfill | None], story: Callable[[str, World], str]
) -> int:
    """Drive the backfill that `begin` gives, if any, until nothing of it is left to do; returns the exit code.

    `story` gives the text to show of the backfill of that id: when it begins, and when nobody drives it any more,
    however it ends. Raises `NotNow` where somebody else drives it.
    """
    project = loaded.project
    remember(project)
    live_long()
    with wire.screen() as screen, wire.world(project, os.environ) as world:
        backfill = begin(world)
        code = 0 if backfill is None else _drive(backfill, loaded, way, world, _view(way, screen), story)
        screen.settled = True
        wire.prune(project, world)
        settle_slots(project, world)
        tell(loaded, world.store)
    return code


def _drive(
    backfill: Backfill, loaded: Loaded, way: Way, world: World, view: View, story: Callable[[str, World], str]
) -> int:
    backfill_id = backfill.backfill_id
    _refuse_unregistered(backfill, loaded)
    with engine.driven(backfill_id, world.locks):
        _go_on(backfill, world)
        view.say(story(backfill_id, world))
        try:
            return engine.drive(backfill_id, world, _work(backfill, loaded, way, world, view))
        finally:
            view.say(story(backfill_id, world))


def work_on(backfill_id: str, driver: int, loaded: Loaded, way: Way) -> int:
    """Work off partitions as one of the crew of the process `driver`; returns 0, or the exit code for a signal."""
    live_long()
    with wire.screen() as screen, wire.world(loaded.project, os.environ) as world:
        backfill = engine.found(backfill_id, world.store)
        run = _run(backfill, loaded, way, world, _view(way, screen))
        try:
            engine.work_off(backfill_id, world, run, lambda: os.getppid() != driver)
        except engine.Ended as end:
            return end.code
        finally:
            screen.settled = True
    return 0


def _view(way: Way, screen: Any) -> View:
    """What is seen on an outlet, as `wire.screen` gives it."""

    def say(text: str) -> None:
        screen.write(text)
        screen.flush()

    return View(wire.reporters("silent" if way.style == LINES else way.style, screen), say)


def _refuse_unregistered(backfill: Backfill, loaded: Loaded) -> None:
    project = loaded.project
    refuse_unregistered(loaded, Request(project, select(project, backfill.mode), loaded.document, {}))


def _go_on(backfill: Backfill, world: World) -> None:
    """Have the backfill run, where it was paused, or has failed."""
    state = engine.found(backfill.backfill_id, world.store).state
    if state == PAUSED:
        engine.move(backfill.backfill_id, PAUSED, RUNNING, world.scene)
    elif state == RunState.FAILED:
        engine.reopen(backfill.backfill_id, world.scene)


def _work(backfill: Backfill, loaded: Loaded, way: Way, world: World, view: View) -> Callable[[], None]:
    if backfill.parallel == 1:
        run = _run(backfill, loaded, way, world, view)
        return lambda: engine.work_off(backfill.backfill_id, world, run, lambda: False)
    words = ["backfill", "work", backfill.backfill_id, "--driver", str(os.getpid())]
    words += ["--config", loaded.project.file, *way.options]
    crew = wire.crew([sys.executable, "-P", "-m", "tetra_orchestrator", *words])
    number = min(backfill.parallel, loaded.project.host.max_parallel)
    return lambda: engine.have_worked_off(backfill.backfill_id, world, crew, number)


def _run(
    backfill: Backfill, loaded: Loaded, way: Way, world: World, view: View
) -> Callable[[PartitionState, Again | None], int]:
    """What runs one partition of the backfill."""
    project = loaded.project
    selection = select(project, backfill.mode)
    wanted = declared(project, selection.mode)
    params = {}
    if wanted or way.given:
        from tetra_orchestrator.core.params import resolve

        params = resolve(wanted, way.given)
    request = Request(
        project,
        selection._replace(named=selection.pipelines),  # a partition without one that is paused would be none
        loaded.document,
        params,
        trigger="backfill",
        force=way.force,
        secrets=loaded.secrets,
        given=backfill.params or {},
        overlap=TOGETHER,
        backfill=backfill.backfill_id,
        expected_s=world.store.expected_s(),
    )
    environ = dict(world.environ)  # each run copies it, which costs much where it is os.environ

    def run(partition: PartitionState, again: Again | None) -> int:
        told: list[str] = []

        def report(subject: Subject) -> Reporter:
            told.append(subject.run_id)
            return view.report(subject)

        asked = request._replace(partition=Partition(partition.start, partition.end), again=again)
        own = world._replace(runner=wire.runner(project, os.environ), environ=environ)
        began = world.clock.monotonic()
        code = performer(project)(asked, own, report)
        if way.style == LINES and told:
            view.say(_line(partition, told[0], _word(told[0], code, world), world.clock.monotonic() - began))
        return code

    return run


def _word(run_id: str, code: int, world: World) -> str:
    found = world.store.run(run_id) if code == Exit.FAILED else None
    by_code = _WORDS.get(code, "ended early")
    return by_code if found is None else _FAILURES.get(RunState(found.state), by_code)


def _line(partition: PartitionState, run_id: str, word: str, lasted_s: float) -> str:
    start, end = partition.start, partition.end
    dates = start if start == end else f"{start} to {end}"
    more = "" if word == _WORDS[Exit.OK] else f": `tetra show {run_id}` tells why"
    return f"{dates} {word} in {duration(lasted_s)}{more}\n"
