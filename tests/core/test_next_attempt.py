"""What one attempt leaves to the next: not its time limit, and nothing at all while its processes are there."""

from __future__ import annotations

from support.builders import task
from support.plans import Run
from tetra_orchestrator.core.model import Reason, RetryPolicy
from tetra_orchestrator.core.outcome import Exited, Unkillable
from tetra_orchestrator.core.retry import refusal


def test_the_limit_of_an_attempt_that_is_over_does_not_end_the_next_one_behind_the_limit_of_another_task() -> None:
    run = Run(task("a", timeout_s=9.0), task("b", timeout_s=10.0, retry=RetryPolicy(max_attempts=2, delay_s=0.0)))
    assert run.starts(0.0) == ["a", "b"]
    run.end("b", Exited(1), 8.0)
    assert run.starts(8.0) == ["b"]
    assert run.stops(9.0) == ["a"]
    assert run.stops(10.0) == []
    assert run.stops(18.0) == ["b"]


def test_no_attempt_follows_one_whose_processes_cannot_be_ended() -> None:
    refused = refusal(RetryPolicy(max_attempts=3), 1, Unkillable("process 7 is still there"))
    assert refused == Reason("unkillable", "its processes are still there, and two attempts never run side by side")
