"""The loop over fakes where a task's log, exit code or readiness decides what follows."""

from __future__ import annotations

from signal import SIGINT

import pytest

from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator.core.model import ContinueOn, Host, Mode, RetryPolicy, RunIf, RunPolicy, Service
from tetra_orchestrator.core.outcome import Exited, Signalled
from tetra_orchestrator.engine.start import limits
from tetra_orchestrator.errors import Exit, NotNow

FINISHED = (("a", "finished"),)
READY = (("a", "ready"),)
FOR_EVER = 1e6


def logging(stage, **logs):
    """Let the logs of tasks end so; remembers how much of which log was read."""
    stage.read = []

    def tail(log, limit=4096):
        name = log.rpartition("/")[2].partition(".")[0]
        stage.read.append((name, limit))
        return logs.get(name, "")

    stage.workspace.tail = tail
    return stage


def ends(**exits):
    """Tasks take a second; those named end with that code, and the others succeed."""
    return lambda name, number: (1.0, Exited(exits.get(name, 0)), {})


# What the log says


def test_R_043_R_044_the_log_decides_whether_a_failed_task_is_tried_again():
    policy = RetryPolicy(max_attempts=3, on_errors=("timeout",), not_on_errors=("schema_error",))
    stage = Stage(project(task("a", retry=policy), task("b", retry=policy)), ends(a=1, b=1))
    logging(stage, a="TimeoutError: slow\n", b="pandera.errors.SchemaError: no column\n")
    assert stage.run() == Exit.FAILED
    assert [name for name, *_ in stage.attempts()] == ["a", "a", "a", "b"]
    assert stage.reasons() == {
        "a": "exited with code 1",
        "b": "exited with code 1; it is not tried again: schema_error is among `not_on_errors`",
    }


def test_the_error_class_that_a_task_reports_decides_too():
    policy = RetryPolicy(max_attempts=2, on_errors=("timeout",))
    stage = Stage(project(task("a", retry=policy)), lambda name, n: (1.0, Exited(1), {"error_class": "KeyError"}))
    assert stage.run() == Exit.FAILED
    assert stage.reasons() == {"a": "exited with code 1; it is not tried again: KeyError is not among `on_errors`"}


@pytest.mark.parametrize("outputs", [{"error_class": 5}, {}, ValueError("line 1: not an object")])
def test_a_report_that_is_none_leaves_the_decision_to_the_log(outputs):
    policy = RetryPolicy(max_attempts=2, on_errors=("timeout",))
    stage = Stage(project(task("a", retry=policy)), lambda name, n: (1.0, Exited(1), outputs))
    logging(stage, a="TimeoutError\n")
    stage.run()
    assert len(stage.attempts()) == 2


def test_a_task_runs_where_the_log_of_another_says_so_although_that_succeeded():
    rule = {"conditions": FINISHED, "run_if": (RunIf("a", output="drift: [1-9]"),)}
    stage = logging(Stage(project(task("a"), task("b", "a", **rule))), a="drift: 7\n")
    assert stage.run() == Exit.OK
    assert stage.states() == {"a": "succeeded", "b": "succeeded"}
    logging(stage, a="drift: 0\n")
    assert stage.run() == Exit.OK
    assert stage.states() == {"a": "succeeded", "b": "skipped"}
    assert stage.reasons()["b"] == "'drift: [1-9]' is not in the log of a"
    assert "task.skipped b" in stage.story()


def test_no_log_is_read_of_a_task_that_succeeds_and_whose_words_do_not_matter():
    stage = logging(Stage(project(task("a"), task("b", "a"))))
    stage.run()
    assert stage.read == []


def test_the_end_of_a_failed_log_is_kept_as_short_as_ever_where_more_of_it_was_searched():
    stage = Stage(project(task("a", retry=RetryPolicy(on_output=("x",)))), ends(a=1))
    logging(stage)
    stage.run()
    assert stage.read == [("a", 65536), ("a", 4096)]


# Going on after a failure


def test_D_106_a_failure_that_is_tolerated_makes_the_run_partial_and_its_outputs_count():
    def script(name, number):
        return 1.0, Exited(1 if name == "a" else 0), {"rows": 5} if name == "a" else {}

    a = task("a", continue_on=ContinueOn(exit_codes=(1,)))
    stage = Stage(project(a, task("b", "a", args=("{a.rows}",))), script)
    assert stage.run() == Exit.PARTIAL
    assert stage.states() == {"a": "partial", "b": "succeeded"}
    assert (stage.last_run.state, stage.last_run.exit_code) == ("partial", 1)
    assert stage.runner.launches[1].argv == ("true", "5")
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"rows": 5}
    assert stage.attempts()[0] == ("a", 1, "exited", 1)


