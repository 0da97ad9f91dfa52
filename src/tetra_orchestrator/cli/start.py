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
#: Where that document has its runner file.
RUNNER_FILE = "configs/runner.yaml"
#: The loader's word for a runner file that no schedule of is due. Such files never come from the cache.
ONCE = "oneshot"
#: What the service of that document says of the page that it had.
NO_PAGE = (
    "nothing is served on a port: `tetra status` and `tetra show` tell how it is, and `dagster dev` shows a page of "
    "this file's jobs, see `tetra_orchestrator.dagster`"
)


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
    if runner_config and config:
        raise UsageError("--runner-config and --config name the same file", hint="leave out one of the two")
    if not (foreground or how or runner_config):
        return _arm(config, by, system, as_json)
    if by or system:
        raise UsageError("--by and --system are for timers", hint="who waits for the times here installs none")
    return _watch(runner_config or config or (_runner_file() if how else None), NO_PAGE if how or runner_config else "")


def _runner_file() -> str | None:
    """The runner file of this folder, where nothing else says what the configuration is."""
    return None if "PIPELINE_CONFIG" in os.environ or not os.path.isfile(RUNNER_FILE) else RUNNER_FILE


def _watch(config: str | None, note: str) -> int:
    from tetra_orchestrator.cli.output import local
    from tetra_orchestrator.config.find import find_config
    from tetra_orchestrator.foreground import keep_watch

    path = find_config(config, os.environ, os.getcwd())  # once: guards are started in the project's folder
    loaded = load(Source(path))
    as_json = loaded.project.logs.format == "json"

    def say(text: str) -> None:
        now = wire.clock().now()
        line = wire_reports.service_line(text, now) if as_json else f"[{local(now)}] {text}\n"
        sys.stdout.write(line)
        sys.stdout.flush()

    sys.stdout.flush()
    if any(warning.code == ONCE for warning in loaded.warnings):
        say("with `mode: oneshot` every enabled job is run once, and nothing waits for a schedule")
        from tetra_orchestrator.cli.running import Order, run

        return run(Order(config=path))
    if note:
        say(note)
    return keep_watch(loaded, lambda: load(Source(path)).project, say, overheard=as_json)


def _arm(config: str | None, by: str | None, system: bool, as_json: bool) -> int:
    from tetra_orchestrator.engine import timers

    project = load(Source(config)).project
    site, off = site_of(project, wire_timers.timers(by, system)), disabled(project)
    found = timers.survey(site, off)
    prepare(project)
    applied = timers.apply(found, site, off)
    tell("start", site, applied, as_json=as_json)
    return code_for(action for action in applied.left if action.wanted)
