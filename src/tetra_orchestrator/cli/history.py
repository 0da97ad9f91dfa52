"""`history`: the runs of the past, newest first, by what is asked for, page by page."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.known import glance, settled, whole
from tetra_orchestrator.cli.output import brief, dates, print_json, print_table
from tetra_orchestrator.cli.paint import cell
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.records import run_row, usage_row
from tetra_orchestrator.cli.times import past
from tetra_orchestrator.cli.words import WordsOption, run_in
from tetra_orchestrator.core.facts import UNKNOWN
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.core.spoken import duration, printable
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from tetra_orchestrator.config.glance import Glance
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.ports import Store

#: Rows of a page that is not told how long it is to be, and of the longest: all of them are in memory at once.
PAGE, LONGEST = 20, 10_000
_R = RunState
#: Besides the states themselves: words for several of them.
WORDS: dict[str, tuple[str, ...]] = {
    **{state.value: (state.value,) for state in RunState},
    "success": (_R.SUCCEEDED.value,),
    "failed": (_R.FAILED.value, _R.TIMED_OUT.value, _R.LOST.value),
    "active": tuple(sorted(state.value for state in RUN_ACTIVE)),
}


def command(
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", "-p", metavar="PIPELINE", help="Runs with a task of it.")
    ] = None,
    mode: Annotated[str | None, typer.Option("--mode", "-m", metavar="MODE", help="Runs of that mode.")] = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", metavar="STATE", help="succeeded, partial, failed ... Repeatable.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Runs with a task of that owner.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Repeatable; all must fit.")] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="Started then or later: 7d, 2026-11-01 ...")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Started before that.")] = None,
    backfill: Annotated[str | None, typer.Option(metavar="ID", help="Runs of that backfill.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, max=LONGEST, metavar="N", help="How many at most.")] = PAGE,
    cursor: Annotated[str | None, typer.Option(metavar="RUN", help="Go on behind this run.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values for a spreadsheet.")] = False,
    words: WordsOption = "native",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """List past runs, newest first.

    Examples: `history --state failed --since 7d`, `history -p data_pipeline -n 100 --csv`.
    """
    if as_csv and as_json:
        raise UsageError("--csv and --json are two forms of the same", hint="leave out one of them")
    seen = glance(config)
    wanted = RunFilter(pipeline, mode, _states(state or ()), _tags(tag or (), tenant), before=cursor, backfill=backfill)
    if (since, until) != (None, None):
        wanted = _within(wanted, since, until, _zone(seen, config))
    with settled(seen) as scene:
        _check(wanted, scene.store, seen)
        runs = scene.store.search(wanted, number + 1)
        if wanted.mode is not None and not runs:
            _check_mode(wanted.mode, scene.store, whole(seen, config))
        more, runs = len(runs) > number, runs[:number]
        used = scene.store.used([run.run_id for run in runs]) if as_json or as_csv else {}
    runs = [run_in(words, run) for run in runs]
    following = runs[-1].run_id if more else None
    if as_json:
        rows = [{**run_row(run), "usage": usage_row(used.get(run.run_id, UNKNOWN))} for run in runs]
        print_json("history", {"runs": rows, "next_cursor": following})
    elif as_csv:
        from tetra_orchestrator.cli.run_csv import print_csv

        print_csv(runs, used, following)
    else:
        _print(runs, following)
    return Exit.OK


def _states(given: Sequence[str]) -> tuple[str, ...]:
    """The states that the words mean, each once. Raises `UsageError` for a word that means none."""
    for word in given:
        if word not in WORDS:
            from tetra_orchestrator.core.selection import suggest

            raise UsageError(f"Unknown state: {word}", hint=suggest(word, list(WORDS), "states"))
    return tuple(dict.fromkeys(state for word in given for state in WORDS[word]))


def _tags(given: Sequence[str], tenant: str | None) -> tuple[str, ...]:
    for tag in given:
        if "=" not in tag.strip("="):
            raise UsageError(f"--tag {tag!r} is not NAME=VALUE", hint="write it like --tag team=risk")
    return (*given, *([f"tenant={tenant}"] if tenant else []))


def _within(wanted: RunFilter, since: str | None, until: str | None, zone: tzinfo | None) -> RunFilter:
    now = wire.clock().now()
    begin, end = _bound("--since", since, zone, now), _bound("--until", until, zone, now)
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--since {since!r} is not before --until {until!r}", hint="swap them; --until does not count")
    return wanted._replace(since=begin, until=end)


def _bound(option: str, text: str | None, zone: tzinfo | None, now: datetime) -> datetime | None:
    return None if text is None else past(option, zone, now).read(text)


def _zone(seen: Glance, config: str | None) -> tzinfo | None:
    """The project's zone; the machine's while its file is broken."""
    from tetra_orchestrator.core.schedule import zone

    project = whole(seen, config)
    return zone(project.timezone) if project else None


def _check(wanted: RunFilter, store: Store, seen: Glance) -> None:
    """Raises `UsageError` for a pipeline that nobody knows of, and for a run to go on behind that is not there."""
    if wanted.before is not None and store.run(wanted.before) is None:
        hint = "leave out --cursor, which begins with the newest run"
        raise UsageError(f"there is no run '{wanted.before}' to go on behind", hint=hint)
    if wanted.pipeline is not None and wanted.pipeline not in seen.pipelines:
        known = dict.fromkeys((*seen.pipelines, *(one.pipeline.name for one in store.summaries())))
        if wanted.pipeline not in known:
            from tetra_orchestrator.core.selection import suggest

            raise UsageError(f"Unknown pipeline: {wanted.pipeline}", hint=suggest(wanted.pipeline, known, "pipelines"))


def _check_mode(name: str, store: Store, project: Project | None) -> None:
    """Raises `UsageError` for a mode that the file does not have and no run had."""
    if project is None or project.mode(name) or store.search(RunFilter(mode=name), 1):
        return
    from tetra_orchestrator.core.selection import suggest

    raise UsageError(f"Unknown mode: {name}", hint=suggest(name, [mode.name for mode in project.modes], "modes"))


def _print(runs: Sequence[Run], following: str | None) -> None:
    started, times = brief("started", [run.started_at for run in runs])
    head = ["run", "mode", "state", started, "took", "partition", "trigger"]
    rows = [_cells(run, time) for run, time in zip(runs, times, strict=True)]
    if not any(run.partition for run in runs):
        for row in (head, *rows):
            del row[5]
    print_table(head, rows, spare=("trigger", "took"))
    if not runs:
        print("no run fits")
    elif following:
        print(f"\nthere are more: --cursor {following} goes on behind these")


def _cells(run: Run, started: str) -> list[str]:
    place = dates(run.partition.start, run.partition.end) if run.partition else "-"
    mode, trigger = printable(run.mode or "-"), printable(run.trigger)
    return [run.run_id, mode, cell(run.state), started, duration(run.duration_s), place, trigger]
