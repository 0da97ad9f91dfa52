"""`run` of a mode that cuts its dates into slices: a backfill of all of them in the foreground."""

from __future__ import annotations

from tetra_orchestrator.cli.backfill_start import Asked, begin
from tetra_orchestrator.cli.running import DATES
from tetra_orchestrator.core.backfill_plan import ALL
from tetra_orchestrator.core.partition import partition_for
from tetra_orchestrator.core.slices import slices
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.cli.running import Order
    from tetra_orchestrator.core.model import Project

OPTIONS = ("--start-date", "--end-date")
#: What is for one run, and cannot be kept with a backfill: field of the order, and the option.
_OF_ONE_RUN = {
    "pipelines": "--pipeline",
    "first": "--from",
    "last": "--until",
    "only": "--only",
    "resume": "--resume",
    "checkpoint_dir": "--checkpoint-dir",
    "no_cache": "--no-cache",
    "notify": "--notify",
}


def several(order: Order, project: Project) -> bool:
    """Whether the dates are more than one slice of the mode; one is run like any run."""
    mode = project.mode(order.mode or "")
    assert mode is not None
    if {param.name for param in project.params}.issuperset(DATES):
        return False
    dates = partition_for(mode, order.start_date, order.end_date)
    assert dates is not None
    return len(slices(dates.start, dates.end, mode.partition or "", project.timezone)) > 1


def run_slices(order: Order, project: Project) -> int:
    """Run every slice, as a backfill. Raises `UsageError` for an option that is for one run."""
    mode = project.mode(order.mode or "")
    assert mode is not None
    given = [option for field, option in _OF_ONE_RUN.items() if getattr(order, field)]
    given += ["--overlap"] if order.overlap != "skip" else []
    if given:
        message = f"mode '{mode.name}' is run slice by slice ({mode.partition}), and {given[0]} is for a single run"
        raise UsageError(message, hint="leave it out, or choose dates within one slice")
    params = (*order.params, *([f"model_version={order.model_version}"] if order.model_version else []))
    asked = Asked(
        mode=mode.name,
        first=order.start_date,
        last=order.end_date,
        only=ALL,
        params=params,
        max_parallel=order.max_parallel,
        no_retry=order.no_retry,
        force=order.force,
        dry_run=order.dry_run,
        progress="json" if order.as_json else "auto" if order.progress == "live" else order.progress,
        config=order.config,
        overlays=order.overlays,
        sets=order.sets,
        on=order.on,
        dialect=order.dialect,
        bindings=order.bindings,
        as_json=order.as_json and order.dry_run,
    )
    return begin(asked, OPTIONS)
