"""`why-not`: why a schedule did not run at a time."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Annotated, TypeVar

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.output import instant, local, print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.timers import ByOption, SystemOption, any_backend
from tetra_orchestrator.cli.times import Reader
from tetra_orchestrator.cli.unrun import last_project
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.core.why_not import SETTLED, Case, Timer, explain
from tetra_orchestrator.errors import ConfigError, Exit, TetraError, UsageError
from tetra_orchestrator.timer_port import FOREGROUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project, Schedule
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.engine.reconcile import Scene

T = TypeVar("T")
MINUTE = timedelta(minutes=1)
#: How far around the time other slots are looked for.
AROUND = timedelta(days=400)


def command(
    name: Annotated[str, typer.Argument(metavar="SCHEDULE", help="A schedule of the file.")],
    when: Annotated[
        str | None,
        typer.Argument(
            metavar="[TIME]", help="2026-03-01T20:00 in its zone, or with a Z in UTC. [the last that did not]"
        ),
    ] = None,
    system: SystemOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say why a schedule did not run at a time.

    By its rule, the ledger, its timer and the runs.

    Examples: `why-not weekly`, `why-not weekly 2026-03-01T20:00`.
    """
    from tetra_orchestrator.fire import schedule_of

    project = _project(config)
    schedule = schedule_of(project, name)
    asked = _instant(when, schedule) if when else None
    with wire.settled(project.store_url, project.root, project=project) as scene:
        asked = asked or _last_missing(schedule, scene)
        case = _case(schedule, asked, scene, _timer(project, name, by, system))
        case = case if as_json else case._replace(said=local)
    reasons = explain(case)
    if as_json:
        rows = [reason._asdict() for reason in reasons]
        print_json("why-not", {"schedule": name, "slot": instant(case.at), "cause": rows[0], "evidence": rows[1:]})
    else:
        print(sentence(printable(f"{name} {local(case.at)}: {reasons[0].text}")))
        for reason in reasons[1:]:
            print(sentence(printable(reason.text), "  "))
    return Exit.OK


def _project(config: str | None) -> Project:
    """The project; as it was when its file could last be used, where that has problems: they may be why."""
    try:
        return load(Source(config)).project
    except ConfigError as error:
        project = last_project(config)
        if project is None:
            raise
        print(f"warning: {error.first}; going by how the file was before", file=sys.stderr)
        return project


def _last_missing(schedule: Schedule, scene: Scene) -> datetime:
    """The latest slot that did not run; without one the latest that was due, or else now."""
    now = scene.clock.now()
    rows = scene.store.ledger.slots(schedule.name, since=now - AROUND, until=now)
    missing = [row.at for row in rows if row.outcome in SETTLED or row.run_id is None]
    due = missing or _between(schedule, now - AROUND, now)
    return due[-1] if due else now


def _case(schedule: Schedule, asked: datetime, scene: Scene, timer: Timer) -> Case:
    from tetra_orchestrator.core.schedule import slots_of

    now, ledger = scene.clock.now(), scene.store.ledger
    row = _nearest(ledger.slots(schedule.name, since=asked - MINUTE, until=asked + MINUTE), asked, lambda one: one.at)
    due = takewhile(lambda at: at < asked + MINUTE, slots_of(schedule, asked - MINUTE))
    slot = row.at if row else _nearest(due, asked, lambda at: at)
    before = _between(schedule, asked - AROUND, asked)
    run_id = row.run_id if row else None
    return Case(
        schedule=schedule,
        at=slot or asked,
        now=now,
        is_due=slot is not None,
        before=before[-1] if before else None,
        after=next(slots_of(schedule, asked), None),
        row=row,
        cursor=ledger.cursor(schedule.name),
        run=scene.store.run(run_id) if run_id else None,
        timer=timer,
        booted_at=now - timedelta(seconds=scene.clock.elapsed()),
        other=_other(row, scene),
        slept_s=scene.clock.elapsed() - scene.clock.monotonic(),
    )


def _other(row: Slot | None, scene: Scene) -> Run | None:
    """The run that the reason of the slot names."""
    found = re.search(r"\brun (\S+)", row.reason.text) if row and row.reason and row.run_id is None else None
    return scene.store.run(found[1].rstrip(",")) if found else None


def _nearest(found: Iterable[T], asked: datetime, at: Callable[[T], datetime]) -> T | None:
    """That of the instant nearest to the one that was asked for, less than a minute away."""
    near = [one for one in found if abs(at(one) - asked) < MINUTE]
    return min(near, key=lambda one: abs(at(one) - asked), default=None)


def _between(schedule: Schedule, since: datetime, until: datetime) -> list[datetime]:
    """The last of the slots in between; a rule that is often due is looked at only shortly before the end."""
    from tetra_orchestrator.core.schedule import slots_of

    for span in (timedelta(hours=2), timedelta(days=8), until - since):
        if found := list(takewhile(lambda at: at < until, slots_of(schedule, until - span))):
            return found
    return []


def _timer(project: Project, name: str, by: str | None, system: bool) -> Timer:
    from tetra_orchestrator.foreground import is_watched

    if not by and not system and is_watched(project.root):
        return Timer(FOREGROUND, known=True, enabled=True, waiting=True)
    backend = any_backend(by, system)
    if backend is None:
        return Timer(None)
    try:
        state = backend.states(project.name, [name])[name]
    except TetraError as error:  # it may be all right, and what the ledger says stands by itself
        print(f"warning: {error}", file=sys.stderr)
        return Timer(backend.kind, known=True, enabled=True, waiting=True)
    return Timer(
        backend.kind, state.known, state.enabled, state.waiting, state.last_at, state.failed, masked=state.masked
    )


def _instant(text: str, schedule: Schedule) -> datetime:
    """A time without a zone is one of the schedule's."""
    from tetra_orchestrator.core.schedule import zone

    when = Reader("", "write it like 2026-03-01T20:00, or with a Z in UTC", zone(schedule.timezone)).read(text)
    if not 1970 <= when.year < 9000:
        raise UsageError(f"{text!r} is beyond what schedules can be due at", hint="the years are 1970 to 8999")
    return when
