"""`backfill status` and `backfill list`: how backfills and their partitions stand."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.backfill_grid import grid
from tetra_orchestrator.cli.backfill_rows import (
    backfill_row,
    counts_text,
    finish,
    outlook_text,
    summary_row,
)
from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.cli.output import dates, local, print_json, print_table
from tetra_orchestrator.cli.paint import cell, signed
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.backfill import BACKFILL_OPEN, lock_of
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.engine.backfill import found, newest
from tetra_orchestrator.engine.backfill_order import outlook
from tetra_orchestrator.errors import TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.backfill import Backfill
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.ports import Locks

IdArgument = Annotated[str | None, typer.Argument(metavar="[ID]", help="Of the backfill; without it the newest.")]


def status(backfill_id: IdArgument = None, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show how a backfill stands, and when it will be done.

    There is a sign for each partition.

    Examples: `backfill status`, `backfill status bf-20260301T200000Z-abc234`.
    """
    plan = _Plan(config)
    with settled_scene(config) as scene:
        backfill, now = (
            newest(scene.store) if backfill_id is None else found(backfill_id, scene.store),
            wire.clock().now(),
        )
        if as_json:
            driven = is_driven(backfill, scene.locks)
            print_json("backfill", {**backfill_row(backfill, scene.store, now, plan.of(backfill)), "driven": driven})
            return 0
        partitions = scene.store.backfills.partitions(backfill.backfill_id)
        look = outlook(backfill, partitions, scene.store, now, plan.of(backfill))
        driven = is_driven(backfill, scene.locks)
    print(f"{backfill.backfill_id}  mode {backfill.mode}, {dates(backfill.start, backfill.end)} by {backfill.slice}")
    print(f"{signed(backfill.state)}: {counts_text(partitions)}")
    if backfill.state in BACKFILL_OPEN:
        print(f"left: {outlook_text(look)}" + (f", until {local(finish(look, now))}" if driven and look.left_s else ""))
        if not driven:
            print(f"nobody works on it: `tetra backfill continue {backfill.backfill_id}` goes on")
    print(f"\n{grid(partitions)}")
    return 0


def listed(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """List the backfills, newest first.

    Example: `backfill list`.
    """
    with settled_scene(config) as scene:
        rows = [(one, scene.store.backfills.partitions(one.backfill_id)) for one in scene.store.backfills.all()]
    if as_json:
        print_json("backfill.list", {"backfills": [summary_row(*row) for row in rows]})
        return 0
    print_table(
        ("backfill", "mode", "dates", "by", "state", "partitions", "took"),
        [
            (
                *(one.backfill_id, one.mode, dates(one.start, one.end), one.slice),
                *(cell(one.state), counts_text(some), _took(one)),
            )
            for one, some in rows
        ],
        spare=("took", "by"),
    )
    if not rows:
        print("there is no backfill yet")
    return 0


def _took(one: Backfill) -> str:
    return duration((one.finished_at - one.created_at).total_seconds() if one.finished_at else None)


def is_driven(backfill: Backfill, locks: Locks) -> bool:
    """Whether anybody works on it."""
    return locks.is_held(lock_of(backfill.backfill_id))


class _Plan:
    """What a backfill runs by the file as it is now; None where that cannot be used."""

    def __init__(self, config: str | None):
        self._config = config

    def of(self, backfill: Backfill) -> tuple[Project, Selection] | None:
        try:
            project = load(Source(self._config)).project
            return project, select(project, backfill.mode)
        except TetraError:
            return None
