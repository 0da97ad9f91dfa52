"""Why a task or a run is as it is: of all that is known, the one thing to be told first, and what supports it."""

from __future__ import annotations

import pytest

from support.builders import task as node
from support.builders import utc
from tetra_orchestrator.core.history import Attempt, Run, TaskRun
from tetra_orchestrator.core.model import Reason, RetryPolicy
from tetra_orchestrator.core.outcome import (
    Exited,
    LimitExceeded,
    Lost,
    OutOfMemory,
    OutputsInvalid,
    Signalled,
    SpawnFailed,
    TimedOut,
    code_of,
    describe,
    kind_of,
)
from tetra_orchestrator.core.why import Case, explain
from tetra_orchestrator.core.why_support import ADVICE, Past

AT = utc(2026, 3, 2, 13)
RUN = Run("r1", "shop", "daily", "manual", "failed", "0", AT, AT, 12.0)


def row(name: str, state: str, reason: Reason | None = None, **fields) -> TaskRun:
    given = {"position": 0, "reason": reason, "started_at": AT, "finished_at": AT} | fields
    return TaskRun("r1", name, name.partition(".")[0], state=state, **given)


def attempt(name: str, outcome, tail: str | None = None, number: int = 1) -> Attempt:
    kind, code, signal = kind_of(outcome)
    ended = {"kind": kind, "exit_code": code, "signal": signal, "text": describe(outcome), "tail": tail}
    return Attempt("r1", name, number, "token", "failed", f"/logs/{name}.{number}.log", duration_s=3.0, **ended)


def failed(outcome, tail: str | None = None, **fields) -> Case:
    """A run of one task that has ended so."""
    reason = Reason(code_of(outcome), describe(outcome))
    state = "timed_out" if isinstance(outcome, TimedOut) else "failed"
    return Case(RUN, [row("load", state, reason)], [attempt("load", outcome, tail)], **fields)


def story(given: Case) -> list[str]:
    """All that is told, the cause first."""
    return [reason.text for reason in explain(given)]


