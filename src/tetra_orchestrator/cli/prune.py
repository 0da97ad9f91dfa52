"""`prune`: remove what `logs.keep` no longer keeps, all of it and now."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.output import instant, local, near, print_json, print_table
from tetra_orchestrator.cli.paint import cell
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.spoken import size
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tetra_orchestrator.core.model import Keep
    from tetra_orchestrator.engine.retention import Leaving, Sweep
    from tetra_orchestrator.errors import CannotWrite


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go and why; remove nothing.")] = False,
    runs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Keep so many, whatever the file says.")] = None,
    days: Annotated[int | None, typer.Option(min=1, metavar="N", help="Keep those of so many days.")] = None,
    most: Annotated[
        str | None, typer.Option("--bytes", metavar="SIZE", help="Keep files of that size in all: 500MB, 5GB.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Remove old runs, slots and alerts as `logs.keep` says.

    Runs go with their rows and files, and so do files that belong to no run. A run that is active, or the latest or
    the latest successful of a pipeline or task, stays, and so does one that somebody has still to be told of. So does
    what tells which partitions are done. Where the file has no `alerting` any more, alerts that are open are closed.

    Examples: `prune --dry-run`, `prune --runs 50 --days 90`, `prune --bytes 5GB`.
    """
    from tetra_orchestrator.engine.retention import survey, sweep

    project = load(Source(config)).project
    telling = project.alerting is not None
    keep = _limits(project.logs.keep, runs, days, most)
    with wire.settled(project.store_url, project.root, project=project) as scene:
        workspace, strays = wire.workspace(project), wire.strays(project)
        found = survey(keep, scene.store, workspace, strays, scene.clock.now(), telling=telling)
        faults = [] if dry_run else sweep(found, scene.store, workspace, strays)
        spare = scene.store.spare_bytes()
    if as_json:
        print_json("prune", _body(found, keep, faults, spare, dry_run=dry_run))
    else:
        _print(found, keep, spare, dry_run=dry_run)
        _tell(faults)
    return Exit.CANNOT_WRITE if faults else Exit.OK


def _limits(keep: Keep, runs: int | None, days: int | None, most: str | None) -> Keep:
    given = {"runs": runs, "days": days, "total_bytes": None if most is None else _bytes(most)}
    return keep._replace(**{name: value for name, value in given.items() if value is not None})


def _bytes(text: str) -> int:
    from tetra_orchestrator.config.scalars import size_bytes

    try:
        found = size_bytes(text)
    except ValueError as error:
        message, hint = error.args
        raise UsageError(f"--bytes {text!r} {message}", hint=hint) from None
    if not found:
        raise UsageError(f"--bytes {text!r} is no limit", hint="write at least 1B; what is needed stays all the same")
    return found


def _body(
    found: Sweep, keep: Keep, faults: Sequence[CannotWrite], spare: int | None, *, dry_run: bool
) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "keep": {"runs": keep.runs, "days": keep.days, "total_bytes": keep.total_bytes},
        "runs": [_row(one) for one in found.runs],
        "slots": {"before": instant(found.slots_before), "count": found.slots},
        "alerts": {"before": instant(found.slots_before), "count": found.alerts, "closed": found.closed or 0},
        "strays": [stray._asdict() for stray in found.strays],
        "files_bytes": _files(found),
        "store_spare_bytes": spare,
        "faults": [{"message": fault.message, "hint": fault.hint, "where": fault.where} for fault in faults],
    }


def _row(one: Leaving) -> dict[str, Any]:
    run = one.run
    return {
        "run_id": run.run_id,
        "mode": run.mode,
        "state": run.state,
        "finished_at": instant(run.finished_at),
        "reason": one.reason._asdict(),
        "files_bytes": one.files_bytes,
    }


def _files(found: Sweep) -> int:
    return sum(one.files_bytes for one in found.runs) + sum(stray.size_bytes for stray in found.strays)


def _print(found: Sweep, keep: Keep, spare: int | None, *, dry_run: bool) -> None:
    rows = [(one.run.run_id, cell(one.run.state), size(one.files_bytes), one.reason.text) for one in found.runs]
    print_table(("run", "state", "files", "why"), rows)
    strays = [(near(stray.path), size(stray.size_bytes)) for stray in found.strays]
    print("\n" * bool(rows and strays), end="")
    print_table(("file of no run", "size"), strays)
    print("\n" * bool(rows or strays), end="")
    verb = "would go" if dry_run else "removed"
    rest = f"{_count(found.slots, 'slot')} and {_count(found.alerts, 'alert')} from before {local(found.slots_before)}"
    counts = f"{_count(len(rows), 'run')}, {rest}, {_count(len(strays), 'file')} of no run"
    print(sentence(f"{verb}: {counts}; {size(_files(found))} of files"))
    if found.closed:
        closed = "would be closed" if dry_run else "closed"
        print(sentence(f"{_count(found.closed, 'open alert')} {closed}: the file has no `alerting` any more"))
    if not any(keep):
        print(sentence("`logs.keep` sets no limit, so every run stays; --runs, --days and --bytes set one"))
    if spare:
        print(sentence(f"{size(spare)} of the store's file are free for new rows; it is not made smaller"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tell(faults: Sequence[CannotWrite]) -> None:
    import sys

    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
