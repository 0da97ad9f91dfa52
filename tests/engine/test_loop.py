"""The loop over fakes: what it commits, in which order, and what it makes of what happens."""

from __future__ import annotations

from signal import SIGINT, SIGTERM

import pytest

from support.worlds import THREE_TRIES, Stage, fail_first, project, task
from tetra_orchestrator.core.model import Command, Module, Reason, Shell
from tetra_orchestrator.core.outcome import Exited, Signalled, SpawnFailed
from tetra_orchestrator.errors import CannotWrite, Exit


def test_a_chain_runs_in_order_and_ends_succeeded():
    stage = Stage(project(task("a"), task("b", "a"), task("c", "b")))
    assert stage.run() == Exit.OK
    assert [one.env["TETRA_TASK"] for one in stage.runner.launches] == ["a", "b", "c"]
    assert stage.states() == {"a": "succeeded", "b": "succeeded", "c": "succeeded"}
    assert stage.last_run.state == "succeeded"
    assert stage.last_run.exit_code == 0
    assert stage.story() == [
        "run.started",
        *(f"{event} {name} 1" for name in "abc" for event in ("attempt.started", "attempt.finished", "task.finished")),
        "run.finished",
    ]


def test_events_are_numbered_without_a_gap():
    stage = Stage(project(task("a"), task("b", "a")))
    stage.run()
    assert [event.seq for event in stage.reporter.events] == list(range(1, len(stage.reporter.events) + 1))
    assert [event.seq for event in stage.store.events(stage.last_run.run_id)] == [e.seq for e in stage.reporter.events]


def test_the_attempt_row_is_durable_before_its_process_starts():
    stage = Stage(project(task("a"), task("b", "a")))
    seen = []
    stage.runner.on_submit = lambda launches: seen.append(
        [(a.task_id, a.token, a.kind) for a in stage.store.attempts(stage.last_run.run_id)]
    )
    stage.run()
    assert [[row[0] for row in rows] for rows in seen] == [["a"], ["a", "b"]]
    assert seen[0][0][1] == stage.runner.launches[0].token


def test_the_end_of_one_task_and_the_start_of_the_next_share_a_commit():
    stage = Stage(project(task("a"), task("b", "a")))
    record, commits = stage.store.record, []
    stage.store.record = lambda changes: (commits.append(list(changes)), record(commits[-1]))[1]
    stage.run()
    kinds = [[type(change).__name__ for change in commit] for commit in commits]
    together = [names for names in kinds if "AttemptClosed" in names and "AttemptOpened" in names]
    assert len(together) == 1


def test_T_059_a_failing_task_is_tried_three_times_with_sixty_seconds_between_and_none_after_the_last():
    stage = Stage(project(task("a", retry=THREE_TRIES)), fail_first(9, "a"))
    assert stage.run() == Exit.FAILED
    assert stage.attempts() == [("a", n, "exited", 1) for n in (1, 2, 3)]
    assert stage.clock.seconds - 1000 == pytest.approx(1 + 60 + 1 + 60 + 1, abs=0.2)
    assert stage.reasons()["a"] == "exited with code 1"


def test_T_076_success_on_a_later_attempt_continues_the_chain():
    stage = Stage(project(task("a", retry=THREE_TRIES), task("b", "a")), fail_first(2, "a"))
    assert stage.run() == Exit.OK
    assert stage.attempts() == [
        ("a", 1, "exited", 1),
        ("a", 2, "exited", 1),
        ("a", 3, "exited", 0),
        ("b", 1, "exited", 0),
    ]
    assert [e for e in stage.story() if e.startswith("retry")] == ["retry.scheduled a 1", "retry.scheduled a 2"]


def test_T_057_what_depends_on_a_failed_task_is_never_started_and_says_so():
    stage = Stage(project(task("a"), task("b", "a"), task("c", "b")), fail_first(1, "a", code=7))
    assert stage.run() == Exit.FAILED
    assert stage.states() == {"a": "failed", "b": "upstream_failed", "c": "upstream_failed"}
    assert stage.reasons() == {"a": "exited with code 7", "b": "a failed", "c": "b upstream failed"}
    assert len(stage.runner.launches) == 1


