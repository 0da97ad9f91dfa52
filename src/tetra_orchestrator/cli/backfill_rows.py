"""Backfills in their published JSON shapes and in words, and the grid that shows how each partition stands."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tetra_orchestrator.cli.output import instant, local, print_json, print_table
from tetra_orchestrator.core.backfill import PENDING, SKIPPED
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.engine.backfill_order import outlook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.backfill import Backfill, PartitionState
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.backfill_order import Outlook
    from tetra_orchestrator.ports import Store


def summary_row(backfill: Backfill, partitions: Iterable[PartitionState]) -> dict[str, Any]:
    """A backfill as `backfill list` publishes it: with how many partitions are in which state."""
    row: dict[str, Any] = backfill._asdict()
    row["created_at"], row["finished_at"] = instant(backfill.created_at), instant(backfill.finished_at)
    row["params"] = dict(backfill.params) if backfill.params else None
    return row | {"counts": counts(partitions)}


def backfill_row(
    backfill: Backfill, store: Store, now: datetime, plan: tuple[Project, Selection] | None
) -> dict[str, Any]:
    """A backfill as `backfill status` publishes it: with every partition, and when it will be done."""
    partitions = store.backfills.partitions(backfill.backfill_id)
    look = outlook(backfill, partitions, store, now, plan)
    return {
        **summary_row(backfill, partitions),
        **_look_row(look, now),
        "partitions": [{**one._asdict(), "reason": one.reason._asdict() if one.reason else None} for one in partitions],
    }


def _look_row(look: Outlook, now: datetime) -> dict[str, Any]:
    return {**look._asdict(), "expected_finish": instant(finish(look, now))}


def finish(look: Outlook, now: datetime) -> datetime | None:
    """When all will be done, to the second; None where that is not known."""
    if look.left_s is None:
        return None
    return (now + timedelta(seconds=look.left_s)).replace(microsecond=0)


def counts(partitions: Iterable[PartitionState]) -> dict[str, int]:
    """How many partitions are in which state."""
    return dict(Counter(one.state for one in partitions))


def counts_text(partitions: Iterable[PartitionState]) -> str:
    """The same in words."""
    found = counts(partitions)
    order = ("succeeded", "partial", "failed", "timed_out", "cancelled", "running", "queued", PENDING, SKIPPED)
    return ", ".join(f"{found[state]} {state.replace('_', ' ')}" for state in order if state in found) or "nothing"


def outlook_text(look: Outlook) -> str:
    """How long what is left takes, in words."""
    if look.left_s is None:
        return "no telling how long it takes until one has run"
    return f"about {duration(look.left_s)} by {look.basis}"


def print_plan(
    wanted: Backfill, partitions: Sequence[PartitionState], look: Outlook, now: datetime, *, as_json: bool
) -> None:
    """Print what would be run, and why."""
    if as_json:
        rows = [_planned(one, look) for one in partitions]
        body = {name: getattr(wanted, name) for name in ("mode", "start", "end", "slice", "newest_first", "parallel")}
        print_json("backfill", {"backfill_id": None, **body, **_look_row(look, now), "partitions": rows})
        return
    waiting = sum(one.state == PENDING for one in partitions)
    print(f"Would run {waiting} of {len(partitions)} partitions of mode {wanted.mode}:\n")
    each = duration(look.each_s)
    print_table(
        ("from", "to", "decision", "why", "takes about"),
        [
            (one.start, one.end, _decision(one), one.reason.text if one.reason else "", each if _runs(one) else "-")
            for one in (reversed(partitions) if wanted.newest_first else partitions)
        ],
    )
    print(f"\ntotal: {outlook_text(look) if waiting else 'nothing to do'}")
    if waiting and (end := finish(look, now)):
        print(f"expected finish: {local(end)}")


def _runs(one: PartitionState) -> bool:
    return one.state == PENDING


def _decision(one: PartitionState) -> str:
    return "run" if _runs(one) else "skip"


def _planned(one: PartitionState, look: Outlook) -> dict[str, Any]:
    reason = one.reason._asdict() if one.reason else None
    expected_s = look.each_s if _runs(one) else None
    return {"start": one.start, "end": one.end, "decision": _decision(one), "reason": reason, "expected_s": expected_s}
