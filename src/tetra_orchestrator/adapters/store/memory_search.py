"""Looking for runs in memory, by the same rules as in the durable stores."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tetra_orchestrator.core.history import Run, RunFilter


def search(wanted: RunFilter, runs: Iterable[tuple[Run, set[str]]], limit: int) -> list[Run]:
    """The runs that fit, newest first; `runs` gives each with its pipelines, oldest first."""
    every = list(runs)
    places = {run.run_id: place for place, (run, _) in enumerate(every)}
    last = len(every) if wanted.before is None else places.get(wanted.before, 0)
    fitting = [run for run, pipelines in every[:last] if _fits(wanted, run, pipelines)]
    return fitting[::-1][:limit]


def _fits(wanted: RunFilter, run: Run, pipelines: set[str]) -> bool:
    began = run.started_at
    conditions: list[tuple[object, Callable[[], bool]]] = [
        (wanted.pipeline, lambda: wanted.pipeline in pipelines),
        (wanted.mode, lambda: run.mode == wanted.mode),
        (wanted.states or None, lambda: run.state in wanted.states),
        (wanted.since, lambda: began is not None and wanted.since is not None and began >= wanted.since),
        (wanted.until, lambda: began is not None and wanted.until is not None and began < wanted.until),
        (wanted.backfill, lambda: run.backfill == wanted.backfill),
        (wanted.tags or None, lambda: set(wanted.tags) <= set(run.tags)),
    ]
    return all(holds() for value, holds in conditions if value is not None)
