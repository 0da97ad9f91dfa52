"""`schedule plan`, `apply` and `prune`: the timers that the system's scheduler has of this project."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire_timers
from tetra_orchestrator.cli.output import print_json, print_table
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.timers import (
    ByOption,
    ForceOption,
    SystemOption,
    action_rows,
    code_for,
    disabled,
    prepare,
    site_of,
    tell,
)
from tetra_orchestrator.core.unit_plan import KEEP
from tetra_orchestrator.engine import timers
from tetra_orchestrator.errors import Exit

AllOption = Annotated[bool, typer.Option("--all", help="All timers of this project, wanted or not.")]


def plan(
    system: SystemOption = False, by: ByOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> int:
    """Show what `apply` and `prune` would do. Changes nothing.

    Examples: `schedule plan`, `schedule plan --by crontab`.
    """
    project = load(Source(config)).project
    site = site_of(project, wire_timers.timers(by, system))
    actions = timers.survey(site, disabled(project)).actions
    if as_json:
        print_json("schedule.plan", {"by": site.backend.kind, "actions": action_rows(actions)})
        return Exit.OK
    rows = [(action.kind, action.file, action.text) for action in actions if action.kind != KEEP]
    print_table(("", "unit", "it"), rows)
    print("\n" * bool(rows) + f"{len(actions) - len(rows)} of {len(actions)} units are as they should be")
    return Exit.OK


def apply(
    system: SystemOption = False,
    force: ForceOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Install the timers of all enabled schedules.

    Those that nobody has disarmed are armed. Twice changes nothing.

    Examples: `schedule apply`, `schedule apply --system`.
    """
    project = load(Source(config)).project
    site, off = site_of(project, wire_timers.timers(by, system)), disabled(project)
    found = timers.survey(site, off)
    prepare(project)
    applied = timers.apply(found, site, off.union(found.stopped), force=force)
    tell("schedule.apply", site, applied, as_json=as_json)
    return code_for(action for action in applied.left if action.wanted)


def prune(
    everything: AllOption = False,
    force: ForceOption = False,
    system: SystemOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Remove timers that no schedule wants any more.

    What is running stays.

    Examples: `schedule prune`, `schedule prune --all`.
    """
    project = load(Source(config)).project
    site = site_of(project, wire_timers.timers(by, system), gone=everything)
    applied = timers.prune(timers.survey(site), site, force=force)
    left = [action for action in applied.left if not action.wanted]
    tell("schedule.prune", site, applied._replace(left=left), as_json=as_json)
    return code_for(left)
