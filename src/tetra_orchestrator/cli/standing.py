"""The content of `status`: how each pipeline stands. Shown in prompts and panels, so it imports next to nothing."""

from __future__ import annotations

from tetra_orchestrator.core.freshness import freshness
from tetra_orchestrator.core.history import PIPELINE, lasted_s
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.config.glance import Glance
    from tetra_orchestrator.core.history import Pause, Run
    from tetra_orchestrator.ports import PipelineSummary, Store


def quick_answer(argv: Sequence[str]) -> int | None:
    """Answer a plain call; None where Typer has to read the options."""
    options: dict[str, Any] = {"as_json": False, "config": None}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--json":
            options["as_json"] = True
        elif word == "--config" and rest:
            options["config"] = rest.pop(0)
        else:
            return None
    return print_standing(**options)


def print_standing(*, as_json: bool, config: str | None, words: str | None = None) -> int:
    """Print the state of every pipeline known to the store, settling first what dead owners left behind.

    `words` names the document in whose words states are told, if not ours.
    """
    from tetra_orchestrator.cli.known import glance, settled

    seen = glance(config)
    with settled(seen) as scene:
        store, now = scene.store, scene.clock.now()
        pauses = [pause for pause in store.pauses() if pause.holds(now)]
        paused = {pause.name for pause in pauses if pause.kind == PIPELINE}
        active = store.runs(active=True)
        queued = _queued(active, store)
        known = _with_unrun(store.summaries(), seen)
        tenants = _tenants(active, store, seen, config)
        alerts_open, letters_waiting = store.alerts_standing()
        body: dict[str, Any] = {
            "pipelines": [_row(summary, seen, _state(summary, queued, paused), now) for summary in known],
            "active_runs": [_active(run) for run in active],
            "alerts_open": alerts_open,
            "letters_waiting": letters_waiting,
            "pauses": [_pause(pause) for pause in pauses],
            "tenants": tenants,
        }
    if words is not None:
        body = _said(body, words)
    if as_json:
        from tetra_orchestrator.cli.output import print_json

        print_json("status", body)
    else:
        _print(body, now)
        _print_pauses(pauses)
        _print_alerts(alerts_open, letters_waiting)
    return Exit.OK