def test_outputs_that_cannot_be_read_are_none_where_that_failure_is_tolerated():
    given = project(task("a", continue_on=ContinueOn(failure=True)), task("b", "a"))
    stage = Stage(given, lambda name, n: (1.0, Exited(0), ValueError("line 1: not an object") if name == "a" else {}))
    assert stage.run() == Exit.PARTIAL
    assert stage.states() == {"a": "partial", "b": "succeeded"}


def test_what_wants_a_task_only_finished_cleans_up_after_its_failure():
    stage = Stage(project(task("a"), task("b", "a", conditions=FINISHED)), ends(a=7))
    assert stage.run() == Exit.FAILED
    assert stage.states() == {"a": "failed", "b": "succeeded"}


def test_a_pipeline_alone_starts_whatever_became_of_one_that_has_only_to_be_finished():
    stage = Stage(project(task("a"), task("b", "a", conditions=FINISHED), task("c", "a")), ends(a=1))
    stage.run(names=("a",))
    assert stage.run(mode=None, names=("b",)) == Exit.OK
    with pytest.raises(NotNow):
        stage.run(mode=None, names=("c",))


def test_a_pipeline_alone_gets_the_outputs_of_one_that_ended_partial():
    given = project(task("a", continue_on=ContinueOn(failure=True)), task("b", "a", args=("{a.rows}",)))
    stage = Stage(given, lambda name, n: (1.0, Exited(1 if name == "a" else 0), {"rows": 7} if name == "a" else {}))
    assert stage.run(mode=None, names=("a",)) == Exit.PARTIAL
    assert stage.run(mode=None, names=("b",), force=True) == Exit.OK
    assert stage.runner.launches[-1].argv == ("true", "7")


# The run as a whole


def test_R_018_after_the_first_failure_what_runs_finishes_and_the_rest_is_cancelled():
    tasks = (task("a", priority=2), task("b", priority=1), task("c"), task("d", "b"))
    given = project(*tasks, max_parallel=2, run=RunPolicy(stop_after=1))
    stage = Stage(given, lambda name, n: (1.0 if name == "a" else 5.0, Exited(1 if name == "a" else 0), {}))
    assert stage.run() == Exit.FAILED
    assert stage.states() == {"a": "failed", "b": "succeeded", "c": "cancelled", "d": "cancelled"}
    assert stage.reasons()["c"] == "1 task has failed, and `stop_after` allows no more"


def test_R_016_a_run_over_its_time_limit_is_ended_and_has_timed_out():
    given = project(task("a"), task("b", "a"), run=RunPolicy(timeout_s=10.0))
    stage = Stage(given, lambda name, n: (FOR_EVER, Exited(0), {}))
    assert stage.run() == Exit.FAILED
    assert stage.clock.seconds - 1000 == pytest.approx(10, abs=0.3)
    assert stage.runner.cancelled == ["job-1"]
    assert stage.states() == {"a": "cancelled", "b": "cancelled"}
    assert (stage.last_run.state, stage.last_run.exit_code) == ("timed_out", 2)
    assert set(stage.reasons().values()) == {"the run's time limit of 10 s has passed"}


def test_a_ctrl_c_while_a_run_ends_for_its_time_limit_cuts_the_grace_short():
    given = project(task("a"), run=RunPolicy(timeout_s=10.0))
    stage = Stage(given, lambda name, n: (FOR_EVER, Exited(0), {}))
    cancel = stage.runner.cancel

    def reluctant(handle):
        cancel(handle)
        stage.runner.jobs[handle] = (stage.clock.seconds + 60, Signalled(15))
        stage.interrupts.numbers.append(SIGINT)

    stage.runner.cancel = reluctant
    assert stage.run() == Exit.FAILED
    assert stage.runner.killed == ["job-1"]
    assert stage.last_run.state == "timed_out"


