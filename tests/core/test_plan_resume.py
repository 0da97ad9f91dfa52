"""A plan of which an earlier run did a part: that is skipped, and what depends on it may start."""

from support.builders import task
from support.plans import Run
from tetra_orchestrator.core.model import Reason, RetryPolicy, RunIf, Service
from tetra_orchestrator.core.outcome import Exited, Signalled
from tetra_orchestrator.core.states import RunState

DONE = Reason("already_succeeded", "it succeeded in run 20250101T000000Z-abcdef")


def resumed(*tasks: object, done: tuple[str, ...], **limits: object) -> Run:
    return Run(*tasks, done=dict.fromkeys(done, DONE), **limits)  # type: ignore[arg-type]


def test_A_063_what_succeeded_before_is_skipped_and_what_depends_on_it_runs() -> None:
    run = resumed(task("a"), task("b", "a"), task("c", "b"), task("d", "c"), done=("a", "b"))
    assert run.reasons() == {"a": DONE, "b": DONE}
    assert run.states() == {"a": "skipped", "b": "skipped", "c": "pending", "d": "pending"}
    assert run.starts() == ["c"]
    run.end("c")
    assert run.starts() == ["d"]
    run.end("d")
    assert run.plan.verdict() == (RunState.SUCCEEDED, Reason("succeeded", "every task succeeded or was skipped"))


def test_A_064_of_a_group_only_the_one_that_failed_runs_again() -> None:
    run = resumed(task("good"), task("bad"), task("last", "good", "bad"), done=("good",), barriers=True)
    assert run.starts() == ["bad"]
    run.end("bad")
    assert run.starts() == ["last"]


def test_where_everything_was_done_nothing_starts() -> None:
    run = resumed(task("a"), task("b", "a"), done=("a", "b"))
    assert run.plan.finished
    assert run.starts() == []


def test_a_task_that_is_disabled_by_now_still_ends_what_depends_on_it() -> None:
    run = resumed(task("a"), task("off", "a", enabled=False), task("behind", "off"), done=("a",))
    assert run.states() == {"a": "skipped", "off": "skipped", "behind": "skipped"}
    assert run.reasons()["behind"] == Reason("upstream_skipped", "off was skipped")


def test_a_task_that_was_done_stays_done_though_it_is_disabled_by_now() -> None:
    run = resumed(task("a", enabled=False), task("b", "a"), done=("a",))
    assert run.starts() == ["b"]


def test_conditions_take_a_task_that_was_done_as_succeeded() -> None:
    after = (("a", "finished"),)
    run = resumed(
        task("a"),
        task("if_good", "a", conditions=after, run_if=(RunIf("a", ("succeeded",)),)),
        task("if_0", "a", conditions=after, run_if=(RunIf("a", (), (0,)),)),
        task("if_bad", "a", conditions=after, run_if=(RunIf("a", ("failed",)),)),
        done=("a",),
    )
    assert run.starts() == ["if_good", "if_0"]
    assert run.reasons()["if_bad"] == Reason("condition_not_met", "a ended succeeded, not failed")


def test_a_service_runs_again_for_the_tasks_that_need_it_again() -> None:
    run = resumed(
        task("broker", service=Service()),
        task("proxy", "broker", service=Service(), conditions=(("broker", "ready"),)),
        task("one", "proxy", conditions=(("proxy", "ready"),)),
        task("two", "proxy", conditions=(("proxy", "ready"),)),
        done=("broker", "proxy", "one"),
    )
    assert run.starts() == ["broker"]
    run.plan.ready("broker")
    assert run.starts() == ["proxy"]
    run.plan.ready("proxy")
    assert run.starts() == ["two"]
    run.end("two")
    assert run.stops() == ["proxy"]


def test_a_service_whose_users_are_all_done_does_not_run_again() -> None:
    run = resumed(
        task("broker", service=Service()),
        task("one", "broker", conditions=(("broker", "ready"),)),
        task("next", "one"),
        done=("broker", "one"),
    )
    assert run.starts() == ["next"]
    assert run.states()["broker"] == "skipped"


def test_failures_of_the_earlier_run_count_neither_for_the_breaker_nor_for_the_budget() -> None:
    policy = RetryPolicy(max_attempts=2)
    run = resumed(task("a"), task("b", retry=policy), task("c"), done=("a",), stop_after=1, max_retries=1)
    run.decide()
    run.end("b", Exited(1))
    assert run.starts() == ["b"]
    run.end("b", Signalled(9))
    assert run.states() == {"a": "skipped", "b": "failed", "c": "running"}
