"""`schedule lint`: what deserves a look in schedules that can be used."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.schedule_lint import Lint

NameArgument = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this schedule of the file.")]


def command(name: NameArgument = None, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show what may be other than expected.

    Examples: `schedule lint`, `schedule lint weekly`.
    """
    from tetra_orchestrator.core.schedule_lint import ERROR, WARNING

    found = _found(name, config)
    if as_json:
        print_json("schedule.lint", {"findings": [one._asdict() for one in found]})
    else:
        for one in found:
            print(sentence(f"{one.severity}: {one.schedule}: {one.text}"))
            if one.hint:
                print(sentence(f"hint: {one.hint}", "  "))
        if not found:
            print("nothing to say")
    worst = {one.severity for one in found}
    return Exit.FAILED if ERROR in worst else Exit.PARTIAL if WARNING in worst else Exit.OK


def _found(name: str | None, config: str | None) -> list[Lint]:
    """The findings, in the order of the file, and then those of two schedules together."""
    from tetra_orchestrator.config.calendars import zone_name
    from tetra_orchestrator.core.schedule_lint import lint, overlapping_schedules

    project, now, here = load(Source(config)).project, wire.clock().now(), zone_name("local")
    known = [schedule.name for schedule in project.schedules]
    if name is not None and name not in known:
        raise UsageError(f"Unknown schedule: {name}", hint=suggest(name, known, "schedules"))
    chosen = [schedule for schedule in project.schedules if name in (None, schedule.name)]
    together = overlapping_schedules(project, now) if name is None else []
    return [*(one for schedule in chosen for one in lint(schedule, now, here)), *together]
