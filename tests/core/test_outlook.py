"""When each task of a run starts and ends, how much later it might, and how sure that is."""

from __future__ import annotations

from support.builders import task
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.forecast import Span
from tetra_orchestrator.core.model import Reason, RunIf, Service
from tetra_orchestrator.core.outlook import NOT_MET, outlook
from tetra_orchestrator.core.reasons import DISABLED

ONE, TWO, MANY = Limits(1), Limits(2), Limits(99)
DIAMOND = (task("extract"), task("left", "extract"), task("right", "extract"), task("load", "left", "right"))
HISTORY = {"extract": [10.0], "left": [15.0, 20.0, 40.0], "right": [30.0], "load": [5.0]}


def test_every_task_has_its_start_and_end() -> None:
    assert outlook(DIAMOND, MANY, HISTORY).spans == {
        "extract": Span(0.0, 10.0),
        "left": Span(10.0, 30.0),
        "right": Span(10.0, 40.0),
        "load": Span(40.0, 45.0),
    }


def test_slack_is_by_how_much_a_task_may_be_late() -> None:
    assert outlook(DIAMOND, MANY, HISTORY).slack_s == {"extract": 0.0, "left": 10.0, "right": 0.0, "load": 0.0}


def test_where_places_are_short_the_path_has_slack_until_its_turn() -> None:
    found = outlook((task("long"), task("short")), ONE, {"long": [5.0], "short": [1.0]})
    assert found.critical_path == ("long",)
    assert found.slack_s == {"long": 1.0, "short": 0.0}
    assert found.finish_s == 6.0


def test_the_quickest_and_the_slowest_of_before_bound_the_finish() -> None:
    found = outlook(DIAMOND, MANY, HISTORY)
    assert (found.least_s, found.finish_s, found.most_s) == (45.0, 45.0, 55.0)


def test_what_is_not_known_counts_as_nothing_and_is_named() -> None:
    found = outlook(DIAMOND, MANY, {"extract": [10.0], "right": [30.0], "load": [5.0]})
    assert (found.unknown, found.finish_s, found.least_s) == (("left",), None, 45.0)
    assert found.spans["left"] == Span(10.0, 10.0)


def test_what_is_skipped_has_no_times_and_holds_up_nothing() -> None:
    tasks = (task("off", enabled=False), task("behind", "off"), task("on"), task("after", "on", run_if=(RunIf("on"),)))
    found = outlook(tasks, TWO, {"off": [9.0], "on": [3.0], "after": [1.0]})
    assert found.spans == {"on": Span(0.0, 3.0), "after": Span(3.0, 4.0)}
    assert found.skipped["off"] == DISABLED
    assert found.unknown == ()


def test_what_runs_only_after_a_failure_is_skipped_with_what_waits_for_it() -> None:
    tasks = (task("load"), task("alarm", "load", run_if=(RunIf("load", ("failed",)),)), task("mail", "alarm"))
    found = outlook(tasks, TWO, {"load": [3.0]})
    assert found.skipped == {"alarm": NOT_MET, "mail": Reason("upstream_skipped", "alarm was skipped")}
    assert (found.critical_path, found.unknown, found.finish_s) == (("load",), (), 3.0)


def test_what_depends_on_what_a_task_will_print_is_not_foreseen() -> None:
    tasks = (task("load"), task("alarm", "load", run_if=(RunIf("load", output="late"),)))
    assert outlook(tasks, TWO, {"load": [3.0], "alarm": [1.0]}).skipped == {}


def test_what_needs_not_be_done_again_takes_no_time() -> None:
    found = outlook(DIAMOND, MANY, HISTORY, done={"extract": DISABLED})
    assert found.spans["left"] == Span(0.0, 20.0)
    assert found.finish_s == 35.0


def test_a_service_lasts_as_long_as_somebody_needs_it() -> None:
    tasks = (task("server", service=Service()), task("query", "server", conditions=(("server", "ready"),)))
    found = outlook(tasks, TWO, {"query": [7.0]})
    assert found.spans == {"server": Span(0.0, 7.0), "query": Span(0.0, 7.0)}
    assert found.unknown == ()


def test_a_run_of_nothing_is_over_at_once() -> None:
    found = outlook((), TWO, {})
    assert (found.spans, found.finish_s, found.least_s, found.most_s) == ({}, 0.0, 0.0, 0.0)