def test_a_failed_attempt_keeps_the_end_of_its_log():
    stage = Stage(project(task("a")), fail_first(1, "a"))
    stage.run()
    run_id = stage.last_run.run_id
    assert stage.store.attempts(run_id)[0].tail == f"end of /{run_id}/a.1.log\n"


def test_a_task_over_its_time_limit_is_ended_and_counts_as_timed_out_however_it_dies():
    stage = Stage(project(task("a", timeout_s=5.0)), lambda name, n: (100.0, Exited(0), {}))
    assert stage.run() == Exit.FAILED
    assert stage.runner.cancelled == ["job-1"]
    assert stage.states() == {"a": "timed_out"}
    assert stage.reasons() == {"a": "ended by its time limit of 5 s"}
    assert stage.attempts() == [("a", 1, "timed_out", None)]


def test_a_program_that_cannot_start_fails_its_task_and_not_the_run_of_the_others():
    def script(name, number):
        return (0, SpawnFailed("ENOENT", "no program 'nope'"), {}) if name == "a" else (1.0, Exited(0), {})

    stage = Stage(project(task("a", retry=THREE_TRIES), task("b", "a"), task("c")), script)
    assert stage.run() == Exit.FAILED
    assert stage.states() == {"a": "failed", "b": "upstream_failed", "c": "succeeded"}
    assert stage.attempts()[0] == ("a", 1, "spawn_error", None)
    assert stage.reasons()["a"] == "could not start: no program 'nope' (ENOENT)"


def test_outputs_reach_the_arguments_and_the_input_of_what_depends_on_them():
    def script(name, number):
        return 1.0, Exited(0), {"rows": 5105} if name == "a" else {}

    stage = Stage(project(task("a"), task("b", "a", args=("--rows", "{a.rows}"))), script)
    assert stage.run() == Exit.OK
    assert stage.runner.launches[1].argv == ("true", "--rows", "5105")
    assert stage.workspace.given["b.1"] == {"upstream": {"a": {"rows": 5105}}}
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"rows": 5105}


def test_fault_46_files_that_cannot_be_made_fail_the_attempt_also_when_it_is_a_second_try():
    stage = Stage(project(task("a", retry=THREE_TRIES), task("b")), fail_first(9, "a"))
    prepare = stage.workspace.prepare

    def full(run_id, task_id, number, given, tenant):
        if (task_id, number) == ("a", 2):
            raise CannotWrite("cannot write the log folder /logs: No space left on device")
        return prepare(run_id, task_id, number, given, tenant)

    stage.workspace.prepare = full
    assert stage.run() == Exit.FAILED
    assert stage.attempts()[:3] == [("a", 1, "exited", 1), ("a", 2, "spawn_error", None), ("a", 3, "exited", 1)]
    assert stage.states() == {"a": "failed", "b": "succeeded"}


def test_a_reference_without_a_value_fails_the_attempt_with_the_reference_named():
    stage = Stage(project(task("a"), task("b", "a", args=("{a.rows}",))))
    assert stage.run() == Exit.FAILED
    assert (
        stage.reasons()["b"]
        == "could not start: {a.rows} has no value: a left no output 'rows' (outputs: none) (template)"
    )


def test_outputs_that_cannot_be_read_fail_an_attempt_that_exited_zero():
    stage = Stage(project(task("a")), lambda name, n: (1.0, Exited(0), ValueError("line 3: not an object")))
    assert stage.run() == Exit.FAILED
    assert stage.attempts() == [("a", 1, "outputs_invalid", 0)]
    assert stage.reasons()["a"] == "exited with code 0, but its outputs cannot be read: line 3: not an object"


def test_a_declared_output_of_the_wrong_type_fails_the_attempt():
    stage = Stage(project(task("a", outputs=(("rows", "int"),))), lambda name, n: (1.0, Exited(0), {"rows": "many"}))
    assert stage.run() == Exit.FAILED
    assert stage.reasons()["a"].endswith("the output 'rows' is 'many', not of type int")


