"""The values that rules speak of, by a history in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import pipeline, task
from support.looks import HOUR, Lookout
from tetra_orchestrator.core.facts import Facts, Usage
from tetra_orchestrator.core.gauges import NUMBER, OF_PIPELINE, TEXT, TRUTH
from tetra_orchestrator.core.history import PIPELINE
from tetra_orchestrator.core.slots import Cursor, Slot
from tetra_orchestrator.core.watching import DataSource, Monitoring
from tetra_orchestrator.engine.gauges import measure

KINDS = {TEXT: str, NUMBER: float, TRUTH: bool}


@pytest.fixture
def lookout():
    return Lookout()


def values(lookout, *, run=None, monitoring=None, **options):
    return measure(lookout.project.pipelines[0], lookout.store, lookout.now, monitoring, run, **options)


def test_every_name_has_a_value_or_none_and_each_value_its_kind(lookout):
    assert set(values(lookout)) == set(OF_PIPELINE)
    lookout.ran("succeeded", outputs={"records_processed": 5})
    found = values(lookout, schedules=())
    assert set(found) == set(OF_PIPELINE)
    wrong = {
        name: value for name, value in found.items() if not isinstance(value, (KINDS[OF_PIPELINE[name][0]], type(None)))
    }
    assert wrong == {}


def test_of_a_pipeline_that_never_ran_next_to_nothing_is_known(lookout):
    found = values(lookout)
    assert {name: value for name, value in found.items() if value is not None} == {
        "pipeline": "a",
        "pipeline_status": "never",
        "state": "never",
        "failures": 0.0,
        "runs": 0.0,
        "running": False,
        "paused": False,
    }


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("succeeded", "success"),
        ("partial", "partial"),
        *((state, "failed") for state in ("failed", "timed_out", "cancelled", "lost", "upstream_failed")),
    ],
)
def test_the_status_is_in_the_words_of_rules_and_the_state_in_ours(lookout, state, status):
    lookout.ran(state)
    assert (values(lookout)["state"], values(lookout)["pipeline_status"]) == (state, status)


def test_a_run_that_is_on_leaves_the_status_of_the_one_before_it(lookout):
    """A rule on `failed` must not be over because the next try has begun."""
    lookout.ran("running", took_s=30)
    assert (values(lookout)["state"], values(lookout)["pipeline_status"]) == ("running", "running")
    lookout = Lookout()
    lookout.ran("failed", ago=HOUR)
    lookout.ran("running", took_s=30)
    found = values(lookout)
    assert (found["state"], found["pipeline_status"], found["running"]) == ("failed", "failed", True)
    assert found["execution_time_seconds"] == 30.0


def test_the_error_rate_is_the_share_of_the_last_runs_that_failed_T_176(lookout):
    for hours, state in enumerate(("succeeded", "succeeded", "failed", "succeeded")):
        lookout.ran(state, ago=(4 - hours) * HOUR)
    assert (values(lookout)["error_rate"], values(lookout)["runs"]) == (0.25, 4.0)


def test_what_another_pipeline_has_held_up_is_no_failure_of_its_own(lookout):
    """Else a rule about `error_rate` alerts for every pipeline behind the one that failed, and once that is mended."""
    lookout.ran("upstream_failed")
    found = values(lookout)
    assert (found["error_rate"], found["runs"], found["failures"]) == (None, 0.0, 0.0)
    for state in ("failed", "upstream_failed", "succeeded", "failed", "upstream_failed"):
        lookout.ran(state)
    found = values(lookout)
    assert (found["error_rate"], found["runs"], found["failures"]) == (2 / 3, 3.0, 1.0)


def test_only_so_many_runs_count_as_the_file_says(lookout):
    for _ in range(30):
        lookout.ran("failed")
    for _ in range(5):
        lookout.ran("succeeded")
    assert values(lookout)["error_rate"] == 0.75
    assert values(lookout, monitoring=Monitoring(error_window=10))["error_rate"] == 0.5


def test_failures_are_counted_up_to_the_last_success_however_many_there_are(lookout):
    lookout.ran("succeeded")
    for _ in range(60):
        lookout.ran("failed")
    assert values(lookout)["failures"] == 60.0
    lookout.ran("cancelled")
    assert values(lookout)["failures"] == 60.0, "somebody ended it: that is neither a failure nor a success"
    lookout.ran("succeeded")
    assert values(lookout)["failures"] == 0.0


def test_a_run_in_which_the_pipeline_was_left_out_is_none_of_its_runs(lookout):
    lookout.ran("failed", ago=HOUR)
    lookout.ran("skipped")
    assert (values(lookout)["state"], values(lookout)["runs"]) == ("failed", 1.0)


def test_as_of_a_run_later_ones_do_not_count(lookout):
    lookout.ran("succeeded")
    middle = lookout.ran("failed")
    lookout.ran("succeeded")
    found = values(lookout, run=middle)
    assert (found["state"], found["failures"], found["runs"], found["error_rate"]) == ("failed", 1.0, 2.0, 0.5)


def test_times_are_hours_and_minutes(lookout):
    lookout.ran("succeeded", took_s=120, ago=5 * HOUR)
    lookout.ran("failed", took_s=240, ago=2 * HOUR)
    found = values(lookout)
    assert (found["hours_since_run"], found["hours_since_success"], found["data_age_hours"]) == (2.0, 5.0, 5.0)
    assert (found["duration_minutes"], found["execution_time_seconds"], found["avg_duration_minutes"]) == (
        4.0,
        240.0,
        3.0,
    )
    assert found["log_age_hours"] == 2.0


def test_data_that_is_watched_is_as_old_as_it_was_seen_to_be_and_unknown_before():
    lookout = Lookout(pipeline("a", data=(DataSource("files", file="*"),)))
    lookout.ran("succeeded")
    assert values(lookout)["data_age_hours"] is None
    assert values(lookout, data_at=lookout.now - HOUR)["data_age_hours"] == 1.0


def test_a_success_of_long_ago_is_found_beyond_the_window(lookout):
    lookout.ran("succeeded", ago=50 * HOUR)
    for _ in range(25):
        lookout.ran("failed")
    assert values(lookout)["hours_since_success"] == 50.0


def test_slower_is_by_the_mean_of_earlier_successes_and_unknown_with_less_than_three(lookout):
    for _ in range(2):
        lookout.ran("succeeded", took_s=10)
    lookout.ran("succeeded", took_s=40)
    assert values(lookout)["slower"] is None
    lookout = Lookout()
    for took_s in (10, 10, 10):
        lookout.ran("succeeded", took_s=took_s)
    lookout.ran("failed", took_s=1000)
    lookout.ran("running", took_s=40)
    assert values(lookout)["slower"] == 4.0


def test_what_tasks_reported_and_took_is_summed_up(lookout):
    facts = Facts(Usage(cpu_s=1.5, peak_rss_bytes=2 * 1024**3))
    lookout.ran("succeeded", took_s=10, outputs={"records_processed": 50}, attempts=3, facts=facts)
    found = values(lookout)
    assert (found["records_processed"], found["records_per_second"], found["retry_count"]) == (50.0, 5.0, 2.0)
    assert (found["cpu_seconds"], found["peak_memory_gb"]) == (1.5, 2.0)


@pytest.mark.parametrize("reported", ["many", True, None, [5]])
def test_what_is_no_number_is_not_counted_as_records(lookout, reported):
    lookout.ran("succeeded", outputs={"records_processed": reported})
    assert values(lookout)["records_processed"] is None


def test_the_reason_is_what_ended_the_last_attempt_of_the_task_that_failed_first(lookout):
    lookout.ran("failed", kind="oom")
    assert values(lookout)["reason"] == "oom"
    lookout.ran("succeeded")
    assert values(lookout)["reason"] is None


def test_lateness_is_from_the_slot_to_the_start_and_nothing_without_a_slot(lookout):
    lookout.ran("succeeded", took_s=60)
    assert values(lookout)["late_minutes"] == 0.0
    at = lookout.now - timedelta(minutes=10)
    lookout.ran("succeeded", took_s=60, trigger="manual", schedule="daily", slot=at)
    assert values(lookout)["late_minutes"] == 9.0


def test_missed_slots_are_those_of_the_schedules_that_run_it(lookout):
    at = lookout.now - HOUR
    for name in ("daily", "other"):
        slot = Slot(name, at, "missed", at, settled_at=lookout.now)
        lookout.store.ledger.settle(None, Cursor(name, "x", at, lookout.now), [slot])
    assert values(lookout)["missed_slots"] is None, "which schedules run it is not known"
    assert values(lookout, schedules=["daily"])["missed_slots"] == 1.0
    lookout.passes(timedelta(days=8))
    assert values(lookout, schedules=["daily"])["missed_slots"] == 0.0


def test_paused_is_whether_somebody_has_paused_it_and_until_when(lookout):
    lookout.store.pause(PIPELINE, "a", lookout.now, lookout.now + HOUR, None)
    assert values(lookout)["paused"] is True
    lookout.passes(2 * HOUR)
    assert values(lookout)["paused"] is False


def test_the_tenant_is_the_owner_of_its_tasks():
    lookout = Lookout(pipeline("a", tasks=(task("a", tenant="acme"),)))
    assert values(lookout)["tenant"] == "acme"


def test_a_look_reads_the_rows_of_a_run_once_for_all_its_pipelines():
    lookout = Lookout(*(pipeline(name) for name in "abcde"))
    for _ in range(4):
        lookout.ran(*["succeeded"] * 5)
    asked = []
    of_store = lookout.store.task_runs
    lookout.store.task_runs = lambda run_id: asked.append(run_id) or of_store(run_id)
    lookout.look()
    assert sorted(asked) == ["r0001", "r0002", "r0003", "r0004"]
