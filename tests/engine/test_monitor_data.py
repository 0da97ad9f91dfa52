"""Data that is watched: how old it is whether or not anything ran, and whether runs that succeed move it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import pipeline
from support.looks import HOUR, Lookout
from tetra_orchestrator.core.data_age import Seen
from tetra_orchestrator.core.history import PIPELINE
from tetra_orchestrator.core.watching import DataSource
from tetra_orchestrator.engine.monitor_data import MARK

FILES = DataSource("files", file="*.csv", max_age_s=3600.0)
ROWS = DataSource("rows", sql="select count(*)", url="sqlite:///x", counts=True, max_age_s=3600.0)


def watched(*sources, **fields):
    return Lookout(pipeline("a", data=sources, **fields))


def show(lookout, name="files", *, ago=timedelta(0), value=None):
    at = lookout.now - ago
    lookout.watcher.seen[name] = Seen(at, value or at.isoformat())


def test_data_is_as_old_as_it_is_whatever_has_run():
    lookout = watched(FILES)
    show(lookout, ago=2 * HOUR)
    lookout.ran("succeeded")
    health = lookout.look()
    assert (health.pipelines[0].data_freshness, health.gauges["a"]["data_age_hours"]) == ("stale", 2.0)
    assert [(one.code, one.subject, one.text) for one in health.findings] == [
        (
            "data_stale",
            "a.files",
            "the data 'files' of a: it is from 2026-03-01T18:00:00Z, over its limit of 1 h 00 min",
        )
    ]
    show(lookout)
    assert lookout.look().pipelines[0].data_freshness == "fresh"


def test_fresh_data_is_fresh_although_the_pipeline_never_ran():
    lookout = watched(FILES)
    show(lookout)
    assert (lookout.look().pipelines[0].data_freshness, lookout.found()) == ("fresh", [])


def test_what_cannot_be_seen_is_unknown_and_never_fresh():
    lookout = watched(FILES)
    lookout.watcher.seen["files"] = Seen(error="no file is called *.csv")
    lookout.ran("succeeded")
    assert lookout.look().pipelines[0].data_freshness == "unknown"
    assert lookout.texts("data_unknown") == ["the data 'files' of a: no file is called *.csv"]


def test_of_several_sources_the_worst_counts_and_the_oldest_tells_the_age():
    other = FILES._replace(name="other")
    lookout = watched(FILES, other)
    show(lookout)
    lookout.watcher.seen["other"] = Seen(error="gone")
    assert lookout.look().pipelines[0].data_freshness == "unknown"
    show(lookout, "other", ago=3 * HOUR)
    health = lookout.look()
    assert (health.pipelines[0].data_freshness, health.gauges["a"]["data_age_hours"]) == ("stale", 3.0)


def test_a_run_that_succeeds_and_leaves_the_data_as_it_was_is_reported_until_it_moves():
    lookout = watched(FILES)
    show(lookout, value="v1")
    lookout.look()
    lookout.passes(HOUR / 2)
    run = lookout.ran("succeeded")
    (found,) = lookout.look().findings
    assert (found.code, found.subject, found.command) == ("data_not_moved", "a.files", f"tetra show {run.run_id}")
    assert found.text == "a succeeded in its last run, and the data 'files' is as it was before"
    assert lookout.found() == [("data_not_moved", "a.files")], "as long as nothing has changed"
    show(lookout, value="v2")
    assert lookout.found() == []


def test_data_that_moved_before_the_run_ended_is_not_reported_by_later_looks():
    lookout = watched(FILES)
    show(lookout, value="v1")
    lookout.look()
    lookout.passes(HOUR / 4)
    show(lookout, value="v2")
    lookout.ran("succeeded")
    assert lookout.found() == []
    lookout.passes(HOUR / 4)
    assert lookout.found() == []


def test_without_a_look_before_the_run_nothing_is_said_of_movement():
    lookout = watched(FILES)
    show(lookout, value="v1")
    lookout.ran("succeeded")
    assert lookout.found() == []
    assert lookout.found() == []


@pytest.mark.parametrize("state", ["failed", "partial", "cancelled", "running"])
def test_only_a_success_has_to_move_the_data(state):
    lookout = watched(FILES)
    show(lookout, value="v1")
    lookout.look()
    lookout.passes(HOUR / 2)
    lookout.ran(state)
    assert lookout.found("data_not_moved") == []


def test_data_that_need_not_move_is_left_alone():
    lookout = watched(FILES._replace(moves=False))
    show(lookout, value="v1")
    lookout.look()
    lookout.passes(HOUR / 2)
    lookout.ran("succeeded")
    assert lookout.found() == []


def test_a_number_is_as_old_as_its_last_change_between_looks():
    lookout = watched(ROWS)
    lookout.watcher.seen["rows"] = Seen(None, "5")
    assert (lookout.look().pipelines[0].data_freshness, lookout.found()) == ("unknown", []), "nobody knows since when"
    lookout.passes(HOUR / 2)
    lookout.watcher.seen["rows"] = Seen(None, "6")
    assert lookout.look().pipelines[0].data_freshness == "fresh"
    lookout.passes(HOUR + timedelta(seconds=1))
    assert lookout.found() == [("data_stale", "a.rows")]


def test_a_number_that_stands_still_from_the_first_look_on_is_stale_in_the_end():
    lookout = watched(ROWS)
    lookout.watcher.seen["rows"] = Seen(None, "5")
    lookout.look()
    lookout.passes(HOUR + timedelta(seconds=1))
    assert lookout.found() == [("data_stale", "a.rows")]


def test_a_paused_pipeline_s_data_may_be_as_old_as_it_likes():
    lookout = watched(FILES)
    show(lookout, ago=50 * HOUR)
    lookout.store.pause(PIPELINE, "a", lookout.now, None, None)
    assert lookout.found() == []


def test_marks_of_data_that_nobody_watches_any_more_are_removed():
    lookout = watched(FILES)
    show(lookout)
    lookout.store.alerts.mark({f"{MARK}gone.files": "x", "mine": "y"})
    lookout.look()
    assert {name for name in lookout.store.alerts.marks() if not name.startswith("host:")} == {f"{MARK}a.files", "mine"}


def test_a_mark_that_cannot_be_read_is_begun_anew():
    lookout = watched(FILES)
    show(lookout)
    lookout.store.alerts.mark({f"{MARK}a.files": "not json"})
    assert lookout.found() == []


def test_what_cannot_be_seen_for_a_while_keeps_its_mark():
    lookout = watched(FILES)
    show(lookout, value="v1")
    lookout.look()
    lookout.watcher.seen["files"] = Seen(error="the share is away")
    lookout.look()
    lookout.passes(HOUR / 2)
    show(lookout, value="v1")
    lookout.ran("succeeded")
    assert lookout.found() == [("data_not_moved", "a.files")]