def _said(body: Mapping[str, Any], words: str) -> dict[str, Any]:
    """The same in the words of a document."""
    from tetra_orchestrator.core.vocabulary import VOCABULARIES

    chosen = VOCABULARIES[words]

    def last(run: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        return {**run, "state": chosen.last(run["state"])} if run else None

    rows = [
        {**row, "state": chosen.pipelines[row["state"]], "last_run": last(row["last_run"])} for row in body["pipelines"]
    ]
    return {**body, "words": words, "pipelines": rows, "active_runs": [last(run) for run in body["active_runs"]]}


def _with_unrun(known: list[PipelineSummary], glance: Glance) -> list[PipelineSummary]:
    """The store's pipelines that the file still has, in file order, and those that never ran."""
    from tetra_orchestrator.core.history import PipelineState
    from tetra_orchestrator.ports import PipelineSummary

    by_name = {summary.pipeline.name: summary for summary in known}
    return [by_name.get(name) or PipelineSummary(PipelineState(name), active=False) for name in glance.pipelines]


def _queued(active: Sequence[Run], store: Store) -> set[str]:
    """The pipelines that runs wait for which have not started, and that no run has at the moment."""
    waiting = [run for run in active if run.state == RunState.QUEUED]
    if not waiting:
        return set()
    return _pipelines(waiting, store) - _pipelines([run for run in active if run not in waiting], store)


def _pipelines(runs: Sequence[Run], store: Store) -> set[str]:
    return {row.pipeline for run in runs for row in store.task_runs(run.run_id)}


def _state(summary: PipelineSummary, queued: Collection[str], paused: Collection[str]) -> str:
    name = summary.pipeline.name
    if summary.active:
        return "scheduled" if name in queued else "running"
    return "paused" if name in paused else "idle"


def _row(summary: PipelineSummary, glance: Glance, state: str, now: datetime) -> dict[str, Any]:
    from tetra_orchestrator.cli.output import instant

    pipeline = summary.pipeline
    last = None
    if summary.last_run_id:
        began, ended = summary.last_started_at, summary.last_finished_at
        lasted = lasted_s(began, ended, summary.last_run_s)
        last = {
            "run_id": summary.last_run_id,
            "state": "queued" if state == "scheduled" else summary.last_state,
            "started_at": instant(began),
            "finished_at": instant(ended),
            "duration_s": None if lasted is None else round(lasted, 3),
        }
    return {
        "name": pipeline.name,
        "state": state,
        "last_run": last,
        "freshness": freshness(summary.last_success_at, pipeline.max_data_age_s, now),
        "next_slot": glance.next_slots.get(pipeline.name),
    }


def _active(run: Run) -> dict[str, Any]:
    from tetra_orchestrator.cli.output import instant

    return {"run_id": run.run_id, "mode": run.mode, "state": run.state, "started_at": instant(run.started_at)}


def _tenants(active: Sequence[Run], store: Store, seen: Glance, config: str | None) -> list[dict[str, Any]]:
    """What the tenants of active runs do, and how much of theirs waits; most projects have none."""
    theirs = [run for run in active if any(tag.startswith("tenant=") for tag in run.tags)]
    if not theirs:
        return []
    from tetra_orchestrator.cli.known import whole
    from tetra_orchestrator.core.owners import standings

    project = whole(seen, config)
    runs = [store.task_runs(run.run_id) for run in theirs]
    return [one._asdict() for one in standings(project, runs)] if project else []


def _pause(pause: Pause) -> dict[str, Any]:
    from tetra_orchestrator.cli.pauses import pause_row

    return pause_row(pause)


def _print(body: Mapping[str, Any], now: datetime) -> None:
    """Aligned columns by hand: importing a table library would cost more than the interpreter's own start."""
    from tetra_orchestrator.cli.columns import aligned
    from tetra_orchestrator.cli.paint import cell, signed
    from tetra_orchestrator.core.spoken import duration

    rows: list[tuple[str, ...]] = [("PIPELINE", "STATE", "LAST RUN", "WHEN", "TOOK", "DATA", "NEXT")]
    for pipeline in body["pipelines"]:
        last = pipeline["last_run"] or {}
        name, state, data = (pipeline[key] for key in ("name", "state", "freshness"))
        when, took = _ago(last.get("finished_at"), now), duration(last.get("duration_s"))
        states = cell(state), cell(last.get("state") or "never")
        rows.append((name, *states, when, took, data, _in(pipeline["next_slot"], now)))
    print("\n".join(aligned(rows)))
    for run in body["active_runs"]:
        started = f"started {_ago(run['started_at'], now)}"
        print(f"\n{signed(run['state'])}: {run['run_id']}  {run['mode'] or ''}  {started}")
    for one in body["tenants"]:
        if one["queued"]:
            print(f"\ntenant {one['tenant']}: {one['running']} of at most {one['limit']} run, {one['queued']} wait")


def _print_pauses(pauses: Sequence[Pause]) -> None:
    if pauses:
        from tetra_orchestrator.cli.pauses import told

        print("", *map(told, pauses), sep="\n")


def _print_alerts(number: int, waiting: int) -> None:
    parts = [f"{number} alerts are open" if number > 1 else "1 alert is open"] if number else []
    parts += [f"{waiting} letters have not arrived" if waiting > 1 else "1 letter has not arrived"] if waiting else []
    if parts:
        print(f"\n{', '.join(parts)}: tetra alerts list")


def _ago(stamp: str | None, now: datetime) -> str:
    return f"{_span(now, stamp)} ago" if stamp else "-"


def _in(stamp: str | None, now: datetime) -> str:
    return f"in {_span(now, stamp)}" if stamp else "-"


def _span(now: datetime, stamp: str) -> str:
    """The distance between now and a stamp as one number."""
    from tetra_orchestrator.core.spoken import about

    return about(abs((now - type(now).fromisoformat(stamp)).total_seconds()))
