"""`monitor`: looks at everything once, or again and again; its exit code is the verdict."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.core.health import EXIT_CODES
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import ConfigError, NotNow, TetraError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.core.health import Health
    from tetra_orchestrator.ports import Store

#: Two looks at the same time would tell the same twice: the second waits so long for its turn, in seconds.
TURN_S = 20.0
_PAUSE_S = 0.1
LOCK = "monitor"


class Manner(Record):
    """How a look is shown, and who has started it: the kind of a scheduler, None by hand."""

    config: str | None
    as_json: bool
    quiet: bool
    by: str | None = None
    lines: bool = False


def command(
    once: Annotated[bool, typer.Option("--once", help="Look once. [default]")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until a signal.")] = False,
    every: Annotated[
        float | None, typer.Option("--every", metavar="S", min=1, help="Seconds between looks. [default: the file's]")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")] = False,
    by: Annotated[str | None, typer.Option(metavar="KIND", hidden=True)] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check pipelines, data, slots, timers and the host.

    Examples: `monitor`, `monitor --watch --every 60`, `monitor --quiet --json`.
    """
    if once and watch:
        raise UsageError("--once and --watch are two ways to look", hint="leave out one of them")
    if every is not None and not watch:
        raise UsageError("--every is for --watch", hint="add --watch, or leave it out")
    manner = Manner(config, as_json, quiet, by, lines=watch)
    if watch:
        from tetra_orchestrator.cli.monitor_watch import keep_looking

        return keep_looking(manner, every)
    return EXIT_CODES[look(manner).health]


def look(manner: Manner) -> Health:
    """Look once, tell whoever is to be told, and show it."""
    from tetra_orchestrator import wire_monitor, wire_watch

    loaded, faults = configuration(manner.config)
    project = loaded.project

    def then(found: Health, store: Store | None) -> None:
        wire_watch.after_look(loaded, found, store)
        _aside(lambda: wire_monitor.leave_figures(project, found, store), "the figures for Prometheus are as they were")

    if manner.by:
        _as_a_timer(project.root, manner.by)
    with _turn(project.root):
        health = wire_monitor.look(project, faults, then, wire_watch.mask_of(project, loaded.secrets))
    renewed = _renewed(loaded)
    _show(health, renewed, manner)
    return health


def configuration(config: str | None) -> tuple[Loaded, list[Finding]]:
    """The configuration; where the file cannot be used, as it last could be, with what is to be said of that."""
    from tetra_orchestrator.config.cache import last_good, load
    from tetra_orchestrator.config.find import find_config
    from tetra_orchestrator.core.findings import finding

    path = find_config(config, os.environ, os.getcwd())
    try:
        return load(path, environ=os.environ), []
    except ConfigError as error:
        known = last_good(path, os.environ)
        if known is None or known.project.file != os.path.abspath(path):
            raise
        text = f"the configuration cannot be used, and what it last said holds: {_reason(error, path)}"
        return known, [finding("config_error", "configuration", text, "tetra validate")]


def _reason(error: ConfigError, path: str) -> str:
    """The first thing that is wrong, with its place, and how many more there are."""
    from tetra_orchestrator.config.problems import Problem

    match error.problems:
        case (Problem() as first, *others):
            more = f", and {len(others)} more" if others else ""
            return f"{first.file}:{first.line}:{first.column}: {first.message}{more}"
    return f"{path}: {error.message}"


def _as_a_timer(root: str, by: str) -> None:
    """Note the wake, and have the kernel end us should we hang: only systemd has a limit for what it starts."""
    import signal

    from tetra_orchestrator import wire_timers
    from tetra_orchestrator.core.units import LOOK_S, MONITOR

    signal.setitimer(signal.ITIMER_REAL, LOOK_S)
    _aside(lambda: wire_timers.mark_wake(root, MONITOR), f"the wake by {by} is not noted")


def _turn(root: str) -> AbstractContextManager[None]:
    """Only one process looks at a time. Raises `NotNow` where another does for long."""
    import time

    from tetra_orchestrator import wire

    locks, until = wire.locks(root), time.monotonic() + TURN_S
    while True:
        try:
            return locks.held([LOCK], "monitor")
        except NotNow as busy:
            if time.monotonic() > until:
                raise NotNow("another `monitor` looks at this project for long", hint="wait for its end") from busy
        time.sleep(_PAUSE_S)


def _aside(do: Callable[[], None], otherwise: str) -> None:
    """Do what the verdict does not depend on; whatever goes wrong is one warning."""
    try:
        do()
    except Exception as error:
        print(f"warning: {otherwise}: {error}", file=sys.stderr)


def _renewed(loaded: Loaded) -> list[str]:
    """The timers of ours that were made anew, as they woke us at the right times for less than a year."""
    from tetra_orchestrator.cli.timer_renewal import renewed

    try:
        return renewed(loaded.project)
    except TetraError as error:
        print(f"warning: timers are as they were: {error}", file=sys.stderr)
        return []


def _show(health: Health, renewed: list[str], manner: Manner) -> None:
    from tetra_orchestrator.cli import monitor_view

    if manner.quiet:
        return
    if manner.as_json:
        print_json("monitor", {**monitor_view.body(health), "renewed": renewed}, indent=None if manner.lines else 2)
    else:
        monitor_view.show(health, manner.config)
        for file in renewed:
            print(f"made anew for further years: {file}")
    sys.stdout.flush()
