"""Judging runs and looks: who is told of what, once, whatever else happens. T and R are rows of the requirements."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from support.alerting import EMAIL, FAILURE, PAGER, SLACK, Watch, told
from support.worlds import fail_first, task
from tetra_orchestrator.core.findings import Finding
from tetra_orchestrator.core.health import Health, placed
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.watching import AlertRule, Maintenance, OnFailure
from tetra_orchestrator.engine.alerting import judge_health
from tetra_orchestrator.errors import StateConflict

BOTH = [("raised", "email"), ("raised", "slack")]
OVER = [("resolved", "email"), ("resolved", "slack")]
OFF = PAGER._replace(enabled=False)


def failing(name="load", times=99, code=3):
    return fail_first(times, name, code)


class Codes:
    """A script of exit codes, one for each run."""

    def __init__(self, *codes):
        self.codes = list(codes)

    def __call__(self, task_id, number):
        return 1.0, Exited(self.codes.pop(0)), {}


# Rules


def test_T_208_a_failed_pipeline_is_told_to_the_channels_of_its_rule_and_a_success_to_nobody():
    watch = Watch(told(FAILURE), script=Codes(0, 3))
    assert watch.do() == []
    assert watch.do() == BOTH


@pytest.mark.parametrize(("hours", "letters"), [(49, ["email"]), (48, [])])
def test_T_209_data_that_is_older_than_two_days_is_told_by_email(hours, letters):
    rule = AlertRule("Data Staleness", "data_age_hours > 48", "medium", ("email",))
    watch = Watch(told(rule))
    watch.look(gauges={"load": {"data_age_hours": float(hours)}})
    assert watch.letters() == [("raised", name) for name in letters]


@pytest.mark.parametrize(("rate", "letters"), [(0.2, ["email", "slack"]), (0.1, [])])
def test_T_210_a_high_error_rate_is_told_to_all_channels_but_the_one_that_is_off(rate, letters):
    rule = AlertRule("High Error Rate", "error_rate > 0.1", "high", ("email", "slack", "pagerduty"))
    watch = Watch(told(rule, channels=(EMAIL, SLACK, OFF)))
    watch.look(gauges={"load": {"error_rate": rate}})
    assert watch.letters() == [("raised", name) for name in letters]


@pytest.mark.parametrize(("minutes", "letters"), [(121, ["slack"]), (120, [])])
def test_T_211_a_pipeline_that_runs_for_two_hours_is_told_while_it_runs(minutes, letters):
    rule = AlertRule("Long Running Pipeline", "duration_minutes > 120", "low", ("slack",))
    watch = Watch(told(rule))
    watch.look(gauges={"load": {"duration_minutes": float(minutes), "running": True}})
    assert watch.letters() == [("raised", name) for name in letters]


def test_T_213_T_215_T_216_a_run_is_measured_as_of_its_own_end():
    rules = [
        AlertRule("rate", "error_rate >= 0.25 and runs == 4", "low", ("slack",)),
        AlertRule("long", "duration_minutes > 120", "low", ("slack",)),
    ]
    watch = Watch(told(*rules), script=Codes(0, 0, 0, 3))
    for _ in range(4):
        watch.run()
    watch.judge()
    assert [alert.key for alert in watch.alerts.all()] == ["rule:load/rate"]


def test_T_214_the_age_of_data_is_known_of_a_run_too():
    watch = Watch(told(AlertRule("old", "data_age_hours > 48", "low", ("slack",))), script=Codes(0, 3))
    watch.run()
    watch.pass_time(hours=49)
    assert watch.do() == [("raised", "slack")]


@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
def test_T_218_the_severity_of_the_rule_is_that_of_the_alert_and_of_its_letter(severity):
    watch = Watch(told(FAILURE._replace(severity=severity)), script=failing())
    watch.run()
    watch.judge()
    watch.send()
    assert {alert.severity for alert in watch.alerts.all()} == {severity}
    assert {letter.severity for letter in watch.courier.letters} == {severity}


def test_T_220_a_pipeline_that_goes_on_failing_is_told_once_until_it_succeeds():
    watch = Watch(told(FAILURE), script=Codes(3, 3, 3, 0, 0))
    assert [watch.do() for _ in range(5)] == [BOTH, [], [], OVER, []]


def test_a_rule_is_looked_at_for_its_own_pipelines_only():
    watch = Watch(told(FAILURE._replace(pipelines=("report",))), task("load"), task("report"), script=failing())
    assert watch.do() == []


def test_what_is_unknown_neither_raises_an_alert_nor_ends_one():
    watch = Watch(told(AlertRule("old", "data_age_hours > 48", "low", ("slack",))))
    watch.look(gauges={"load": {"data_age_hours": 49.0}})
    watch.pass_time(hours=1)
    watch.look(gauges={"load": {"data_age_hours": None}})
    assert [alert.cleared_at for alert in watch.alerts.open()] == [None]


def test_a_rule_about_the_host_alone_is_one_alert_however_many_pipelines_there_are():
    rule = AlertRule("Disk", "disk_free < 0.1", "high", ("slack",))
    watch = Watch(told(rule), task("load"), task("report"))
    watch.look(gauges={"load": {}, "report": {}}, host={"disk_free": 0.05})
    assert [alert.key for alert in watch.alerts.all()] == ["rule:host/Disk"]
    assert [alert.title for alert in watch.alerts.all()] == ["Disk: host, disk_free is 0.05"]


def test_an_alert_of_a_rule_that_the_file_no_longer_has_is_over_in_the_end():
    watch = Watch(told(AlertRule("old", "data_age_hours > 48", "low", ("slack",))))
    watch.look(gauges={"load": {"data_age_hours": 49.0}})
    watch.project = watch.project._replace(alerting=told())
    watch.look()
    watch.pass_time(minutes=10)
    watch.look()
    assert watch.alerts.open() == []


def test_a_rule_with_for_is_told_once_it_has_lasted():
    watch = Watch(told(AlertRule("old", "data_age_hours > 48", "low", ("slack",), for_s=600.0)))
    found = []
    for _ in range(3):
        watch.look(gauges={"load": {"data_age_hours": 49.0}})
        found.append(watch.letters())
        watch.pass_time(minutes=5)
    assert found == [[], [], [("raised", "slack")]]


# Failures


def test_T_156_whoever_a_pipeline_names_is_told_of_its_failure():
    watch = Watch(told(), script=failing(), on_failure={"load": OnFailure(("email", "slack"))})
    assert watch.do() == BOTH


def test_T_160_a_pipeline_that_is_tried_three_times_is_told_once():
    three = task("load", retry=task("x").retry._replace(max_attempts=3))
    watch = Watch(told(), three, script=failing(), on_failure={"load": OnFailure(("email",))})
    assert watch.do() == [("raised", "email")]
    assert len(watch.attempts()) == 3


def test_T_164_T_170_a_channel_that_is_not_there_keeps_nobody_else_from_being_told():
    watch = Watch(told(), script=failing(), on_failure={"load": OnFailure(("email", "slack", "sms"))})
    assert watch.do() == BOTH


def test_a_failure_is_one_alert_for_those_of_the_rule_and_those_that_the_pipeline_names():
    rule = FAILURE._replace(channels=("email",))
    watch = Watch(told(rule), script=failing(), on_failure={"load": OnFailure(("email", "slack"))})
    assert watch.do() == BOTH
    assert [alert.key for alert in watch.alerts.all()] == ["rule:load/Pipeline Failure"]


def test_without_any_rule_all_channels_are_told_that_a_pipeline_has_failed_and_that_it_is_over():
    watch = Watch(told(finding_channels=None), script=Codes(3, 0))
    assert [watch.do(), watch.do()] == [BOTH, OVER]
    assert [alert.code for alert in watch.alerts.all()] == ["pipeline_failed"]


def test_a_finding_that_is_ignored_is_told_to_nobody():
    assert Watch(told(finding_channels=None, ignored=("pipeline_failed",)), script=failing()).do() == []


def test_a_rule_about_another_end_silences_no_failure():
    partial = AlertRule("Partial", "pipeline_status == 'partial'", channels=("slack",))
    watch = Watch(told(partial, finding_channels=None), script=failing())
    watch.do()
    assert [(alert.code, alert.subject) for alert in watch.alerts.all()] == [("pipeline_failed", "load")]


def test_what_waited_for_a_failed_pipeline_has_not_failed_by_itself():
    watch = Watch(told(FAILURE), task("load"), task("report", "load"), script=failing())
    watch.do()
    assert [alert.subject for alert in watch.alerts.all()] == ["load/Pipeline Failure"]


def test_a_run_that_somebody_has_cancelled_is_no_failure():
    watch = Watch(told(FAILURE, finding_channels=None, on_failure=("slack",)), script=failing())
    watch.interrupts.numbers.append(2)
    watch.run()
    assert watch.last_run.state == "cancelled"
    watch.judge()
    assert (watch.alerts.all(), watch.alerts.untold()) == ([], [])


def test_a_run_that_was_lost_is_a_failure():
    watch = Watch(told(FAILURE))
    watch.run()
    run = watch.last_run
    lost(watch, run)
    watch.judge()
    assert [alert.title for alert in watch.alerts.all()] == ["Pipeline Failure: load failed in all: lost"]


def lost(watch, run):
    """Have the store say that the owner of the run died before its task was over."""
    folder = watch.store._folders[run.run_id]
    (name,) = folder.tasks
    folder.tasks[name] = folder.tasks[name]._replace(state="lost", reason=None)
    folder.attempts[name].clear()
    folder.run[run.run_id] = run._replace(state="lost", tells=True)


def test_a_run_is_judged_once_and_in_the_order_of_ends():
    watch = Watch(told(FAILURE), script=Codes(3, 0))
    watch.run()
    watch.run()
    watch.judge()
    assert [(one.what, one.state) for one in watch.alerts.deliveries()] == [
        (what, "pending") for what in ("raised", "raised", "resolved", "resolved")
    ]
    watch.judge()
    assert len(watch.alerts.deliveries()) == 4


def test_a_run_of_a_project_that_tells_nobody_is_never_judged():
    watch = Watch(None, script=failing())
    watch.run()
    assert watch.alerts.untold() == []


def test_that_one_partition_of_a_backfill_succeeds_does_not_end_the_alert_of_another():
    watch = Watch(told(FAILURE), script=Codes(3, 0))
    watch.run()
    watch.judge()
    watch.run()
    folder = watch.store._folders[watch.last_run.run_id]
    folder.run[watch.last_run.run_id] = watch.last_run._replace(backfill="b1")
    watch.judge()
    assert [alert.cleared_at for alert in watch.alerts.open()] == [None]


# Texts


def test_the_message_of_a_failed_run_holds_pipeline_outcome_task_and_duration_R_079():
    watch = Watch(told(on_failure=("slack",)), task("load"), task("report", "load"), script=failing("report"))
    assert watch.do() == [("notice", "slack")]
    (alert,) = watch.alerts.all()
    run = watch.last_run.run_id
    assert alert.title == "all of tetra failed after 2.0 s: report: exit code 3"
    assert alert.text == (
        f"It was run {run} (all), which took 2.0 s.\n\n"
        f"Pipeline report failed in run {run} (all), which took 2.0 s.\n"
        "Task report: exit code 3 in attempt 1 at 2026-03-01T20:00:02Z.\n\n"
        f"The end of its log:\n  end of /{run}/report.1.log"
    )
    assert alert.command == f"tetra show {run} --config /project/orchestration.yaml"


def test_a_run_for_dates_is_told_with_them():
    watch = Watch(told(FAILURE, on_failure=("slack",)), script=failing())
    watch.run(partition=Partition("2026-01-02", "2026-01-03"), force=True)
    watch.judge()
    assert [alert.title for alert in watch.alerts.all()] == [
        "all of tetra for 2026-01-02 to 2026-01-03 failed after 1.0 s: load: exit code 3",
        "Pipeline Failure: load failed in all for 2026-01-02 to 2026-01-03: exit code 3",
    ]


def test_the_end_of_the_log_is_told_at_most_twenty_lines_of_it():
    watch = Watch(told(FAILURE), script=failing())
    watch.workspace.tail = lambda log, limit=4096: "".join(f"line {n}\n" for n in range(30))
    watch.do()
    (alert,) = watch.alerts.all()
    shown = alert.text.partition("The end of its log:\n")[2].splitlines()
    assert shown == [f"  line {n}" for n in range(10, 30)]


def test_a_name_and_a_log_are_data_that_neither_break_a_title_nor_drive_a_terminal():
    rule = FAILURE._replace(name="Bad\r\nBcc: all@example.com\x1b[2J <!channel>")
    watch = Watch(told(rule), script=failing())
    watch.workspace.tail = lambda log, limit=4096: "\x1b]0;owned\x07\u202e gnp.exe\r\n"
    watch.do()
    (alert,) = watch.alerts.all()
    assert alert.title == "Bad\\x0d Bcc: all@example.com\\x1b[2J <!channel>: load failed in all: exit code 3"
    assert alert.text.splitlines()[-1] == "  \\x1b]0;owned\\x07\\u202e gnp.exe"


def test_no_secret_is_in_what_is_filed():
    watch = Watch(told(FAILURE), script=failing(), secrets=("hunter22",))
    watch.workspace.tail = lambda log, limit=4096: "password hunter22\n"
    watch.do()
    assert "password ***" in watch.alerts.all()[0].text
    assert "hunter22" not in repr(watch.alerts.all()) + repr(watch.courier.letters)


# Notices


@pytest.mark.parametrize(("code", "wanted"), [(0, 1), (3, 0)])
def test_R_075_a_success_is_told_to_whoever_wants_to_know(code, wanted):
    assert Watch(told(on_success=("slack",)), script=Codes(code)).do() == [("notice", "slack")] * wanted


@pytest.mark.parametrize(("code", "wanted"), [(0, 0), (3, 1)])
def test_R_076_a_failure_is_told_to_whoever_wants_to_know(code, wanted):
    assert Watch(told(on_failure=("slack",)), script=Codes(code)).do() == [("notice", "slack")] * wanted


def test_R_071_R_074_each_channel_wants_to_know_for_itself():
    watch = Watch(told(on_success=("email",), on_failure=("slack",)), script=Codes(0, 3))
    assert [watch.do(), watch.do()] == [[("notice", "email")], [("notice", "slack")]]


def test_R_065_R_066_a_channel_that_is_off_is_told_nothing():
    channels = (EMAIL._replace(enabled=False), SLACK)
    assert Watch(told(channels=channels, on_success=("email", "slack"))).do() == [("notice", "slack")]


def test_every_failed_run_is_told_to_whoever_wants_to_know_how_runs_end():
    watch = Watch(told(on_failure=("slack",), finding_channels=None, channels=(SLACK,)), script=Codes(3, 3))
    assert [watch.do(), watch.do()] == [[("notice", "slack")]] * 2


# Who is called in the end


PAGED = {"load": OnFailure(("email",), escalate="page_oncall")}


def test_T_159_T_168_nobody_having_rescued_the_run_the_pager_is_called():
    watch = Watch(told(channels=(EMAIL, PAGER)), script=Codes(3, 0), on_failure=PAGED)
    assert watch.do() == [("raised", "email"), ("escalated", "pagerduty")]
    assert watch.do() == [("resolved", "email"), ("resolved", "pagerduty")]


def test_T_159_a_run_that_was_rescued_calls_nobody():
    watch = Watch(told(channels=(EMAIL, PAGER)), on_failure=PAGED)
    watch.run()
    folder = watch.store._folders[watch.last_run.run_id]
    folder.tasks["load"] = folder.tasks["load"]._replace(state="partial")
    folder.run[watch.last_run.run_id] = watch.last_run._replace(state="partial")
    watch.judge()
    assert watch.letters() == []


def test_T_168_without_a_pager_that_is_on_it_is_said_aloud():
    watch = Watch(told(channels=(EMAIL, OFF)), script=failing(), on_failure=PAGED)
    watch.run()
    why = "load failed, and nobody is on call: page_oncall is no channel that is switched on"
    assert watch.judge() == [why]
    assert watch.letters() == [("raised", "email")]


def test_somebody_is_called_after_so_many_failures_in_a_row():
    rule = {"load": OnFailure(("email",), escalate="slack", escalate_failures=3)}
    watch = Watch(told(), script=Codes(3, 3, 3, 3), on_failure=rule)
    found = [watch.do() for _ in range(4)]
    assert found == [[("raised", "email")], [], [("escalated", "slack")], []]


def test_somebody_is_called_when_nobody_has_acknowledged_in_time():
    rule = {"load": OnFailure(("email",), escalate="slack", escalate_s=1800.0)}
    watch = Watch(told(), script=failing(), on_failure=rule)
    assert watch.do() == [("raised", "email")]
    watch.pass_time(minutes=30)
    watch.look(failed_now())
    assert watch.letters()[1:] == [("escalated", "slack")]


def failed_now(subject="load"):
    return Finding("pipeline_failed", "critical", subject, f"{subject} ended failed in its last run")


def test_the_call_belongs_to_the_alert_of_the_rule_where_there_is_one():
    watch = Watch(told(FAILURE, channels=(EMAIL, SLACK, PAGER)), script=failing(), on_failure=PAGED)
    assert watch.do() == [*BOTH, ("escalated", "pagerduty")]
    assert len(watch.alerts.all()) == 1


# What the monitor finds


DISK = Finding("disk_low", "warning", "/", "5% of the disk are free", "df -h /")


def test_a_finding_is_told_once_and_is_over_after_a_while():
    watch = Watch(told(finding_channels=None))
    found = []
    for findings in ((DISK,), (DISK,), (), (), ()):
        watch.look(*findings)
        watch.send()
        found.append([(what, channel) for what, channel, _ in watch.courier.told()])
        watch.pass_time(minutes=5)
    assert found == [BOTH, [], [], [], OVER]
    (alert,) = watch.alerts.all()
    assert (alert.severity, alert.title, alert.command) == ("medium", "5% of the disk are free", "df -h /")


@pytest.mark.parametrize(("command", "told_as"), [("tetra fire nightly", "fire nightly"), ("", "monitor")])
def test_a_command_of_ours_in_a_letter_names_the_file_as_its_reader_may_be_anywhere(command, told_as):
    watch = Watch(told(finding_channels=None))
    watch.look(Finding("slot_overdue", "critical", "nightly", "nothing has begun to run it", command))
    (alert,) = watch.alerts.open()
    assert alert.command == f"tetra {told_as} --config /project/orchestration.yaml"


@pytest.mark.parametrize("code", ["data_stale", "data_not_moved"])
def test_what_was_wrong_with_data_is_not_over_because_the_data_cannot_be_seen(code):
    watch = Watch(told(finding_channels=None))
    unknown = Finding("data_unknown", "warning", "load.files", "the data 'files' of load: no file is called x")
    for findings in ([Finding(code, "warning", "load.files", "the data is old")], [unknown], [unknown]):
        watch.look(*findings)
        watch.pass_time(minutes=20)
    assert {alert.code for alert in watch.alerts.open() if alert.cleared_at is None} == {code, "data_unknown"}
    watch.look()
    watch.pass_time(minutes=20)
    watch.look()
    assert watch.alerts.open() == [], "it was seen, and is all right"


def test_a_finding_that_comes_and_goes_is_one_alert():
    watch = Watch(told(finding_channels=None))
    for _ in range(6):
        watch.look(DISK)
        watch.pass_time(minutes=5)
        watch.look()
        watch.pass_time(minutes=5)
    assert (watch.letters(), watch.alerts.all()[0].times) == (BOTH, 6)


def test_a_rule_of_the_user_s_replaces_the_finding_that_it_speaks_of():
    watch = Watch(told(AlertRule("Disk", "disk_free < 0.01", "high", ("slack",)), finding_channels=None))
    watch.look(DISK, host={"disk_free": 0.05})
    assert watch.letters() == []


def test_a_rule_of_single_pipelines_replaces_only_what_is_found_of_them():
    rule = AlertRule("old", "data_age_hours > 100", "high", ("slack",), ("load",))
    watch = Watch(told(rule, finding_channels=None), task("load"), task("report"))
    stale = [Finding("data_stale", "warning", name, f"{name} is stale") for name in ("load", "report")]
    watch.look(*stale, gauges={"load": {"data_age_hours": 50.0}, "report": {"data_age_hours": 50.0}})
    assert [alert.subject for alert in watch.alerts.all()] == ["report"]


def test_a_failure_that_the_run_has_told_of_is_not_told_again_by_the_monitor():
    watch = Watch(told(finding_channels=None), script=failing())
    watch.do()
    watch.look(failed_now(), gauges={"load": {"state": "failed"}})
    assert (len(watch.alerts.all()), watch.letters()) == (1, BOTH)


@pytest.mark.parametrize("state", ["upstream_failed", "cancelled"])
@pytest.mark.parametrize("rules", [(), (FAILURE,)], ids=["finding", "rule"])
def test_the_monitor_tells_nobody_of_what_waited_for_a_failure_or_was_cancelled(state, rules):
    watch = Watch(told(*rules, finding_channels=None))
    watch.look(failed_now(), gauges={"load": {"state": state, "pipeline_status": "failed"}})
    assert watch.letters() == []


def test_a_failure_from_before_anybody_was_to_be_told_is_found_by_the_monitor():
    watch = Watch(told(finding_channels=None))
    watch.look(failed_now(), gauges={"load": {"state": "failed"}})
    assert watch.letters() == BOTH


# While nobody is to be told


NIGHT = Maintenance("night", "UTC", cron="0 20 * * *", length_s=3600.0)


def test_what_fails_in_a_maintenance_window_is_told_after_it_if_it_has_not_been_mended():
    watch = Watch(told(FAILURE, maintenance=(NIGHT,)), script=failing())
    assert watch.do() == []
    assert [alert.title for alert in watch.alerts.open()] == ["Pipeline Failure: load failed in all: exit code 3"]
    watch.pass_time(hours=1)
    watch.look(gauges={"load": {"pipeline_status": "failed", "state": "failed"}})
    assert watch.letters() == BOTH


def test_a_window_of_one_pipeline_is_none_of_another():
    watch = Watch(told(FAILURE, maintenance=(NIGHT._replace(pipelines=("report",)),)), task("load"), script=failing())
    assert watch.do() == BOTH


# With others at work


class Hurried:
    """Alerts that somebody else changes just before we do."""

    def __init__(self, alerts, times):
        self._alerts, self.times = alerts, times

    def __getattr__(self, name):
        return getattr(self._alerts, name)

    def file(self, filed, told=()):
        if self.times:
            self.times -= 1
            raise StateConflict("somebody else was faster")
        self._alerts.file(filed, told)


def test_where_somebody_else_was_faster_it_is_judged_again_with_what_he_has_left():
    watch = Watch(told(FAILURE), script=failing())
    watch.run()
    watch.store.alerts = Hurried(watch.store.alerts, times=3)
    watch.judge()
    assert watch.letters() == BOTH


def test_what_somebody_else_has_judged_meanwhile_is_left():
    watch = Watch(told(FAILURE), script=failing())
    watch.run()
    alerts = watch.store.alerts

    class Faster(Hurried):
        def file(self, filed, told=()):
            alerts.file((), told)  # as the other has judged
            raise StateConflict("somebody else was faster")

    watch.store.alerts = Faster(alerts, 0)
    watch.judge()
    assert watch.letters() == []


def test_a_conflict_that_never_ends_is_said():
    watch = Watch(told(FAILURE), script=failing())
    watch.run()
    watch.store.alerts = Hurried(watch.store.alerts, times=1000)
    with pytest.raises(StateConflict):
        watch.judge()


def test_judging_stops_when_there_is_enough_and_goes_on_later():
    from tetra_orchestrator.engine.alerting import judge_runs

    watch = Watch(told(on_success=("slack",)))
    for _ in range(3):
        watch.run()
    judge_runs(watch.desk, watch.clock.now(), lambda: len(watch.letters()) >= 2)
    assert (len(watch.letters()), len(watch.alerts.untold())) == (2, 1)
    watch.judge()
    assert (len(watch.letters()), watch.alerts.untold()) == (3, [])


# A look beside a run, and what maintenance leaves to be done

FAILED_LOOK = Finding("pipeline_failed", "critical", "load", "load ended failed in its last run")


def looking(watch, *findings):
    """A look that is judged only after what happens next."""
    at = watch.clock.now()
    health = Health(at, "healthy", (), {}, findings, {"load": {}}, {})
    watch.pass_time(seconds=2)
    return lambda: judge_health(watch.desk, health, watch.clock.now())


def test_a_run_that_fails_while_the_monitor_looks_is_not_told_to_be_over():
    watch = Watch(told(finding_channels=None), script=Codes(0, 3))
    watch.do()
    judge = looking(watch)
    assert watch.do() == BOTH
    judge()
    watch.send()
    assert (watch.courier.told(), len(watch.alerts.open())) == ([], 1)


def test_a_run_that_succeeds_while_the_monitor_looks_raises_nothing_anew():
    watch = Watch(told(finding_channels=None), script=Codes(3, 0))
    assert watch.do() == BOTH
    judge = looking(watch, FAILED_LOOK)
    assert watch.do() == OVER
    judge()
    watch.send()
    assert (watch.courier.told(), watch.alerts.open()) == ([], [])


def test_T_168_who_is_called_at_once_is_called_when_the_maintenance_is_over_in_which_it_failed():
    watch = Watch(told(channels=(EMAIL, PAGER)), script=failing(), on_failure={"load": OnFailure(escalate="pagerduty")})
    now = watch.clock.now().replace(tzinfo=None)
    window = Maintenance("move", "UTC", since=now.isoformat(), until=(now + timedelta(hours=1)).isoformat())
    watch.project = watch.project._replace(alerting=watch.project.alerting._replace(maintenance=(window,)))
    assert watch.do() == []
    for _ in range(2):
        watch.pass_time(hours=1)
        watch.look(FAILED_LOOK, gauges={"load": {"state": "failed", "failures": 1.0}})
    assert watch.letters() == [("escalated", "pagerduty")]


def test_what_is_so_on_one_host_is_not_over_because_another_one_does_not_see_it():
    watch = Watch(told(finding_channels=None))
    full = Finding("disk_out", "critical", "state", "1% is free")

    def look(place, *findings):
        now = watch.clock.now()
        judge_health(watch.desk, placed(Health(now, "", (), {}, findings, {}, {}), place), now)
        watch.pass_time(minutes=11)

    look("alpha", full)
    look("beta", full)
    look("beta")
    look("beta")
    assert [alert.title for alert in watch.alerts.open()] == ["alpha: 1% is free"]
    look("alpha")
    look("alpha")
    assert watch.alerts.open() == []


def test_each_run_is_read_once_for_all_the_pipelines_that_are_judged(monkeypatch):
    rule = AlertRule("Errors", "error_rate > 0.1", "high", ("email",))
    watch = Watch(told(rule), *(task(f"p{number}") for number in range(5)))
    for _ in range(3):
        watch.do()
    watch.run()
    read, reads = watch.store.task_runs, Counter()

    def counted(run_id):
        reads[run_id] += 1
        return read(run_id)

    monkeypatch.setattr(watch.store, "task_runs", counted)
    watch.judge()
    assert (len(reads), max(reads.values())) == (4, 1)


def test_a_title_is_cut_behind_what_keeps_secrets_out_of_it():
    watch = Watch(told(finding_channels=None), secrets=("canary-secret",))
    watch.look(Finding("endpoint_down", "critical", "a", f"{'x' * 190} canary-secret is the password"))
    (alert,) = watch.alerts.open()
    assert (len(alert.title), "can" in alert.title) == (200, False)