def test_what_may_run_at_the_same_time_is_the_least_of_host_project_and_mode():
    given = project(task("a"), pools=(("db", 2),), run=RunPolicy(timeout_s=60.0, max_parallel=3))
    given = given._replace(host=Host(4, 2.0, 1024, 1))
    assert limits(given)._asdict() == {
        "max_parallel": 3,
        "pools": (("db", 2),),
        "cpu": 2.0,
        "memory_bytes": 1024,
        "gpu": 1,
        "stop_after": None,
        "timeout_s": 60.0,
        "max_retries": None,
        "barriers": False,
        "places": 4,
        "tasks": 0,
    }
    wide = Mode("wide", (), run=RunPolicy(stop_after=2, max_parallel=9))
    assert limits(given, wide)[0] == 4
    assert (limits(given, wide).stop_after, limits(given, wide).timeout_s) == (2, 60.0)


def test_the_policy_of_a_mode_holds_for_its_run():
    given = project(task("a"), task("b"), max_parallel=4)
    (mode,) = given.modes
    stage = Stage(given._replace(modes=(mode._replace(run=RunPolicy(max_parallel=1)),)))
    widths = []
    stage.runner.on_submit = lambda launches: widths.append(len(launches) + len(stage.runner.jobs))
    assert stage.run() == Exit.OK
    assert widths == [1, 1]


# Services


def serving(**outputs):
    """The service `a` runs until it is ended and leaves these outputs; the others take five seconds."""
    return lambda name, n: (FOR_EVER, Exited(0), outputs) if name == "a" else (5.0, Exited(0), {})


def test_a_service_is_ready_by_its_outputs_and_stopped_after_what_needs_it():
    stage = Stage(project(task("a", service=Service()), task("b", "a", conditions=READY)), serving(ready=True, port=80))
    assert stage.run() == Exit.OK
    assert stage.states() == {"a": "succeeded", "b": "succeeded"}
    assert stage.runner.cancelled == ["job-1"]
    assert stage.attempts() == [("a", 1, "stopped", None), ("b", 1, "exited", 0)]
    assert stage.reasons()["a"] == "stopped, because nothing in the run needed it any more"
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"ready": True, "port": 80}


def test_a_service_is_ready_by_its_log_and_looked_at_five_times_a_second():
    stage = Stage(project(task("a", service=Service("listening on")), task("b", "a", conditions=READY)), serving())
    looks = []

    def tail(log, limit=4096):
        looks.append(stage.clock.seconds)
        return "starting\n" if stage.clock.seconds < 1003 else "starting\nlistening on 80\n"

    stage.workspace.tail = tail
    assert stage.run() == Exit.OK
    started = {one.task_id: one.started_at for one in stage.store.attempts(stage.last_run.run_id)}
    assert (started["b"] - started["a"]).total_seconds() == pytest.approx(3, abs=0.3)
    assert 15 <= len(looks) <= 20


@pytest.mark.parametrize("outputs", [{"ready": False}, {"ready": "yes"}, ValueError("line 1: half a line")])
def test_a_service_that_has_not_said_so_is_not_ready(outputs):
    given = project(task("a", service=Service()), task("b", "a", conditions=READY), run=RunPolicy(timeout_s=10.0))
    stage = Stage(given, lambda name, n: (FOR_EVER, Exited(0), outputs))
    assert stage.run() == Exit.FAILED
    assert stage.states() == {"a": "cancelled", "b": "cancelled"}


def test_a_service_that_nobody_waits_for_is_not_looked_at():
    stage = logging(Stage(project(task("a", service=Service()), task("b")), serving()))
    assert stage.run() == Exit.OK
    assert stage.states() == {"a": "succeeded", "b": "succeeded"}
    assert stage.read == []


def test_a_service_that_ends_alone_has_failed_by_its_exit_code():
    given = project(task("a", service=Service("up")), task("b", "a", conditions=READY))
    stage = Stage(given, fail_first(1, "a", code=3))
    assert stage.run() == Exit.FAILED
    assert stage.states() == {"a": "failed", "b": "upstream_failed"}


def test_a_run_of_a_service_alone_lasts_until_it_is_interrupted():
    stage = Stage(project(task("a", service=Service())), serving())
    wait = stage.clock.wait

    def interrupted_after_a_minute(fds, timeout_s):
        if stage.clock.seconds > 1060 and not stage.runner.cancelled:
            stage.interrupts.numbers.append(SIGINT)
        return wait(fds, timeout_s)

    stage.clock.wait = interrupted_after_a_minute
    assert stage.run() == Exit.INTERRUPTED
    assert stage.states() == {"a": "cancelled"}
