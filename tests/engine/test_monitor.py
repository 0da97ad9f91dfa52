"""What one look finds of pipelines and the host, by fakes of everything that it looks at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import pipeline, task
from support.looks import HOUR, Lookout, log_of
from tetra_orchestrator.core.alerts import Alert, Filed
from tetra_orchestrator.core.findings import FINDINGS, Finding
from tetra_orchestrator.core.gauges import GAUGES
from tetra_orchestrator.core.history import PIPELINE
from tetra_orchestrator.core.model import Service
from tetra_orchestrator.core.watching import Alerting, Channel, Monitoring
from tetra_orchestrator.engine.monitor import check, check_without
from tetra_orchestrator.errors import StoreError

DAY = 24 * HOUR


@pytest.fixture
def lookout():
    return Lookout(pipeline("a", max_data_age_s=DAY.total_seconds()))


def monitored(**fields):
    return Lookout(monitor=Monitoring(**fields))


def test_a_project_that_never_ran_is_healthy_and_nothing_is_known_of_it(lookout):
    health = lookout.look()
    assert (health.health, health.findings) == ("healthy", ())
    (row,) = health.pipelines
    assert (row.name, row.last_run, row.status, row.data_freshness, row.log_freshness) == (
        *("a", None, None, "unknown", "unknown"),
    )


def test_the_gauges_of_each_pipeline_hold_those_of_the_host(lookout):
    assert set(lookout.look().gauges["a"]) == set(GAUGES)


def test_a_run_that_failed_is_unhealthy_until_one_succeeds(lookout):
    run = lookout.ran("failed")
    health = lookout.look()
    assert health.health == "unhealthy"
    assert health.findings == (
        Finding("pipeline_failed", "critical", "a", "a ended failed in its last run", f"tetra show {run.run_id}"),
    )
    lookout.ran("succeeded")
    assert lookout.look().health == "healthy"


def test_a_failure_is_not_over_because_the_next_try_has_begun(lookout):
    lookout.ran("failed", ago=HOUR)
    lookout.ran("running")
    assert lookout.found() == [("pipeline_failed", "a")]


def test_what_somebody_cancelled_is_no_failure(lookout):
    lookout.ran("cancelled")
    assert lookout.found() == []


def test_a_partial_run_degrades(lookout):
    lookout.ran("partial")
    health = lookout.look()
    assert (health.health, [one.code for one in health.findings]) == ("degraded", ["pipeline_partial"])


def test_a_failure_that_holds_up_others_is_told_once():
    lookout = Lookout(pipeline("a"), pipeline("b", "a"), pipeline("c", "b"))
    lookout.ran("failed", "upstream_failed", "upstream_failed")
    assert lookout.found() == [("pipeline_failed", "a")]
    assert [row.status for row in lookout.look().pipelines] == ["failed", "upstream_failed", "upstream_failed"]


def test_what_was_held_up_is_told_once_the_failure_itself_is_mended():
    lookout = Lookout(pipeline("a"), pipeline("b", "a"))
    lookout.ran("failed", "upstream_failed")
    lookout.ran("succeeded", "skipped")
    assert lookout.found() == [("pipeline_failed", "b")]


@pytest.mark.parametrize(("hours", "freshness"), [(1, "fresh"), (24, "fresh"), (25, "stale")])
def test_data_is_stale_beyond_the_limit_which_itself_is_fresh_T_191_T_192(lookout, hours, freshness):
    run = lookout.ran("succeeded", ago=hours * HOUR)
    lookout.probe.written[log_of(run, "a")] = lookout.now
    assert lookout.look().pipelines[0].data_freshness == freshness
    assert lookout.found("data_stale") == [("data_stale", "a")] * (freshness == "stale")


def test_the_limit_is_the_pipeline_s_own_T_193():
    lookout = Lookout(pipeline("a", max_data_age_s=200 * 3600.0))
    lookout.ran("succeeded", ago=25 * HOUR)
    assert lookout.look().pipelines[0].data_freshness == "fresh"


def test_without_a_limit_the_age_is_unknown_which_is_no_fault():
    lookout = Lookout()
    lookout.ran("succeeded", ago=1000 * HOUR)
    assert (lookout.look().pipelines[0].data_freshness, lookout.found()) == ("unknown", [])


def test_a_success_in_the_future_is_unknown_and_not_fresh(lookout):
    lookout.ran("succeeded", ago=-2 * HOUR)
    assert lookout.look().pipelines[0].data_freshness == "unknown"
    assert lookout.found("data_unknown") == [("data_unknown", "a")]


def test_a_paused_pipeline_is_not_stale(lookout):
    lookout.ran("succeeded", ago=100 * HOUR)
    lookout.store.pause(PIPELINE, "a", lookout.now, None, "a holiday")
    assert lookout.found() == []
    assert lookout.look().pipelines[0].paused


def test_a_log_that_was_not_written_for_long_is_stale_T_197_C_019(lookout):
    run = lookout.ran("succeeded", ago=HOUR)
    lookout.probe.written[log_of(run, "a")] = lookout.now - 25 * HOUR
    assert lookout.look().pipelines[0].log_freshness == "stale"
    assert lookout.texts("log_stale") == [
        "the newest log of a is from 2026-02-28T19:00:00Z, over its limit of 24 h 00 min",
    ]
    lookout.probe.written[log_of(run, "a")] = lookout.now
    assert lookout.found() == []


def test_old_data_with_an_old_log_is_one_trouble(lookout):
    run = lookout.ran("succeeded", ago=25 * HOUR)
    lookout.probe.written[log_of(run, "a")] = lookout.now - 25 * HOUR
    assert lookout.found() == [("data_stale", "a")]


def test_a_run_that_hangs_shows_by_its_log():
    lookout = monitored(log_age_s=600.0)
    run = lookout.ran("running", took_s=3600)
    lookout.probe.written[log_of(run, "a")] = lookout.now - timedelta(minutes=11)
    assert lookout.found() == [("log_stale", "a")]


def test_a_run_is_slow_while_it_takes_over_three_times_its_mean_and_a_minute():
    lookout = Lookout()
    for _ in range(3):
        lookout.ran("succeeded", took_s=25)
    run = lookout.ran("running", took_s=75)
    assert lookout.found() == []
    lookout.passes(timedelta(seconds=1))
    (found,) = lookout.look().findings
    assert found == Finding(
        "run_slow", "warning", "a", "a has taken 1 min 16 s, 3.0 times as long as usual", f"tetra show {run.run_id}"
    )


def test_short_runs_and_services_are_never_slow():
    for lookout, seconds in ((Lookout(), 50), (Lookout(pipeline("a", tasks=(task("a", service=Service()),))), 5000)):
        for _ in range(3):
            lookout.ran("succeeded", took_s=1)
        lookout.ran("succeeded", took_s=seconds)
        assert lookout.found() == []


def test_a_slow_task_is_told_while_it_runs_and_after():
    lookout = monitored(slow_task_s=60.0)
    lookout.ran("running", took_s=61)
    assert lookout.texts("task_slow") == ["a took 1 min 01 s, over the 1 min 00 s of monitor.slow_task"]
    lookout = monitored(slow_task_s=60.0)
    lookout.ran("succeeded", took_s=61)
    assert lookout.found() == [("task_slow", "a")]
    lookout.ran("succeeded", took_s=60)
    assert lookout.found() == []


@pytest.mark.parametrize("state", ["running", "succeeded"])
def test_what_a_task_waits_for_its_turn_on_another_machine_does_not_make_it_slow(state):
    lookout = monitored(slow_task_s=60.0)
    lookout.ran(state, took_s=3600, elsewhere_s=10.0)
    assert lookout.found("task_slow") == []
    lookout.ran("succeeded", took_s=3600, elsewhere_s=61.0)
    assert lookout.texts("task_slow") == ["a took 1 min 01 s, over the 1 min 00 s of monitor.slow_task"]


@pytest.mark.parametrize(
    ("free", "word", "found"),
    [(0.11, "ok", []), (0.09, "low", ["disk_low"]), (0.019, "out", ["disk_out"])],
)
def test_each_disk_that_is_written_to_has_to_have_room(lookout, free, word, found):
    lookout.probe.free["/project/logs"] = free
    health = lookout.look()
    assert lookout.probe.asked == ["/project/state", "state", "/project/logs"]
    assert (health.system["disk_space"], [one.code for one in health.findings]) == (word, found)
    assert health.host["disk_free"] == min(free, 0.5)


def test_a_low_disk_is_told_by_the_folder_that_is_on_it(lookout):
    lookout.probe.free["/project/logs"] = 0.05
    assert lookout.look().findings == (
        Finding(
            "disk_low", "warning", "logs", "5.0% of the disk of /project/logs is free, 954 MB", "tetra prune --dry-run"
        ),
    )


@pytest.mark.parametrize(
    ("setting", "figure", "code"),
    [
        ({}, {"memory": 0.04}, "memory_low"),
        ({"memory_free": 0.6}, {}, "memory_low"),
        ({"cpu_load": 2.0}, {"load": 2.1}, "cpu_high"),
        ({}, {"files": 0.91}, "files_high"),
    ],
)
def test_the_host_is_measured_against_limits_that_the_file_may_set_C_020(setting, figure, code):
    lookout = monitored(**setting)
    vars(lookout.probe).update(figure)
    assert [found for found, _ in lookout.found()] == [code]


def test_without_a_limit_no_load_is_too_high(lookout):
    lookout.probe.load = 50.0
    assert lookout.found() == []


def test_figures_that_the_system_does_not_tell_are_unknown_and_no_fault(lookout):
    lookout.probe.files = None
    lookout.probe.free = dict.fromkeys(("/project/state", "state", "/project/logs"))
    health = lookout.look()
    assert (health.findings, health.system["open_files"], health.system["disk_space"]) == ((), None, "unknown")
    assert health.host["disk_free"] is None


def test_how_busy_the_processors_were_is_known_from_the_second_look_on(lookout):
    assert lookout.look().host["cpu_busy"] is None
    lookout.probe.times = (40.0, 200.0)
    assert lookout.look().host["cpu_busy"] == 0.3
    lookout.probe.times = (1.0, 5.0)  # the machine was started anew
    assert lookout.look().host["cpu_busy"] is None


def test_hosts_that_share_a_store_do_not_take_each_other_s_figures_for_their_own(lookout):
    def look(place, times):
        lookout.probe.times = times
        return check(lookout.sight._replace(place=place), lookout.scene).host["cpu_busy"]

    assert (look("alpha", (10.0, 100.0)), look("beta", (20.0, 200.0))) == (None, None)
    assert (look("alpha", (40.0, 200.0)), look("beta", (30.0, 300.0))) == (0.3, 0.1)


def test_addresses_are_told_without_what_may_be_secret_in_them_T_181():
    secret, plain = "https://ann:pw@api.example.com:8443/health?key=s3cret", "tcp://db:5432"
    lookout = monitored(endpoints=(secret, plain))
    lookout.watcher.faults[secret] = "HTTP 500 Internal Server Error"
    health = lookout.look()
    shown = "https://api.example.com:8443/health"
    assert health.system["api_endpoints"] == {shown: "HTTP 500 Internal Server Error", plain: "ok"}
    text = f"{shown} does not answer as it should: HTTP 500 Internal Server Error"
    assert health.findings == (Finding("endpoint_down", "critical", shown, text, f"curl -v {shown}"),)
    assert "s3cret" not in repr(health)


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("tcp://db:5432", "nc -vz db 5432"),
        ("tcp://[::1]:5432", "nc -vz ::1 5432"),
        ("http://h/x", "curl -v http://h/x"),
    ],
)
def test_an_address_that_does_not_answer_comes_with_a_command_that_can_ask_it(address, command):
    lookout = monitored(endpoints=(address,))
    lookout.watcher.faults[address] = "Connection refused"
    assert [one.command for one in lookout.look().findings] == [command]


@pytest.mark.parametrize("down", ["http://api/x?a=1", "http://api/x?a=2"])
def test_of_addresses_that_are_shown_the_same_the_one_that_is_down_counts(down):
    lookout = monitored(endpoints=("http://api/x?a=1", "http://api/x?a=2"))
    lookout.watcher.faults[down] = "Connection refused"
    assert lookout.found() == [("endpoint_down", "http://api/x")]


def test_a_store_that_cannot_be_used_is_a_finding_and_everything_else_is_looked_at_T_178():
    lookout = Lookout(monitor=Monitoring(endpoints=("http://api",)))
    lookout.watcher.faults["http://api"] = "Connection refused"
    health = check_without(lookout.sight, StoreError("is damaged", where="/project/state/tetra.db"))
    assert (health.health, health.down, health.system["database"]) == ("unhealthy", True, "down")
    assert [(one.code, one.text) for one in health.findings] == [
        ("database_down", "the state store cannot be used: /project/state/tetra.db: is damaged"),
        ("endpoint_down", "http://api does not answer as it should: Connection refused"),
    ]
    assert [(row.name, row.status) for row in health.pipelines] == [("a", None)]


def test_what_was_found_on_the_way_is_told_with_the_rest_and_the_worst_first(lookout):
    lookout.ran("partial")
    lookout.faults = (Finding("config_error", "critical", "configuration", "it cannot be used"),)
    assert [code for code, _ in lookout.found()] == ["config_error", "pipeline_partial"]


def raised(lookout, *channels):
    """An alert of which these channels have to be told."""
    alert = Alert(0, f"k{lookout.now}", "rule", "high", "a", "t", "", "", channels, lookout.now, raised_at=lookout.now)
    lookout.store.alerts.file([Filed(alert, tuple((name, "raised", lookout.now) for name in channels))])


def tried(lookout, **states):
    """One try of all letters, with what became of it by channel; those that are to be tried again are due now."""
    for one in lookout.store.alerts.claim(lookout.now, lookout.now + HOUR):
        ended = {"sent_at": lookout.now} if states[one.channel] == "sent" else {"error": f"{one.channel}: it is full"}
        lookout.store.alerts.settle([one._replace(state=states[one.channel], due_at=lookout.now, **ended)])


@pytest.fixture
def told():
    channels = (Channel("mail", "email"), Channel("chat", "slack"), Channel("off", "slack", enabled=False))
    return Lookout(alerting=Alerting(channels=channels))


def test_letters_that_were_tried_four_times_are_stuck_until_they_arrive(told):
    raised(told, "mail", "chat")
    for _ in range(3):
        tried(told, mail="pending", chat="sent")
    assert told.found() == []
    tried(told, mail="pending")
    (found,) = told.look().findings
    assert (found.code, found.subject, found.text, found.command) == (
        *("letters_stuck", "mail", "alerts do not arrive by the channel mail: it is full", "tetra alerts test mail"),
    )
    tried(told, mail="sent")
    assert told.found() == []


def test_a_channel_that_refuses_for_good_is_stuck_until_a_later_letter_arrives_or_for_a_week(told):
    raised(told, "mail")
    tried(told, mail="given_up")
    assert told.found() == [("letters_stuck", "mail")]
    told.passes(HOUR)
    raised(told, "mail")
    tried(told, mail="sent")
    assert told.found() == []
    told.passes(HOUR)
    raised(told, "mail")
    tried(told, mail="given_up")
    assert told.found() == [("letters_stuck", "mail")]
    told.passes(7 * DAY)
    assert told.found() == []


def test_what_does_not_arrive_by_a_channel_that_is_off_or_gone_is_no_trouble(told):
    raised(told, "off", "gone")
    tried(told, off="given_up", gone="given_up")
    assert told.found() == []


def test_pipelines_that_are_switched_off_are_not_looked_at():
    lookout = Lookout(pipeline("a"), pipeline("b", enabled=False))
    assert [row.name for row in lookout.look().pipelines] == ["a"]


def test_every_finding_that_there_is_has_a_severity_of_two():
    assert {severity for severity, _ in FINDINGS.values()} == {"warning", "critical"}