@pytest.mark.parametrize(("number", "code"), [(SIGINT, 130), (SIGTERM, 143)])
def test_a_signal_ends_what_runs_cancels_the_rest_and_sets_the_exit_code(number, code):
    stage = Stage(project(task("a"), task("b", "a")), lambda name, n: (100.0, Signalled(15), {}))
    stage.runner.on_submit = lambda launches: stage.interrupts.numbers.append(number)
    assert stage.run() == code
    assert stage.states() == {"a": "cancelled", "b": "cancelled"}
    assert stage.last_run.state == "cancelled"
    assert stage.reasons()["b"] == f"interrupted by {number.name}"


def test_that_a_run_is_being_ended_is_durable_once_in_its_place_and_shown_before_anything_has_ended():
    stage = Stage(project(task("a"), task("b", "a")), lambda name, n: (100.0, Signalled(15), {}))
    stage.runner.on_submit = lambda launches: stage.interrupts.numbers.extend([SIGTERM, SIGINT, SIGTERM])
    stage.run()
    stored = stage.store.events(stage.last_run.run_id)
    assert stored == stage.reporter.events
    assert [each.seq for each in stored] == list(range(1, len(stored) + 1))
    assert [(each.event, each.state) for each in stored][:3] == [
        ("run.started", "running"), ("attempt.started", "submitted"), ("run.stopping", "running"),
    ]  # fmt: skip
    assert [each.reason for each in stored if each.event == "run.stopping"] == [
        Reason("interrupted", "interrupted by SIGTERM")
    ]


def test_a_signal_and_an_exit_in_the_same_turn_are_both_taken_in():
    stage = Stage(project(task("a"), task("b")), lambda name, n: (1.0 if name == "a" else 100.0, Exited(0), {}))
    take = stage.interrupts.take

    def take_when_a_has_ended():
        if stage.clock.seconds >= 1001 and not stage.runner.cancelled:
            stage.interrupts.numbers.append(SIGINT)
        return take()

    stage.interrupts.take = take_when_a_has_ended
    assert stage.run() == Exit.INTERRUPTED
    assert stage.runner.cancelled == ["job-2"]
    assert stage.states() == {"a": "cancelled", "b": "cancelled"}


def test_a_signal_before_the_first_task_starts_nothing():
    stage = Stage(project(task("a")))
    stage.interrupts.numbers.append(SIGINT)
    assert stage.run() == Exit.INTERRUPTED
    assert stage.runner.launches == []
    assert stage.states() == {"a": "cancelled"}


def test_only_a_further_ctrl_c_cuts_the_grace_short():
    stage = Stage(project(task("a")), lambda name, n: (100.0, Signalled(15), {}))
    stage.runner.on_submit = lambda launches: stage.interrupts.numbers.extend([SIGTERM, SIGTERM])
    assert stage.run() == Exit.TERMINATED
    assert (stage.runner.cancelled, stage.runner.killed) == (["job-1"], [])
    stage.runner.cancelled.clear()
    stage.runner.on_submit = lambda launches: stage.interrupts.numbers.extend([SIGINT, SIGINT])
    assert stage.run() == Exit.INTERRUPTED
    assert len(stage.runner.killed) == 1


def test_nothing_is_reported_before_it_is_durable():
    stage = Stage(project(task("a"), task("b", "a")))
    stored, early = stage.store, []
    report = stage.reporter.event
    stage.reporter.event = lambda event: (
        early.append(event) if event not in stored.events(event.run_id) else None,
        report(event),
    )
    stage.run()
    assert early == []


def test_fault_21_a_cancel_during_the_wait_for_a_retry_leaves_the_attempt_count_unchanged():
    stage = Stage(project(task("a", retry=THREE_TRIES)), fail_first(9, "a"))
    clock_wait = stage.clock.wait

    def wait(fds, timeout_s):
        if stage.clock.seconds > 1010:
            stage.interrupts.numbers.append(SIGTERM)
            return True
        return clock_wait(fds, timeout_s)

    stage.clock.wait = wait
    assert stage.run() == Exit.TERMINATED
    assert stage.attempts() == [("a", 1, "exited", 1)]
    assert stage.states() == {"a": "cancelled"}