FAILURES = {
    "an exit code without a meaning": (Exited(3), "", "exit_code", "load failed with exit code 3"),
    "one of sysexits": (
        Exited(77), "", "exit_code", "load failed with exit code 77, which stands for a missing permission",
    ),
    "a command that is not there": (
        Exited(127), "", "missing_program",
        "load failed with exit code 127, which stands for a command that was not found",
    ),
    "a command that cannot be executed": (
        Exited(126), "", "not_executable",
        "load failed with exit code 126, which stands for a command that was found and cannot be executed",
    ),
    "a command of a shell that is not there, by its log": (
        Exited(127), "sh: 1: psql: not found\n", "missing_program",
        "load failed: a command was not found: its log says `sh: 1: psql: not found` (exit code 127)",
    ),
    "a command of a shell that cannot be executed, by its log": (
        Exited(126), "sh: 1: ./load.sh: Permission denied\n", "not_executable",
        "load failed: a command could not be executed: its log says `sh: 1: ./load.sh: Permission denied` "
        "(exit code 126)",
    ),
    "a signal that asks it to end": (
        Signalled(15), "", "signal", "load failed: killed by signal 15 (TERM), which somebody sent",
    ),
    "a working folder that is not there": (
        SpawnFailed("ENOENT", "the working folder /data/in does not exist"), "", "no_folder",
        "load could not start: the working folder /data/in does not exist",
    ),
    "an exception, by the last line of its log": (
        Exited(1), "OSError: [Errno 2] No such file or directory\nTraceback\nrows.EmptyError: no rows\n", "exception",
        "load failed: an exception was not handled: its log says `rows.EmptyError: no rows` (exit code 1)",
    ),
    "a missing file, by the last line of its log": (
        Exited(1), "cat: rate.txt: No such file or directory\n", "missing_file",
        "load failed: a file is missing: its log says `cat: rate.txt: No such file or directory` (exit code 1)",
    ),
    "a missing file that was dealt with": (
        Exited(3), "rm: old: No such file or directory\ntoo few rows\n", "exit_code", "load failed with exit code 3",
    ),
    "a command of a shell that a signal ended": (
        Exited(137), "", "exit_code", "load failed with exit code 137: a command of it was ended by signal 9 (KILL)",
    ),
    "a signal that tells of a fault": (
        Signalled(11), "", "signal", "load failed: killed by signal 11 (SEGV), a fault of the program",
    ),
    "a signal that somebody sent": (
        Signalled(9), "", "signal",
        "load failed: killed by signal 9 (KILL), which somebody sent, or the kernel for want of memory",
    ),
    "its own limit of memory": (
        OutOfMemory(512 << 20), "", "out_of_memory",
        "load failed: out of memory: the kernel ended it at 512 MB (its limit)",
    ),
    "the memory of the host": (
        OutOfMemory(None), "", "host_out_of_memory",
        "load failed: out of memory: the host had no more, and the kernel ended it",
    ),
    "a limit that we watch": (
        LimitExceeded("disk", "9 bytes in /data are more than its limit of 8"), "", "limit",
        "load failed: ended by its limit of disk: 9 bytes in /data are more than its limit of 8",
    ),
    "a time limit": (TimedOut(300), "", "timeout", "load failed: it was ended by its time limit of 300 s"),
    "a wall time limit": (
        TimedOut(300, wall=True), "", "timeout", "load failed: it was ended by its wall time limit of 300 s",
    ),
    "a program that is not on the PATH": (
        SpawnFailed("ENOENT", "no program called psql in PATH=/bin:/usr/bin"), "", "missing_program",
        "load could not start: there is no program called psql in its PATH",
    ),
    "a program that may not be executed": (
        SpawnFailed("EACCES", "./load.sh is not executable"), "", "not_executable",
        "load could not start: ./load.sh is not executable",
    ),
    "another trouble in starting it": (
        SpawnFailed("E2BIG", "its arguments are too long"), "", "cannot_start",
        "load could not start: its arguments are too long",
    ),
    "outputs that cannot be read": (
        OutputsInvalid("line 1 is no JSON"), "", "outputs_invalid",
        "load failed: exited with code 0, but its outputs cannot be read: line 1 is no JSON",
    ),
    "a full disk, by its log": (
        Exited(1), "writing\ncp: error: No space left on device\ncleaning up\n", "disk_full",
        "load failed: a disk is full: its log says `cp: error: No space left on device` (exit code 1)",
    ),
    "no memory, by its log": (
        Exited(1), "Traceback\nMemoryError\n", "no_memory",
        "load failed: it got no more memory: its log says `MemoryError` (exit code 1)",
    ),
    "a missing module, by its log": (
        Exited(1), "ModuleNotFoundError: No module named 'x'\n", "module_missing",
        "load failed: a Python module is missing: its log says `ModuleNotFoundError: No module named 'x'` "
        "(exit code 1)",
    ),
    "too many files, by its log": (
        Exited(1), "OSError: [Errno 24] Too many open files", "too_many_files",
        "load failed: it had too many files open: its log says `OSError: [Errno 24] Too many open files` (exit code 1)",
    ),
    "something out of reach, by its log": (
        Exited(2), "psql: Connection refused", "no_connection",
        "load failed: something could not be reached: its log says `psql: Connection refused` (exit code 2)",
    ),
    "no permission, by its log": (
        Exited(2), "cat: keys: Permission denied", "no_permission",
        "load failed: it was not allowed to do something: its log says `cat: keys: Permission denied` (exit code 2)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("outcome", "tail", "code", "text"), FAILURES.values(), ids=FAILURES)
def test_what_made_a_task_fail_is_told_first_and_last_what_to_do_about_it(outcome, tail, code, text) -> None:
    told = explain(failed(outcome, tail))
    assert told[0] == Reason(code, text)
    assert code in ADVICE
    assert [reason.code for reason in told].count("next") == 2


def test_of_several_attempts_the_last_is_told_with_how_many_there_could_be() -> None:
    retried = node("load", retry=RetryPolicy(3))
    given = failed(OutOfMemory(1 << 30), model={"load": retried})
    given = given._replace(attempts=[attempt("load", OutOfMemory(1 << 30), number=n) for n in (1, 2, 3)])
    assert story(given)[0] == "load failed: out of memory: the kernel ended attempt 3 of 3 at 1.0 GB (its limit)"


def test_a_chain_is_followed_to_the_task_that_failed_first() -> None:
    rows = [
        row("extract", "failed", Reason("failed", "exited with code 3")),
        row("build", "upstream_failed", Reason("upstream_failed", "extract failed")),
        row("report", "upstream_failed", Reason("upstream_failed", "build upstream failed")),
        row("mail", "failed", Reason("failed", "exited with code 1")),
    ]
    given = Case(RUN, rows, [attempt("extract", Exited(3), "no rows\n")], "report")
    assert explain(given) == [
        Reason("upstream_failed", "report was not run: extract failed with exit code 3"),
        Reason(
            "run",
            "run r1 (daily) began at 2026-03-02T13:00:00Z: somebody started it by hand; it ended failed after 12 s",
        ),
        Reason("held_up", "not run because of that: build, report"),
        Reason("failed_too", "failed as well: mail"),
        Reason("took", "attempt 1 took 3.0 s"),
        Reason("log", "the end of /logs/extract.1.log:\n  no rows"),
        Reason("next", "read its log: tetra logs --run r1 -p extract"),
        Reason("next", "then go on where it ended: tetra resume r1"),
    ]


def test_what_was_usual_and_what_has_changed_is_told_with_a_failure() -> None:
    past = Past("r0", ("pipelines.load.args",), ("schedules.nightly.cron",), ("rows.py was changed",), (1.0, 1.5))
    assert story(failed(Exited(3), past=past)) == [
        "load failed with exit code 3; changed since its last success: pipelines.load.args",
        "run r1 (daily) began at 2026-03-02T13:00:00Z: somebody started it by hand; it ended failed after 12 s",
        "attempt 1 took 3.0 s; its last successes took 1.0 s to 1.5 s",
        "it succeeded last in run r0",
        "also changed in the configuration since then: schedules.nightly.cron",
        "rows.py was changed",
        "read its log: tetra logs --run r1 -p load",
        "then go on where it ended: tetra resume r1",
    ]


STATES = {
    "succeeded": (None, "ran", "load ran: it depends on nothing in this run"),
    "skipped": (Reason("unchanged", "nothing has changed"), "unchanged", "load was skipped: nothing has changed"),
    "upstream_failed": (
        Reason("upstream_failed", "clean failed"), "upstream_failed", "load was not run: clean failed",
    ),
    "cancelled": (
        Reason("cancel_requested", "cancelled by `tetra cancel`"), "cancel_requested",
        "load was cancelled: cancelled by `tetra cancel`",
    ),
    "partial": (Reason("continued", "exited with code 3"), "continued", "load is partial: exited with code 3"),
    "lost": (
        Reason("owner_died", "the process that ran it died"), "owner_died",
        "load was lost: the process that ran it died",
    ),
    "running": (
        None, "running", "load is running since 2026-03-02T13:00:00Z: it depends on nothing in this run",
    ),
    "waiting_retry": (
        Reason("retry_scheduled", "exited with code 3; next attempt in 60 s"), "retry_scheduled",
        "load waits to be tried again: exited with code 3; next attempt in 60 s",
    ),
    "pending": (None, "dependencies", "load waits for extract"),
}  # fmt: skip


@pytest.mark.parametrize(("state", "reason", "code", "text"), [(state, *told) for state, told in STATES.items()])
def test_every_state_is_explained(state, reason, code, text) -> None:
    given = Case(
        RUN._replace(state="running"),
        [row("extract", "running"), row("load", state, reason)],
        [],
        "load",
        {"load": Reason("no_dependencies", "it depends on nothing in this run")},
        model={"load": node("load", "extract")},
    )
    assert explain(given)[0] == Reason(code, text)


BEGUN = {
    "manual": "somebody started it by hand",
    "schedule": "schedule nightly was due at 2026-03-02T13:00:00Z",
    "catch_up": "it makes up for the slot of 2026-03-02T13:00:00Z of schedule nightly",
    "backfill": "backfill b1 asked for it",
    "resume": "it goes on with run r0",
    "retry": "it does tasks of run r0 again",
}


@pytest.mark.parametrize(("trigger", "text"), BEGUN.items())
def test_why_a_run_was_begun(trigger, text) -> None:
    run = RUN._replace(trigger=trigger, state="succeeded", schedule="nightly", slot=AT, backfill="b1", resumes="r0")
    ended = Reason("succeeded", "every task succeeded or was skipped")
    first = explain(Case(run, [row("load", "succeeded")], [], ended=ended))[0]
    assert first == Reason("ran", f"run r1 ran: {text}; every task succeeded or was skipped")


def test_a_run_that_waits_for_its_turn_says_for_whom() -> None:
    given = Case(RUN._replace(state="queued"), [row("load", "pending")], [], ahead=[RUN._replace(run_id="r0")])
    assert story(given)[0] == "run r1 waits for its turn: run r0 has pipelines that it needs"


@pytest.mark.parametrize(
    ("state", "doing"),
    [("running", "load is running"), ("waiting_retry", "to be tried again: load"), ("pending", "it starts its tasks")],
)
def test_a_run_that_goes_on_says_what_it_does(state: str, doing: str) -> None:
    given = Case(RUN._replace(state="running"), [row("load", state)], [])
    assert story(given)[0] == f"run r1 is running: somebody started it by hand; {doing}"


def test_what_ended_the_run_is_told_of_a_task_that_has_no_reason_of_its_own() -> None:
    run = RUN._replace(state="cancelled")
    ended = Reason("cancel_requested", "cancelled by `tetra cancel`")
    rows = [row("load", "cancelled", Reason("cancelled", "cancelled"))]
    given = Case(run, rows, [], "load", ended=ended)
    assert explain(given)[0] == Reason("cancel_requested", "load was cancelled: cancelled by `tetra cancel`")
    assert story(given._replace(task=None))[0] == "run r1 was cancelled: cancelled by `tetra cancel`"
    assert story(given)[-1] == "go on where it ended: tetra resume r1"


def test_a_worker_that_died_is_told_without_saying_lost_twice() -> None:
    reason = Reason("lost", "lost: the worker of session 'etl' has ended")
    given = Case(RUN, [row("load", "lost", reason)], [attempt("load", Lost("the worker of session 'etl' has ended"))])
    assert story(given)[0] == "load was lost: the worker of session 'etl' has ended"


def test_a_success_after_a_failure_says_how_the_attempt_before_ended() -> None:
    tries = [attempt("load", Exited(7)), attempt("load", Exited(0), number=2)]
    why = Reason("retry", "attempt 2 of 3")
    given = Case(RUN._replace(state="succeeded"), [row("load", "succeeded")], tries, "load", {"load": why})
    assert story(given)[0] == "load ran: attempt 2 of 3; attempt 1: exited with code 7"


def test_a_run_in_which_all_was_skipped_says_why_and_one_in_which_some_was_names_it() -> None:
    run = RUN._replace(state="succeeded")
    off = row("load", "skipped", Reason("paused", "the pipeline is paused"))
    assert explain(Case(run, [off], []))[0] == Reason(
        "paused", "run r1 ran nothing: load was skipped: the pipeline is paused"
    )
    assert "skipped, `tetra why TASK` says why: load" in story(Case(run, [off, row("extract", "succeeded")], []))


def test_of_a_task_that_was_skipped_going_on_with_the_run_is_no_remedy() -> None:
    rows = [
        row("load", "failed"),
        row("mail", "skipped", Reason("condition_not_met", "load ended failed, not partial")),
    ]
    assert story(Case(RUN, rows, [], "mail"))[-1] == "change `run_if` of mail, if it should have run"


def test_a_partial_task_is_told_with_its_log() -> None:
    part = row("load", "partial", Reason("continued", "exited with code 3; `continue_on` lets the run go on"))
    told = story(Case(RUN._replace(state="partial"), [part], [attempt("load", Exited(3), "few rows\n")]))
    assert told[-3:] == [
        "the end of /logs/load.1.log:\n  few rows",
        "read its log: tetra logs --run r1 -p load",
        "then go on where it ended: tetra resume r1",
    ]


def test_a_line_without_an_end_is_cut_and_an_empty_log_is_named() -> None:
    shown = next(reason.text for reason in explain(failed(Exited(3), "x" * 4096)) if reason.code == "log")
    assert shown == f"the end of /logs/load.1.log:\n  {'x' * 197}..."
    assert story(failed(Exited(3), ""))[-3:] == [
        "nothing is in /logs/load.1.log",
        "start it by hand, as its log is empty: tetra run --dry-run -p load shows its command",
        "then go on where it ended: tetra resume r1",
    ]


def test_times_are_written_for_who_asks() -> None:
    given = failed(Exited(3), said=lambda when: f"{when:%H:%M} here")
    assert (
        story(given)[1] == "run r1 (daily) began at 13:00 here: somebody started it by hand; it ended failed after 12 s"
    )


def test_of_many_tasks_a_few_are_named_and_the_others_counted() -> None:
    given = Case(RUN._replace(state="running"), [row(name, "running") for name in "abcdefg"], [])
    assert story(given)[0] == "run r1 is running: somebody started it by hand; a, b, c, d, e and 2 more are running"


def test_a_log_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in "".join(story(failed(Exited(1), "\x1b[31mNo space left on device\x1b[0m")))
