"""Whether an attempt is followed by another, and after how long."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.failure import Evidence
from tetra_orchestrator.core.model import Reason, RetryPolicy
from tetra_orchestrator.core.outcome import (
    Cancelled,
    Exited,
    Lost,
    OutputsInvalid,
    Signalled,
    SpawnFailed,
    TimedOut,
)
from tetra_orchestrator.core.retry import LEFT, PERMANENT_SPAWN_ERRORS, delay_s, refusal

POLICIES = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 50),
    delay_s=st.floats(0, 1e6),
    backoff=st.floats(1, 1e6),
    max_delay_s=st.floats(0, 1e6),
    jitter=st.floats(0, 1),
)


def waits(policy: RetryPolicy, count: int) -> list[float]:
    return [delay_s(policy, failures) for failures in range(1, count + 1)]


def test_a_delay_without_backoff_is_the_same_each_time() -> None:
    assert waits(RetryPolicy(max_attempts=3, delay_s=60), 2) == [60, 60]


def test_what_somebody_else_tries_again_is_left_to_him_as_long_as_the_policy_allows_it() -> None:
    policy = RetryPolicy(max_attempts=3, on_exit_codes=(4,), before=1)
    assert refusal(policy, 2, Exited(4)) == Reason(LEFT, "whoever asked for it tries it again")
    assert refusal(policy, 3, Exited(4)) == Reason("attempts_exhausted", "all 3 attempts failed")
    unfit = Reason("not_retryable", "it is not tried again: `on_exit_codes` has only 4")
    assert refusal(policy, 2, Exited(3)) == unfit


def test_backoff_multiplies_the_delay_until_the_cap() -> None:
    policy = RetryPolicy(max_attempts=10, delay_s=60, backoff=2, max_delay_s=3600)
    assert waits(policy, 9) == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_the_cap_holds_for_the_first_delay_too() -> None:
    assert waits(RetryPolicy(delay_s=100, max_delay_s=30), 2) == [30, 30]


@pytest.mark.parametrize("backoff", [2, 2.0, 10.0, 1e300])
def test_a_backoff_too_large_for_a_number_is_capped(backoff: float) -> None:
    assert delay_s(RetryPolicy(delay_s=1.0, backoff=backoff, max_delay_s=3600), 5000) == 3600


@pytest.mark.parametrize("backoff", [2, 2.0, 1e300])
def test_no_delay_stays_no_delay_however_often_it_failed(backoff: float) -> None:
    assert delay_s(RetryPolicy(delay_s=0.0, backoff=backoff), 5000) == 0


def test_jitter_spreads_the_wait_around_the_delay() -> None:
    policy = RetryPolicy(delay_s=100, jitter=0.2)
    assert delay_s(policy, 1, random=0.0) == pytest.approx(80)
    assert delay_s(policy, 1, random=0.5) == pytest.approx(100)
    assert delay_s(policy, 1, random=0.75) == pytest.approx(110)


@given(POLICIES, st.integers(1, 5000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_negative_and_stays_within_the_jitter_of_the_cap(
    policy: RetryPolicy, failures: int, random: float
) -> None:
    wait = delay_s(policy, failures, random)
    middle = delay_s(policy._replace(jitter=0.0), failures)
    assert 0 <= middle <= policy.max_delay_s
    assert max(0, middle * (1 - policy.jitter)) * 0.999 <= wait <= middle * (1 + policy.jitter) * 1.001


@given(POLICIES)
def test_waits_without_jitter_never_get_shorter(policy: RetryPolicy) -> None:
    assert all(first <= second for first, second in pairwise(waits(policy._replace(jitter=0.0), 60)))


FAILURES = [Exited(1), Signalled(9), TimedOut(5.0), OutputsInvalid("x"), SpawnFailed("EAGAIN", "too many processes")]


@pytest.mark.parametrize("outcome", FAILURES)
def test_a_failed_attempt_is_followed_by_another_until_max_attempts(outcome: Exited) -> None:
    policy = RetryPolicy(max_attempts=3)
    assert refusal(policy, 1, outcome) is None
    assert refusal(policy, 2, outcome) is None
    assert refusal(policy, 3, outcome) == Reason("attempts_exhausted", "all 3 attempts failed")
    assert refusal(policy, 4, outcome) == Reason("attempts_exhausted", "all 3 attempts failed")


@pytest.mark.parametrize("outcome", FAILURES)
def test_one_attempt_means_no_retry(outcome: Exited) -> None:
    assert refusal(RetryPolicy(), 1, outcome) == Reason("attempts_exhausted", "all 1 attempts failed")


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Exited(0), Reason("succeeded", "it succeeded")),
        (Cancelled(), Reason("cancelled", "the run was cancelled")),
        (Lost("its owner died"), Reason("lost", "how it ended cannot be known, and it may have done its work")),
        (
            SpawnFailed("ENOENT", "no such file: extract"),
            Reason("spawn_error", "starting it again cannot help: no such file: extract"),
        ),
    ],
)
def test_what_another_attempt_cannot_mend_is_not_tried_again(outcome: Exited, reason: Reason) -> None:
    assert refusal(RetryPolicy(max_attempts=3), 1, outcome) == reason


@pytest.mark.parametrize("error", ["template", "EINVAL"])
def test_a_missing_output_or_an_invalid_argument_is_among_what_cannot_heal(error: str) -> None:
    assert error in PERMANENT_SPAWN_ERRORS


@pytest.mark.parametrize("error", sorted(PERMANENT_SPAWN_ERRORS))
def test_a_program_that_cannot_be_executed_is_not_tried_again(error: str) -> None:
    refused = refusal(RetryPolicy(max_attempts=3), 1, SpawnFailed(error, "why"))
    assert refused == Reason("spawn_error", "starting it again cannot help: why")


# Which failures are tried again

LISTED = RetryPolicy(max_attempts=3, on_exit_codes=(1, 2))
PATTERNS = LISTED._replace(on_output=("ConnectionError", "Rate limit .*"))
ERRORS = RetryPolicy(max_attempts=3, on_errors=("timeout", "connection_error", "memory_error"))
NEVER = ERRORS._replace(not_on_errors=("file_not_found", "schema_error", "validation_error"))


def why_not(policy: RetryPolicy, outcome: Exited, tail: str = "", **evidence: str) -> str | None:
    refused = refusal(policy, 1, outcome, Evidence(tail, **evidence))  # type: ignore[arg-type]
    assert refused is None or refused.code == "not_retryable"
    return refused and refused.text


def test_D_099_D_100_an_exit_code_is_tried_again_only_if_it_is_listed() -> None:
    assert why_not(LISTED, Exited(1)) is None
    assert why_not(LISTED, Exited(2)) is None
    assert why_not(LISTED, Exited(3)) == "it is not tried again: `on_exit_codes` has only 1, 2"


@pytest.mark.parametrize("outcome", [Signalled(9), TimedOut(5.0), OutputsInvalid("x"), SpawnFailed("EAGAIN", "x")])
def test_an_end_without_an_exit_code_of_its_own_is_not_listed(outcome: Exited) -> None:
    assert why_not(LISTED, outcome) == "it is not tried again: `on_exit_codes` has only 1, 2"


def test_D_098_success_is_not_tried_again_even_if_0_is_listed() -> None:
    policy = RetryPolicy(max_attempts=3, on_exit_codes=(0,))
    assert refusal(policy, 1, Exited(0)) == Reason("succeeded", "it succeeded")


def test_D_101_D_103_with_patterns_the_code_has_to_be_listed_and_one_of_them_found() -> None:
    assert why_not(PATTERNS, Exited(1), "ConnectionError: reset\n") is None
    assert why_not(PATTERNS, Exited(1), "HTTP 429 Rate limit exceeded\n") is None
    assert why_not(PATTERNS, Exited(1), "KeyError: x\n") == (
        "it is not tried again: nothing of `on_output` is in its log"
    )
    assert why_not(PATTERNS, Exited(3), "ConnectionError: reset\n") == (
        "it is not tried again: `on_exit_codes` has only 1, 2"
    )


def test_D_102_without_patterns_the_exit_code_alone_decides() -> None:
    assert why_not(LISTED, Exited(2), "KeyError: x\n") is None


@pytest.mark.parametrize("error", ["TimeoutError", "ConnectionError", "MemoryError"])
def test_R_043_the_classes_in_on_errors_are_tried_again(error: str) -> None:
    assert why_not(NEVER, Exited(1), f"{error}: x\n") is None
    assert why_not(NEVER, Exited(1), error_class=error) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("FileNotFoundError", "file_not_found"),
        ("SchemaError", "schema_error"),
        ("ValidationError", "validation_error"),
    ],
)
def test_R_044_the_classes_in_not_on_errors_never_are(error: str, kind: str) -> None:
    assert why_not(NEVER, Exited(1), f"{error}: x\n") == f"it is not tried again: {kind} is among `not_on_errors`"
    assert why_not(NEVER._replace(on_errors=()), Exited(1), f"{error}: x\n") is not None


def test_R_045_a_known_class_in_neither_list_is_not_tried_again() -> None:
    assert why_not(NEVER, Exited(1), "ValueError: x\n") == "it is not tried again: ValueError is not among `on_errors`"
    assert why_not(NEVER._replace(on_errors=()), Exited(1), "ValueError: x\n") is None


def test_R_045_a_failure_of_no_known_class_is_tried_again() -> None:
    assert why_not(NEVER, Exited(1), "it failed\n") is None
    assert why_not(NEVER, Signalled(9)) is None


def test_R_030_R_046_a_class_in_both_lists_is_not_tried_again() -> None:
    assert why_not(ERRORS, TimedOut(5.0)) is None
    both = ERRORS._replace(not_on_errors=("timeout",))
    assert why_not(both, TimedOut(5.0)) == "it is not tried again: timeout is among `not_on_errors`"


def test_a_class_may_be_named_as_python_does() -> None:
    policy = RetryPolicy(max_attempts=3, on_errors=("sqlite3.OperationalError", "KeyError"))
    assert why_not(policy, Exited(1), "sqlite3.OperationalError: database is locked\n") is None
    assert why_not(policy, Exited(1), "KeyError: 'x'\n") is None
    assert why_not(policy, Exited(1), "psycopg.OperationalError: x\n") == (
        "it is not tried again: OperationalError is not among `on_errors`"
    )


def test_R_083_a_kill_under_a_memory_limit_is_tried_again_as_a_memory_error() -> None:
    policy = RetryPolicy(max_attempts=2, on_errors=("timeout",))
    assert refusal(policy, 1, Signalled(9), Evidence(memory_limited=True)) == Reason(
        "not_retryable", "it is not tried again: memory_error is not among `on_errors`"
    )
    assert refusal(ERRORS, 1, Signalled(9), Evidence(memory_limited=True)) is None


def test_the_last_attempt_is_the_last_whatever_the_failure() -> None:
    assert refusal(PATTERNS, 3, Exited(9)) == Reason("attempts_exhausted", "all 3 attempts failed")
