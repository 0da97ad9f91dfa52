"""The only place that chooses adapters, and the one `if` on platform, store and environment."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

from tetra_orchestrator.core.model import SQLITE, Host
from tetra_orchestrator.core.store_address import is_postgres
from tetra_orchestrator.errors import CannotWrite, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Any, TextIO

    from tetra_orchestrator.adapters.kept_slots import KeptSlots
    from tetra_orchestrator.adapters.locks.table import LockTable
    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.adapters.runner.waiters import Waiter
    from tetra_orchestrator.core.checkpoint import Holdings, Keeping
    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.backfill import Crew
    from tetra_orchestrator.engine.materials import InputFiles
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.engine.start import World
    from tetra_orchestrator.file_ports import Strays, Workspace
    from tetra_orchestrator.ports import Clock, Locks, Notifier, Processes, Reporter, Runner, Store, Subject
    from tetra_orchestrator.watch_ports import Probe


#: The folder of our own files, below the project's root.
STATE = "state"
#: A host of which only the silence counts.
ANY_HOST = Host(1)
#: What systemd sets for the processes of its services.
_UNDER_SYSTEMD = ("JOURNAL_STREAM", "SYSTEMD_EXEC_PID")


def clock() -> Clock:
    """The system's clock."""
    from tetra_orchestrator.adapters.clock import SystemClock

    return SystemClock()


def processes(root: str, *, elsewhere: bool = False) -> Processes:
    """The process table of this machine and, where the project in `root` has had any or runs `elsewhere`, its jobs."""
    from tetra_orchestrator.adapters.runner.process import ProcessTable

    if not elsewhere and not os.path.isdir(os.path.join(root, STATE, "jobs")):
        return ProcessTable()
    from tetra_orchestrator import wire_remote

    return wire_remote.everywhere(ProcessTable(), root)


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


def store(url: str, name: str = "") -> Store:
    """The store that a project's `store_url` names; `name` is the project's, where others are to be refused."""
    if is_postgres(url):
        return _postgres(url, name)
    from tetra_orchestrator.adapters.store.sqlite import SqliteStore

    return SqliteStore(url.removeprefix(SQLITE))


def _postgres(url: str, name: str) -> Store:
    try:
        from tetra_orchestrator.adapters.store.postgres import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        hint = "pip install 'tetra-orchestrator[postgres]'"
        raise UsageError("a store in PostgreSQL needs psycopg, which is not installed", hint=hint) from None
    return PostgresStore(url, name)


@contextmanager
def scene(url: str, root: str, name: str = "") -> Iterator[Scene]:
    """The runs in the store of the project in `root`, and what tells how they are. `name` as for `store`."""
    from tetra_orchestrator.engine.reconcile import Scene

    opened = store(url, name)
    try:
        with _others(url, root) as (seen, held):
            yield Scene(opened, clock(), seen, held, _workspace(os.path.join(root, "logs"), root), _due(root))
    finally:
        opened.close()


def _due(root: str) -> KeptSlots:
    from tetra_orchestrator.adapters.kept_slots import KeptSlots

    return KeptSlots(root)


@contextmanager
def settled(
    url: str, root: str, name: str = "", *, end_survivors: bool = False, project: Project | None = None
) -> Iterator[Scene]:
    """The same, after what dead owners left behind was settled, and the slots of the project, if one is given."""
    from tetra_orchestrator.engine.reconcile import reconcile

    with scene(url, root, name or (project.name if project else "")) as found:
        reconcile(found, end_survivors=end_survivors)
        if project is not None:
            from tetra_orchestrator.engine.ledger import settle_all

            settle_all(project, found)
        yield found


def locks(root: str) -> LockTable:
    """The locks of the project in `root` on this host."""
    from tetra_orchestrator.adapters.locks.table import LockTable

    return LockTable(os.path.join(root, STATE, "locks"))


@contextmanager
def _others(
    url: str, root: str, host: Host = ANY_HOST, shared: Collection[str] = (), *, elsewhere: bool = False
) -> Iterator[tuple[Processes, Locks]]:
    """What tells of others that run the project in `root`: on this host, and on all where its store can be reached."""
    here, seen = locks(root), processes(root, elsewhere=elsewhere)
    if not is_postgres(url):
        yield seen, here
        return
    from tetra_orchestrator.adapters.locks.advisory import AdvisoryTable
    from tetra_orchestrator.adapters.locks.presence import Presence

    everywhere = AdvisoryTable(here, url, host.timeout_s, shared)
    try:
        yield Presence(seen, everywhere), everywhere
    finally:
        everywhere.close()


def inputs(root: str) -> InputFiles:
    """The files that tasks of the project in `root` name."""
    from tetra_orchestrator.adapters.inputs import ProjectInputs

    return ProjectInputs(root)


