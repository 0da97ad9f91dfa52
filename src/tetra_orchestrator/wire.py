"""The only place that chooses adapters, and the one `if` on platform, store and environment."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

from tetra_orchestrator.core.model import SQLITE
from tetra_orchestrator.errors import CannotWrite, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from tetra_orchestrator.adapters.kept_slots import KeptSlots
    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.adapters.runner.waiters import Waiter
    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.engine.start import World
    from tetra_orchestrator.ports import (
        Clock,
        Locks,
        Notifier,
        Probe,
        Processes,
        Reporter,
        Runner,
        Store,
        Subject,
        Workspace,
    )


#: The folder of our own files, below the project's root.
STATE = "state"


def clock() -> Clock:
    """The system's clock."""
    from tetra_orchestrator.adapters.clock import SystemClock

    return SystemClock()


def processes() -> Processes:
    """The process table of this machine."""
    from tetra_orchestrator.adapters.runner.process import ProcessTable

    return ProcessTable()


def abilities() -> list[Diagnosis]:
    """What this machine's kernel gives us."""
    from tetra_orchestrator.adapters.runner import abilities

    return abilities.abilities()


def look_around(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """What this process finds around itself, by `Needs.question`."""
    from tetra_orchestrator.adapters.surroundings import look

    return look(question, os.environ)


def probe() -> Probe:
    """The host's figures."""
    from tetra_orchestrator.adapters.probe import HostProbe

    return HostProbe()


def notifier(name: str) -> Notifier:
    """The notifier called `name`; raises `UsageError` for another than `desktop`."""
    if name != "desktop":
        raise UsageError(f"Unknown notifier: {name}", hint="--notify takes desktop")
    from tetra_orchestrator.adapters.notify.desktop import DesktopNotifier

    return DesktopNotifier()


def store(url: str) -> Store:
    """The store that a project's `store_url` names."""
    from tetra_orchestrator.adapters.store.sqlite import SqliteStore

    return SqliteStore(url.removeprefix(SQLITE))


@contextmanager
def scene(url: str, root: str) -> Iterator[Scene]:
    """The runs in the store of the project in `root`, and what tells how they are."""
    from tetra_orchestrator.engine.reconcile import Scene

    opened = store(url)
    try:
        yield Scene(opened, clock(), processes(), locks(root), _workspace(os.path.join(root, "logs"), root), _due(root))
    finally:
        opened.close()


def _due(root: str) -> KeptSlots:
    from tetra_orchestrator.adapters.kept_slots import KeptSlots

    return KeptSlots(root)


@contextmanager
def settled(url: str, root: str, *, end_survivors: bool = False, project: Project | None = None) -> Iterator[Scene]:
    """The same, after what dead owners left behind was settled, and the slots of the project, if one is given."""
    from tetra_orchestrator.engine.reconcile import reconcile

    with scene(url, root) as found:
        reconcile(found, end_survivors=end_survivors)
        if project is not None:
            from tetra_orchestrator.engine.ledger import settle_all

            settle_all(project, found)
        yield found


def locks(root: str) -> Locks:
    """The locks of the project in `root`."""
    from tetra_orchestrator.adapters.locks.table import LockTable

    return LockTable(os.path.join(root, STATE, "locks"))


def workspace(project: Project) -> Workspace:
    """The files of the project's runs."""
    return _workspace(project.logs.dir, project.root)


def _workspace(logs: str, root: str) -> Workspace:
    from tetra_orchestrator.adapters.workspace import Workspace

    return Workspace(logs, os.path.join(root, STATE))


@contextmanager
def world(project: Project, environ: Mapping[str, str], opened: Store | None = None) -> Iterator[World]:
    """Everything a run needs on this machine. Moves to the project's root, where relative paths start.

    A store that is `opened` already stays open afterwards.
    """
    from tetra_orchestrator.adapters.inherited import inherited
    from tetra_orchestrator.adapters.interrupts import SignalInterrupts
    from tetra_orchestrator.adapters.runner.process import become_subreaper
    from tetra_orchestrator.engine.start import World

    become_subreaper()
    waiter = _waiter(environ)
    used = opened or store(project.store_url)
    _enter(project.root)
    try:
        with SignalInterrupts(children=waiter.fd is None) as interrupts:
            yield World(
                store=used,
                runner=_runner(project, waiter),
                workspace=workspace(project),
                clock=clock(),
                interrupts=interrupts,
                processes=processes(),
                locks=locks(project.root),
                entropy=os.urandom,
                environ=inherited(environ),
                tell=_tell,
                due=_due(project.root),
            )
    finally:
        if opened is None:
            used.close()


def runner(project: Project, environ: Mapping[str, str]) -> Runner:
    """A runner for one more run within a world: each is closed with its run."""
    return _runner(project, _waiter(environ))


def _runner(project: Project, waiter: Waiter) -> Runner:
    from tetra_orchestrator.adapters.runner.local import LocalRunner

    processes = LocalRunner(waiter)
    if not project.sessions:
        return processes
    from tetra_orchestrator.adapters.runner.dispatch import Dispatch

    return Dispatch(processes)


def _waiter(environ: Mapping[str, str]) -> Waiter:
    from tetra_orchestrator.adapters.runner.waiters import choose_waiter

    try:
        return choose_waiter(environ.get("TETRA_WAITER"))
    except ValueError as error:
        raise UsageError(f"TETRA_WAITER: {error}", hint="unset it, or set it to portable") from None


def _enter(root: str) -> None:
    try:
        os.chdir(root)
    except OSError as error:
        raise CannotWrite(f"cannot enter the project's folder: {error.strerror}", where=root) from None


@contextmanager
def screen() -> Iterator[Outlet]:
    """Standard output for reporters. At the end, what its reader is still taking, and a word on what it did not take.

    Enter it before the run's world, so that locks are free when its reader is waited for, and say when the run is
    `settled`: from then on a signal ends only that waiting.
    """
    from tetra_orchestrator.adapters.report.aftermath import Aftermath
    from tetra_orchestrator.adapters.report.outlet import Outlet

    sys.stdout.flush()
    outlet = Outlet(sys.stdout.fileno(), encoding=sys.stdout.encoding)
    try:
        with Aftermath(outlet):
            try:
                yield outlet
            finally:
                outlet.close()
    finally:
        if outlet.left_out and not isinstance(outlet.fault, BrokenPipeError):
            why = outlet.fault.strerror if outlet.fault else "nobody read it"
            _warn(f"{outlet.left_out} lines are missing on standard output: {why}")


def _warn(text: str) -> None:
    _tell(f"warning: {text}")


def _tell(text: str) -> None:
    """Say so on standard error, unless that would have to be waited for."""
    from tetra_orchestrator.adapters.report.outlet import Outlet

    with Outlet(sys.stderr.fileno(), patience_s=0) as errors:
        errors.write(f"{text}\n")


def reporters(style: str, outlet: Outlet) -> Callable[[Subject], Reporter]:
    """A maker of the run's reporters: its log file, and `live`, `plain`, `steps` or `json` on the outlet."""

    def make(subject: Subject) -> Reporter:
        from tetra_orchestrator.adapters.report.fanout import Fanout
        from tetra_orchestrator.adapters.report.plain import LineReporter

        file = open(subject.log, "a", encoding="utf-8")  # noqa: SIM115 - the reporter closes it
        log, shown = LineReporter(subject, file, own=True), _shown(style, subject, outlet)
        names = {id(log): f"the run's log {subject.log}", id(shown): "what is shown of the run"}
        return Fanout([log, shown], lambda failed, error: _warn(f"{names[id(failed)]} is incomplete: {error}"))

    return make


def _shown(style: str, subject: Subject, outlet: Outlet) -> Reporter:
    if style == "json":
        from tetra_orchestrator.adapters.report.jsonl import JsonReporter

        return JsonReporter(outlet)
    if style == "steps":
        from tetra_orchestrator.adapters.report.steps import StepReporter

        return StepReporter(subject, outlet)
    if style == "live":
        from tetra_orchestrator.adapters.report.live import LiveReporter

        return LiveReporter(subject, outlet)
    from tetra_orchestrator.adapters.report.plain import LineReporter

    return LineReporter(subject, outlet)


def prune(project: Project, world: World) -> None:
    """Remove what `logs.keep` no longer keeps. Whatever goes wrong changes nothing about the run that has ended."""
    if not any(project.logs.keep):
        return
    from tetra_orchestrator.engine import retention

    try:
        retention.prune(project.logs.keep, world.store, world.workspace, world.clock)
    except Exception as error:
        _warn(f"old runs are left: {error}")


def log_refusal(project: Project, text: str, *, aloud: bool) -> None:
    """Leave a refused request in a log of its own and, `aloud`, on standard output, as a wrapper's user expects it."""
    from tetra_orchestrator.adapters.report.narration import stamp

    now = clock().now()
    line = f"{stamp(now)} {text}\n"
    with open(workspace(project).open_log(now), "a", encoding="utf-8") as log:
        log.write(line)
    if aloud:
        sys.stdout.write(line)
        sys.stdout.flush()
