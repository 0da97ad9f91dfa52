"""The reports that tests look at, each of a store that a few words have filled."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from support import seeded
from support.builders import utc
from support.seeded import CHAIN, Try, write_run
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.report import period, run_story
from tetra_orchestrator.report.days_report import days_report
from tetra_orchestrator.report.run_report import run_report
from tetra_orchestrator.report.run_story import Beside, Changes

if TYPE_CHECKING:
    from tetra_orchestrator.ports import Store

NOW = utc(2026, 11, 22, 8)
GRAPH = {name: CHAIN[at - 1 : at] if at else () for at, name in enumerate(CHAIN)}
CHANGES = Changes("20261118T020000Z-nightl", ["~ pipelines.features.timeout: 5m -> 2m"])
#: Names, values and logs that would rather be markup, or be read from right to left.
EVIL = "</script><img src=x onerror=owned=1>"
EVIL_LOG = f"{EVIL}<!--<script>owned=1</script>\x00\u202egnol\u202c \"' & \x1b[31mred\ud800"


def of_run(store: Store, run: Run, beside: Beside) -> str:
    return run_report(run_story.read(run, store, NOW, beside))


def of_days(store: Store, days: int = 30) -> str:
    return days_report(period.read(store, NOW - timedelta(days=days), NOW, "Demo", [("nightly", NOW)]))


def good() -> str:
    """A run that succeeded, among a month of others."""
    store = MemoryStore()
    seeded.month(store, NOW)
    run = next(run for run in store.runs() if run.mode == "daily")
    return of_run(store, run, Beside("Demo", GRAPH))


def failed() -> str:
    """A run in which a task failed twice, with changes and an alert."""
    store = MemoryStore()
    seeded.month(store, NOW)
    run = next(run for run in store.runs() if run.state == "failed")
    seeded.alert(store, NOW - timedelta(hours=1), "run_failed", "daily has failed", None, run.run_id)
    return of_run(store, run, Beside("Demo", GRAPH, CHANGES))


def days() -> str:
    """A month of a small project."""
    store = MemoryStore()
    seeded.month(store, NOW)
    return of_days(store)


def empty() -> str:
    """Days in which nothing happened."""
    return of_days(MemoryStore())


def queued() -> str:
    """A run that has not begun."""
    store = MemoryStore()
    run = Run("20261122T080000Z-queued", "demo", "daily", "manual", "queued", "0" * 16)
    store.open_run(run, [], [], "{}")
    return of_run(store, run, Beside("Demo"))


@cache
def hostile() -> str:
    """A run whose every text means harm; its log is a megabyte long."""
    store = MemoryStore()
    run = Run("20261122T070000Z-hostil", EVIL, EVIL, "manual", "running", "0" * 16, NOW, tags=(EVIL,))
    tries = {f"{EVIL}{number}": [Try(1.0, 1, tail=EVIL_LOG)] for number in range(1, 250)}
    tries[f"{EVIL}0"] = [Try(1.0)]
    tries[f"{EVIL}1"] = [Try(1.0, 1, tail=EVIL_LOG + "x\n" * 500_000 + EVIL_LOG)]
    write_run(store, run, tries, outputs={f"{EVIL}0": {EVIL: EVIL_LOG, "list": [EVIL]}})
    seeded.alert(store, NOW, "run_failed", EVIL, None, run.run_id)
    graph = dict.fromkeys(tries, ())
    found = store.run(run.run_id)
    assert found
    return of_run(store, found, Beside(EVIL, graph, Changes(EVIL, [EVIL_LOG])))


def crowd(count: int = 10_000) -> str:
    """A run of so many tasks."""
    store = MemoryStore()
    run = seeded.crowd(store, NOW, count)
    names = [task.task_id for task in store.task_runs(run.run_id)]
    graph = {name: names[at - 16 : at - 15] if at >= 16 else () for at, name in enumerate(names)}
    return of_run(store, store.run(run.run_id) or run, Beside("Demo", graph))


def many_runs(count: int = 10_000) -> str:
    """Days with so many runs."""
    store = MemoryStore()
    seeded.many_runs(store, NOW, count)
    return of_days(store)
