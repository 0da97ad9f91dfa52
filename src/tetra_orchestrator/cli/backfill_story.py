"""Driving a backfill with words on how it begins and how it is left; also one that was left before."""

from __future__ import annotations

from tetra_orchestrator import wire
from tetra_orchestrator.backfilling import perform_backfill
from tetra_orchestrator.cli.backfill_rows import backfill_row, counts_text, outlook_text
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.core.backfill import PAUSED, PENDING, RUNNING
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState
from tetra_orchestrator.engine.backfill import found
from tetra_orchestrator.engine.backfill_order import outlook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.backfilling import Way
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.backfill import Backfill
    from tetra_orchestrator.engine.start import World


def drive(loaded: Loaded, way: Way, begin: Callable[[World], Backfill | None], *, as_json: bool) -> int:
    """Drive the backfill that `begin` gives, if any, tell how it goes, and return the exit code."""
    driven: list[str] = []

    def story(backfill_id: str, world: World) -> str:
        text = _left(backfill_id, world) if driven else _begun(backfill_id, loaded, world)
        driven.append(backfill_id)
        return "" if as_json or way.style == "json" else f"{text}\n"

    code = perform_backfill(loaded, way, begin, story)
    if driven and as_json:
        store = wire.store(loaded.project.store_url)
        try:
            print_json("backfill", backfill_row(found(driven[0], store), store, wire.clock().now(), None))
        finally:
            store.close()
    return code


def _begun(backfill_id: str, loaded: Loaded, world: World) -> str:
    backfill, partitions = found(backfill_id, world.store), world.store.backfills.partitions(backfill_id)
    waiting = sum(one.state == PENDING for one in partitions)
    plan = loaded.project, select(loaded.project, backfill.mode)
    look = outlook(backfill, partitions, world.store, world.clock.now(), plan)
    noun = "partition" if waiting == 1 else "partitions"
    return f"backfill {backfill_id}: {waiting} {noun} to run, {outlook_text(look)}"


def _left(backfill_id: str, world: World) -> str:
    backfill, partitions = found(backfill_id, world.store), world.store.backfills.partitions(backfill_id)
    counts = counts_text(partitions)
    go_on = f"`tetra backfill continue {backfill_id}`"
    if backfill.state in (RUNNING, PAUSED):
        still = " still runs, and" if any(one.state in RUN_ACTIVE for one in partitions) else ""
        state = "is paused" if backfill.state == PAUSED else "is not over"
        return f"backfill {backfill_id}{still} {state}: {counts}; {go_on} goes on with it"
    again = f"; {go_on} tries those again" if backfill.state == RunState.FAILED else ""
    return f"backfill {backfill_id} {backfill.state}: {counts}{again}"
