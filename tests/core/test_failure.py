"""What kind of failure it was: by the outcome, by what the child reported, and by the end of the log."""

import pytest

from tetra_orchestrator.core.failure import NOTHING, Evidence, classes
from tetra_orchestrator.core.outcome import Exited, Lost, OutputsInvalid, Signalled, SpawnFailed, TimedOut

TRACEBACK = """\
loading
Traceback (most recent call last):
  File "/project/load.py", line 3, in <module>
    main()
  File "/project/load.py", line 2, in main
    raise failure
{0}
"""


def of_log(text: str) -> tuple[str, ...]:
    return classes(Exited(1), Evidence(text))


@pytest.mark.parametrize("outcome", [TimedOut(5.0), Exited(124)])
def test_R_045_our_own_time_limit_and_that_of_timeout_1_are_a_timeout(outcome: Exited) -> None:
    assert classes(outcome, NOTHING) == ("timeout",)
    assert classes(outcome, Evidence("ValueError: before that\n")) == ("timeout",)


def test_R_045_a_kill_under_a_memory_limit_is_a_memory_error() -> None:
    assert classes(Signalled(9), Evidence(memory_limited=True)) == ("memory_error",)
    assert classes(Signalled(9), NOTHING) == ()
    assert classes(Signalled(15), Evidence(memory_limited=True)) == ()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("TimeoutError: timed out", "timeout"),
        ("TimeoutError", "timeout"),
        ("asyncio.exceptions.TimeoutError", "timeout"),
        ("requests.exceptions.ReadTimeout: slow", "timeout"),
        ("ConnectionError: reset", "connection_error"),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", "connection_error"),
        ("BrokenPipeError: [Errno 32] Broken pipe", "connection_error"),
        ("requests.exceptions.ConnectionError: no answer", "connection_error"),
        ("OSError: [Errno 101] Network is unreachable", "connection_error"),
        ("urllib.error.URLError: <urlopen error [Errno 111] Connection refused>", "connection_error"),
        ("socket.gaierror: [Errno -2] Name or service not known", "connection_error"),
        ("MemoryError", "memory_error"),
        ("numpy.core._exceptions._ArrayMemoryError: Unable to allocate 8 GiB", "memory_error"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'x.csv'", "file_not_found"),
        ("pandera.errors.SchemaError: column 'price' not in dataframe", "schema_error"),
        ("__main__.ValidationError: 3 rows are wrong", "validation_error"),
        ("__main__.load.<locals>.PriceValidationError: 3 rows are wrong", "validation_error"),
    ],
)
def test_R_043_R_044_exceptions_belong_to_a_class(line: str, kind: str) -> None:
    assert of_log(TRACEBACK.format(line))[-1] == kind
    if "<" not in line.partition(":")[0]:
        assert of_log(f"working\n{line}\n")[-1] == kind


def test_an_exception_also_goes_by_its_name_with_and_without_the_module() -> None:
    assert of_log("sqlite3.OperationalError: database is locked") == ("OperationalError", "sqlite3.OperationalError")
    assert of_log("ValueError: x") == ("ValueError",)


def test_what_breaks_a_connection_goes_by_the_name_of_its_base_class() -> None:
    assert of_log("ConnectionRefusedError: x") == ("ConnectionRefusedError", "ConnectionError", "connection_error")


def test_an_error_of_the_system_that_is_not_of_the_network_has_only_its_name() -> None:
    assert of_log("OSError: [Errno 28] No space left on device") == ("OSError",)


def test_after_a_traceback_any_name_counts_whatever_lines_its_message_has() -> None:
    assert of_log(TRACEBACK.format("pkg.OutOfQuota: 5 of 5\nsecond line\nthird: line")) == (
        "OutOfQuota",
        "pkg.OutOfQuota",
    )


def test_of_chained_exceptions_the_last_one_counts() -> None:
    log = TRACEBACK.format("KeyError: 'a'") + "\nDuring handling, another exception:\n" + TRACEBACK.format("TypeError")
    assert of_log(log) == ("TypeError",)


@pytest.mark.parametrize(
    "log",
    [
        "",
        "no such table",
        "Done: 5 rows",
        "Error: it failed",
        "error: it failed",
        "fatal error: it failed",
        "an TimeoutError: within a line",
        TRACEBACK.partition("  File")[0],
    ],
)
def test_R_045_a_plain_failure_has_no_class(log: str) -> None:
    assert of_log(log) == ()


def test_an_exception_that_other_lines_follow_is_not_what_it_ended_with() -> None:
    assert of_log("TimeoutError: first try\n" + "going on\n" * 4) == ("TimeoutError", "timeout")
    assert of_log("TimeoutError: first try\n" + "going on\n" * 5) == ()


def test_of_several_lines_that_name_one_the_last_counts() -> None:
    assert of_log("TimeoutError: once\nKeyError: then\n\n") == ("KeyError",)


def test_what_the_child_reports_goes_before_its_log() -> None:
    assert classes(Exited(1), Evidence("KeyError: x", "builtins.MemoryError")) == (
        "MemoryError",
        "builtins.MemoryError",
        "memory_error",
    )


def test_R_045_the_child_may_report_the_base_classes_too() -> None:
    assert classes(Exited(1), Evidence(error_class="BadPrices SchemaError")) == (
        "BadPrices",
        "SchemaError",
        "schema_error",
    )


@pytest.mark.parametrize("outcome", [Lost("x"), OutputsInvalid("x"), SpawnFailed("EAGAIN", "x"), Exited(3)])
def test_other_outcomes_have_a_class_only_by_what_they_left(outcome: Exited) -> None:
    assert classes(outcome, NOTHING) == ()