def test_a_cancel_request_makes_the_run_cancelled_by_somebody_else():
    stage = Stage(project(task("a")), lambda name, n: (100.0, Signalled(15), {}))

    def ask(launches):
        stage.store.request(stage.last_run.run_id, "cancel", stage.clock.now())
        stage.interrupts.numbers.append(SIGTERM)

    stage.runner.on_submit = ask
    assert stage.run() == Exit.FAILED
    assert stage.last_run.state == "cancelled"
    assert stage.reasons()["a"] == "cancelled"


def test_the_handle_is_saved_while_a_long_task_runs():
    stage = Stage(project(task("a")), lambda name, n: (100.0, Exited(0), {}))
    wait, seen = stage.clock.wait, []

    def watched(fds, timeout_s):
        seen.append([(a.state, a.handle) for a in stage.store.attempts(stage.last_run.run_id)])
        return wait(fds, timeout_s)

    stage.clock.wait = watched
    stage.run()
    assert seen[0] == [("submitted", None)]
    assert seen[1] == [("running", "job-1")]


def test_no_more_than_max_parallel_run_at_once_and_a_pool_holds_back_its_own():
    given = project(*(task(f"t{n}", pool=(("db", 1),)) for n in range(4)), max_parallel=3, pools=(("db", 2),))
    stage = Stage(given)
    widths = []
    stage.runner.on_submit = lambda launches: widths.append(len(launches) + len(stage.runner.jobs))
    assert stage.run() == Exit.OK
    assert max(widths) == 2


def test_the_three_kinds_of_program_become_argument_lists():
    tasks = (
        task("m", program=Module("pipelines.data.main"), args=("--mode", "daily")),
        task("c", program=Command(("tool", "x")), args=("y",)),
        task("s", program=Shell("echo {params.who} | wc"), args=("z",)),
    )
    stage = Stage(project(*tasks))
    assert stage.run(params={"who": "$(id)"}) == Exit.OK
    assert {one.env["TETRA_TASK"]: one.argv for one in stage.runner.launches} == {
        "m": ("/venv/bin/python", "-m", "pipelines.data.main", "--mode", "daily"),
        "c": ("tool", "x", "y"),
        "s": ("/bin/sh", "-c", "echo ${TETRA_REF_1} | wc", "sh", "z"),
    }
    assert stage.runner.launches[2].env["TETRA_REF_1"] == "$(id)"


def test_the_processes_are_ended_when_the_store_fails_in_the_middle():
    stage = Stage(project(task("a"), task("b", "a")))
    stage.runner.on_submit = lambda launches: setattr(stage.store, "record", _broken)
    with pytest.raises(OSError, match="disk"):
        stage.run()
    assert stage.runner.jobs == {}
    assert stage.reporter.closed


def _broken(changes):
    raise OSError("disk")


def test_no_secret_is_in_what_is_kept_and_told_of_an_outcome():
    script = lambda name, n: (1.0, Exited(0), {"rows": "hidden-1"})  # noqa: E731
    stage = Stage(project(task("a", outputs=(("rows", "int"),))), script)
    stage.run(secrets=("hidden-1",))
    text = "exited with code 0, but its outputs cannot be read: the output 'rows' is '***', not of type int"
    assert stage.reasons() == {"a": text}
    assert [attempt.text for attempt in stage.store.attempts(stage.last_run.run_id)] == [text]


def test_outputs_are_stored_without_secrets_and_handed_on_as_they_are():
    given = project(task("a"), task("b", "a", args=("{a.url}",)))
    stage = Stage(given, lambda name, n: (1.0, Exited(0), {"url": "//u:hidden-1@host"} if name == "a" else {}))
    assert stage.run(secrets=("hidden-1",)) == Exit.OK
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"url": "//u:***@host"}
    assert stage.runner.launches[1].argv[-1] == "//u:hidden-1@host"
    assert len(stage.workspace.cleared) == 2


def test_what_attempts_were_given_stays_where_nothing_is_secret():
    stage = Stage(project(task("a")))
    stage.run()
    assert stage.workspace.cleared == []
