"""Old runs are removed, files first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.fakes import FakeClock, FakeStrays, FakeWorkspace
from support.worlds import Stage, project, task
from tetra_orchestrator.core.alerts import Alert, Filed
from tetra_orchestrator.core.history import PipelineState, Run
from tetra_orchestrator.core.model import Keep, Reason
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.retention import MOST, Stray
from tetra_orchestrator.core.slots import EXPECTED, MISSED, Cursor, Slot
from tetra_orchestrator.core.watching import Alerting
from tetra_orchestrator.engine.forsaken import forsake
from tetra_orchestrator.engine.retention import (
    ALERTS_AT_ONCE,
    LONGEST_S,
    SLOTS_AT_ONCE,
    STRAY_AGE,
    prune,
    survey,
    sweep,
)
from tetra_orchestrator.errors import CannotWrite


def after_runs(count):
    """A stage on which so many runs have ended, and their ids, oldest first."""
    stage = Stage(project(task("a")))
    for _ in range(count):
        stage.run()
        stage.clock.seconds += 60
    return stage, [one.run_id for one in stage.store.runs()][::-1]


def left(stage):
    return [one.run_id for one in stage.store.runs()][::-1]


def test_runs_beyond_the_limit_go_with_their_files():
    stage, ids = after_runs(5)
    assert prune(Keep(runs=2), stage.store, stage.workspace, stage.clock) == ids[:3]
    assert stage.workspace.removed == ids[:3]
    assert left(stage) == ids[3:]


def test_the_latest_success_stays_and_with_it_freshness_and_what_was_learned():
    stage, ids = after_runs(3)
    known = stage.store.summaries()[0].last_success_at, dict(stage.store.expected_s())
    stage.runner.script = lambda name, number: (1.0, Exited(1), {})
    for _ in range(3):
        stage.run()
    prune(Keep(runs=1), stage.store, stage.workspace, stage.clock)
    assert left(stage)[0] == ids[2]
    assert len(left(stage)) == 2
    assert (stage.store.summaries()[0].last_success_at, dict(stage.store.expected_s())) == known


def test_rows_stay_where_files_cannot_be_removed_and_the_others_go_all_the_same():
    stage, ids = after_runs(5)
    stage.workspace.stubborn = {ids[1]}
    with pytest.raises(CannotWrite, match=f"^{ids[1]} stays$"):
        prune(Keep(runs=2), stage.store, stage.workspace, stage.clock)
    assert left(stage) == [ids[1], *ids[3:]]
    stage.workspace.stubborn = set()
    assert prune(Keep(runs=2), stage.store, stage.workspace, stage.clock) == [ids[1]]


class SlowWorkspace(FakeWorkspace):
    """Takes a minute to remove the files of a run."""

    def __init__(self, clock: FakeClock):
        super().__init__()
        self.clock = clock

    def remove(self, run):
        super().remove(run)
        self.clock.seconds += 60


def test_when_it_takes_too_long_the_rest_waits_for_the_end_of_the_next_run():
    stage, ids = after_runs(4)
    assert LONGEST_S < 60
    slow = SlowWorkspace(stage.clock)
    assert [prune(Keep(runs=1), stage.store, slow, stage.clock) for _ in range(4)] == [[ids[0]], [ids[1]], [ids[2]], []]


def opened(stage, count):
    """So many finished runs of a task `a`, made without performing them."""
    for number in range(count):
        at = stage.clock.now()
        run = Run(f"r{number:04}", "tetra", "all", "manual", "failed", "c0ffee", at, at, 1.0)
        stage.store.open_run(run, [], [PipelineState("a")], "{}")
        stage.clock.seconds += 1


def test_so_many_go_by_themselves_and_all_when_asked_for():
    stage = Stage(project(task("a")))
    opened(stage, MOST + 20)
    found = survey(Keep(runs=2), stage.store, stage.workspace, FakeStrays(), stage.clock.now())
    assert len(found.runs) == MOST + 18
    assert len(prune(Keep(runs=2), stage.store, stage.workspace, stage.clock)) == MOST
    assert sweep(found, stage.store, stage.workspace, FakeStrays()) == []
    assert left(stage) == [f"r{MOST + 18:04}", f"r{MOST + 19:04}"]


def test_a_survey_tells_what_would_go_and_why_and_changes_nothing():
    stage, ids = after_runs(4)
    stage.workspace.sizes = {ids[0]: 30, ids[1]: 400}
    strays = FakeStrays(Stray("/logs/runs/gone", 7))
    now = stage.clock.now()
    found = survey(Keep(runs=2), stage.store, stage.workspace, strays, now)
    assert [(one.run.run_id, one.files_bytes) for one in found.runs] == [(ids[0], 30), (ids[1], 400)]
    assert {one.reason for one in found.runs} == {Reason("runs", "it is not one of the newest 2")}
    assert found.strays == (Stray("/logs/runs/gone", 7),)
    assert strays.looked == (ids[::-1], now - STRAY_AGE, found.slots_before)
    assert (left(stage), stage.workspace.removed, len(strays.left)) == (ids, [], 1)


def test_what_cannot_be_removed_is_told_and_the_rest_goes():
    stage, ids = after_runs(4)
    strays = FakeStrays(Stray("/logs/runs/gone", 7), Stray("/logs/runs/stuck", 8))
    stage.workspace.stubborn = {ids[1]}
    found = survey(Keep(runs=2), stage.store, stage.workspace, strays, stage.clock.now())
    assert [fault.message for fault in sweep(found, stage.store, stage.workspace, strays)] == [
        f"{ids[1]} stays",
        "/logs/runs/stuck stays",
    ]
    assert left(stage) == ids[1:]
    assert [stray.path for stray in strays.left] == ["/logs/runs/stuck"]


def test_a_store_without_a_run_does_not_know_whose_files_there_are():
    stage = Stage(project(task("a")))
    strays = FakeStrays(Stray("/logs/runs/another-store-s", 7))
    assert survey(Keep(runs=2), stage.store, stage.workspace, strays, stage.clock.now()).strays == ()


def with_slots(stage, count, days_ago):
    """So many missed slots a second apart, the last of them so long ago, and an open one before them."""
    last = stage.clock.now() - timedelta(days_ago)
    slots = [Slot("nightly", last - timedelta(seconds=n), MISSED, last) for n in range(count)]
    open_ = Slot("nightly", last - timedelta(days=1), EXPECTED, last)
    cursor = Cursor("nightly", "0 6 * * *\tUTC\tshift\tfirst", last - timedelta(2), last)
    stage.store.ledger.settle(None, cursor, [open_, *slots])


def outcomes(stage):
    return [slot.outcome for slot in stage.store.ledger.slots()]


def test_slots_older_than_the_days_go_with_the_runs_and_never_an_open_one():
    stage, _ = after_runs(3)
    with_slots(stage, 5, 11)
    prune(Keep(runs=1, days=10), stage.store, stage.workspace, stage.clock)
    assert outcomes(stage) == [EXPECTED]


def test_slots_that_are_not_old_enough_stay():
    stage, _ = after_runs(3)
    with_slots(stage, 5, 9)
    prune(Keep(runs=1, days=10), stage.store, stage.workspace, stage.clock)
    assert len(outcomes(stage)) == 6


def forgotten_by(table):
    """How many at most the table is asked to forget at a time, from now on."""
    portions = []
    forget = table.forget
    table.forget = lambda before, most: portions.append(most) or forget(before, most)
    return portions


def test_a_great_many_slots_go_in_portions_and_without_a_limit_none():
    stage, _ = after_runs(3)
    with_slots(stage, SLOTS_AT_ONCE + 10, 500)
    assert survey(Keep(), stage.store, stage.workspace, FakeStrays(), stage.clock.now()).slots == 0
    found = survey(Keep(runs=9), stage.store, stage.workspace, FakeStrays(), stage.clock.now())
    assert found.slots == SLOTS_AT_ONCE + 10
    portions = forgotten_by(stage.store.ledger)
    sweep(found, stage.store, stage.workspace, FakeStrays())
    assert (portions, outcomes(stage)) == ([SLOTS_AT_ONCE, 10], [EXPECTED])


def with_alerts(stage, count, days_ago, *channels):
    """So many alerts a second apart, the last of them over since so long, each with a letter to these channels."""
    last = stage.clock.now() - timedelta(days_ago)
    for number in range(count):
        at = last - timedelta(seconds=number)
        one = Alert(0, f"disk_low:/{number}", "disk_low", "low", f"/{number}", "disk", "", "", (), at, resolved_at=at)
        stage.store.alerts.file([Filed(one, tuple((channel, "raised", at) for channel in channels))])


def test_alerts_that_were_over_before_the_oldest_day_go_with_the_runs_and_those_that_are_open_stay():
    stage, _ = after_runs(3)
    with_alerts(stage, 2, 11)
    with_alerts(stage, 1, 9)
    open_ = stage.store.alerts.all()[0]._replace(id=0, key="open", resolved_at=None)
    stage.store.alerts.file([Filed(open_)])
    prune(Keep(runs=1, days=10), stage.store, stage.workspace, stage.clock)
    assert [one.id for one in stage.store.alerts.all()] == [4, 3]


def test_alerts_stay_as_long_as_a_run_that_somebody_has_still_to_hear_of():
    stage = Stage(project(task("a"), alerting=Alerting()))
    stage.run()
    stage.clock.show(stage.clock.now() + timedelta(days=20))
    with_alerts(stage, 1, 11)
    for _ in range(2):
        stage.run()
    untold = [run.run_id for run in stage.store.alerts.untold()]
    assert prune(Keep(runs=1, days=10), stage.store, stage.workspace, stage.clock) == []
    assert (left(stage), len(stage.store.alerts.all())) == (untold, 1)
    stage.store.alerts.file([], untold)
    assert prune(Keep(runs=1, days=10), stage.store, stage.workspace, stage.clock) == untold[:2]
    assert stage.store.alerts.all() == []


def test_an_alert_whose_letter_never_arrived_stays_while_that_is_still_tried():
    stage, _ = after_runs(3)
    with_alerts(stage, 1, 11, "mail")
    prune(Keep(runs=2, days=10), stage.store, stage.workspace, stage.clock)
    assert len(stage.store.alerts.all()) == 1
    [claimed] = stage.store.alerts.claim(stage.clock.now(), stage.clock.now())
    stage.store.alerts.settle([claimed._replace(state="given_up")])
    found = survey(Keep(runs=1, days=10), stage.store, stage.workspace, FakeStrays(), stage.clock.now())
    assert found.alerts == 1
    sweep(found, stage.store, stage.workspace, FakeStrays())
    assert (stage.store.alerts.all(), stage.store.alerts.deliveries()) == ([], [])


def test_a_great_many_alerts_go_in_portions_and_without_a_limit_none():
    stage, _ = after_runs(3)
    with_alerts(stage, ALERTS_AT_ONCE + 10, 500)
    assert survey(Keep(), stage.store, stage.workspace, FakeStrays(), stage.clock.now()).alerts == 0
    found = survey(Keep(runs=9), stage.store, stage.workspace, FakeStrays(), stage.clock.now())
    assert found.alerts == ALERTS_AT_ONCE + 10
    portions = forgotten_by(stage.store.alerts)
    sweep(found, stage.store, stage.workspace, FakeStrays())
    assert (portions, stage.store.alerts.all()) == ([ALERTS_AT_ONCE, 10], [])


def of_another_time():
    """A stage whose project told somebody for three runs, and left an open alert with a letter; and its runs."""
    stage = Stage(project(task("a"), alerting=Alerting()))
    for _ in range(3):
        stage.run()
        stage.clock.seconds += 60
    at = stage.clock.now()
    open_ = Alert(0, "failed:a", "failed", "high", "a", "a failed", "", "", ("mail",), at, raised_at=at, told_at=at)
    stage.store.alerts.file([Filed(open_, (("mail", "raised", at + timedelta(hours=1)),))])
    return stage, left(stage)


def waiting(stage):
    """How many alerts are open, letters wait and runs are untold."""
    alerts = stage.store.alerts
    return len(alerts.open()), len(alerts.deliveries(unsent=True)), len(alerts.untold())


def test_where_nobody_is_told_any_more_no_run_waits_for_it_and_what_was_open_is_closed():
    stage, ids = of_another_time()
    assert prune(Keep(runs=1), stage.store, stage.workspace, stage.clock, telling=False) == ids[:2]
    assert (left(stage), waiting(stage)) == (ids[2:], (0, 0, 0))
    [closed] = stage.store.alerts.all()
    assert (closed.cleared_at, closed.resolved_at) == (stage.clock.now(), stage.clock.now())
    [letter] = stage.store.alerts.deliveries()
    assert (letter.state, letter.error) == ("muted", "the file has no `alerting` any more")


def test_a_survey_tells_what_would_be_closed_and_a_sweep_closes_it():
    stage, ids = of_another_time()
    where = stage.store, stage.workspace, FakeStrays()
    found = survey(Keep(runs=1), *where, stage.clock.now(), telling=False)
    assert ([one.run.run_id for one in found.runs], found.closed) == (ids[:2], 1)
    assert (left(stage), waiting(stage)) == (ids, (1, 1, 3))
    sweep(found, *where)
    assert (left(stage), waiting(stage)) == (ids[2:], (0, 0, 0))


def test_where_somebody_is_told_nothing_is_closed():
    stage, ids = of_another_time()
    where = stage.store, stage.workspace, FakeStrays()
    found = survey(Keep(runs=1), *where, stage.clock.now())
    assert (found.runs, found.closed) == ((), None)
    sweep(found, *where)
    assert (left(stage), waiting(stage)) == (ids, (1, 1, 3))


def test_what_somebody_else_has_judged_meanwhile_is_closed_all_the_same():
    stage, _ = of_another_time()
    alerts, file = stage.store.alerts, stage.store.alerts.file

    def slower(filed, told=()):
        alerts.file = file
        file([], [alerts.untold()[0].run_id])
        file(filed, told)

    alerts.file = slower
    forsake(alerts, stage.clock.now())
    assert waiting(stage) == (0, 0, 0)