def workspace(project: Project) -> Workspace:
    """The files of the project's runs."""
    return _workspace(project.logs.dir, project.root)


def strays(project: Project) -> Strays:
    """The files around the project that belong to no run."""
    from tetra_orchestrator.adapters.strays import FolderStrays

    return FolderStrays(project.logs.dir, os.path.join(project.root, STATE))


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
    used = opened or store(project.store_url, project.name)
    _enter(project.root)
    try:
        with (
            SignalInterrupts(children=waiter.fd is None) as interrupts,
            _others(
                project.store_url, project.root, project.host, project.shared_pools, elsewhere=bool(project.runners)
            ) as (seen, held),
        ):
            yield World(
                store=used,
                runner=_runner(project, waiter),
                workspace=workspace(project),
                clock=clock(),
                interrupts=interrupts,
                processes=seen,
                locks=held,
                entropy=os.urandom,
                environ=inherited(environ),
                tell=_tell,
                inputs=lambda: inputs(project.root),
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

    here: Runner = (processes := LocalRunner(waiter))
    if project.sessions:
        from tetra_orchestrator.adapters.runner.dispatch import Dispatch

        here = Dispatch(processes)
    if not project.runners:
        return here
    from tetra_orchestrator import wire_remote

    return wire_remote.several(here, project)


def crew(argv: Sequence[str]) -> Crew:
    """Processes of that command, side by side."""
    from tetra_orchestrator.adapters.crew import CrewProcesses

    return CrewProcesses(argv)


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
            warn(f"{outlet.left_out} lines are missing on standard output: {why}")


def warn(text: str, beside: Outlet | None = None) -> None:
    """Say so on standard error, as systemd wants it where that reads it, unless that would have to be waited for."""
    if beside:
        beside.disturbed = True
    line = f"warning: {text}"
    if _UNDER_SYSTEMD[0] in os.environ:
        from tetra_orchestrator.wire_reports import to_errors

        line = to_errors(line, 4, os.environ)
    _tell(line)


def _tell(text: str) -> None:
    """Say so on standard error, unless that would have to be waited for."""
    from tetra_orchestrator.adapters.report.outlet import Outlet

    with Outlet(sys.stderr.fileno(), patience_s=0) as errors:
        errors.write(f"{text}\n")


def reporters(
    style: str, outlet: Outlet, more: Sequence[Callable[[Subject], Reporter]] = ()
) -> Callable[[Subject], Reporter]:
    """A maker of the run's reporters: its log file, the one of that style on the outlet, and `more`."""

    def make(subject: Subject) -> Reporter:
        from tetra_orchestrator.adapters.report.fanout import Fanout

        file = open(subject.log, "a", encoding="utf-8")  # noqa: SIM115 - the reporter closes it
        named = _told(style, subject, outlet, file)
        named += [(each(subject), "what the run leaves for others") for each in more]
        names = dict(named)
        return Fanout(names, lambda failed, error: warn(f"{names[failed]} is incomplete: {error}", outlet))

    return make


def _told(style: str, subject: Subject, outlet: Outlet, file: TextIO) -> list[tuple[Reporter, str]]:
    """Who is told of a run, each with what is incomplete when it fails."""
    logs = subject.project and subject.project.logs
    plain = style == "plain" and not (logs and (logs.file or logs.format == "json"))
    if not plain or any(name in os.environ for name in _UNDER_SYSTEMD):
        from tetra_orchestrator import wire_reports

        return wire_reports.reporters(style, subject, outlet, file, os.environ, warn)
    from tetra_orchestrator.adapters.report.plain import LineReporter

    log, shown = LineReporter(subject, file, own=True), LineReporter(subject, outlet)
    return [(log, f"the run's log {subject.log}"), (shown, "what is shown of the run")]


def checkpoints(keeping: Keeping, groups: Sequence[Sequence[str]]) -> Callable[[Subject], Reporter]:
    """A maker of the reporter that leaves checkpoints after these groups of tasks."""

    def make(subject: Subject) -> Reporter:
        from tetra_orchestrator.adapters.checkpoints.reporter import CheckpointReporter

        return CheckpointReporter(subject, keeping, groups, warn)

    return make


def checkpoints_in(folder: str) -> Holdings:
    """What there is in a folder of checkpoints. Raises `UsageError` where it cannot be read."""
    from tetra_orchestrator.adapters.checkpoints.files import look

    return look(folder)


def prune(project: Project, world: World) -> None:
    """Remove what `logs.keep` no longer keeps. Whatever goes wrong changes nothing about the run that has ended."""
    if not any(project.logs.keep):
        return
    from tetra_orchestrator.engine import retention

    try:
        telling = project.alerting is not None
        retention.prune(project.logs.keep, world.store, world.workspace, world.clock, telling=telling)
    except Exception as error:
        warn(f"old runs are left: {error}")
