"""`start`: install all timers and have them wait, or wait for their times ourselves."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from tetra_orchestrator import wire, wire_reports, wire_timers
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.timers import ByOption, SystemOption, code_for, disabled, prepare, site_of, tell
from tetra_orchestrator.errors import UsageError

#: The word with which the document of dativo starts its service.
ORCHESTRATED = "orchestrated"


def command(
    how: Annotated[str | None, typer.Argument(metavar="[orchestrated]", help="As --foreground.")] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Wait for the times here, where there is no scheduler.")
    ] = False,
    system: SystemOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
    runner_config: Annotated[str | None, typer.Option("--runner-config", metavar="FILE", hidden=True)] = None,
    as_json: JsonOption = False,
) -> int:
    """Install the timers of all enabled schedules, and arm them.

    Not those of `schedule disable`. In a container `--foreground` waits for the times here, and ends on TERM with
    what runs.

    Examples: `start`, `start --foreground`.
    """
    if how not in (None, ORCHESTRATED):
        hint = f"`start` installs the timers, `start --foreground` (or `start {ORCHESTRATED}`) waits for their times"
        raise UsageError(f"start does not know {how!r}", hint=hint)
    if foreground or how == ORCHESTRATED:
        return _watch(runner_config or config)
    return _arm(runner_config or config, by, system, as_json)


def _watch(config: str | None) -> int:
    from tetra_orchestrator.cli.output import local
    from tetra_orchestrator.config.find import find_config
    from tetra_orchestrator.foreground import keep_watch

    path = find_config(config, os.environ, os.getcwd())  # once: guards are started in the project's folder
    as_json = load(Source(path)).project.logs.format == "json"

    def say(text: str) -> None:
        now = wire.clock().now()
        line = wire_reports.service_line(text, now) if as_json else f"[{local(now)}] {text}\n"
        sys.stdout.write(line)
        sys.stdout.flush()

    sys.stdout.flush()
    return keep_watch(lambda: load(Source(path)).project, say)


def _arm(config: str | None, by: str | None, system: bool, as_json: bool) -> int:
    from tetra_orchestrator.engine import timers

    project = load(Source(config)).project
    site, off = site_of(project, wire_timers.timers(by, system)), disabled(project)
    found = timers.survey(site, off)
    prepare(project)
    applied = timers.apply(found, site, off)
    tell("start", site, applied, as_json=as_json)
    return code_for(action for action in applied.left if action.wanted)
