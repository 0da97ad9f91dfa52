"""What a run will do and when it will end."""

from support.builders import task
from tetra_orchestrator.core.forecast import Forecast, forecast
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.plan import Limits
from tetra_orchestrator.core.reasons import DISABLED

ALONE, TWO, MANY = Limits(1), Limits(2), Limits(99)
SECONDS = {"extract": 10.0, "left": 20.0, "right": 30.0, "load": 5.0}
DIAMOND = (task("extract"), task("left", "extract"), task("right", "extract"), task("load", "left", "right"))


def test_the_finish_is_the_length_of_the_critical_path_when_there_is_room() -> None:
    assert forecast(DIAMOND, MANY, SECONDS) == Forecast(("extract", "right", "load"), 45.0, {})


def test_one_at_a_time_takes_the_sum() -> None:
    assert forecast(DIAMOND, ALONE, SECONDS).finish_s == 65.0


def test_uneven_tasks_are_packed_longest_first() -> None:
    tasks = tuple(task(name) for name in "abcde")
    assert forecast(tasks, TWO, {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 4.0}).finish_s == 7.0


def test_pools_count() -> None:
    tasks = tuple(task(name, pool=(("db", 1),)) for name in "abc")
    assert forecast(tasks, Limits(99, (("db", 1),)), dict.fromkeys("abc", 4.0)).finish_s == 12.0


def test_learned_durations_win_over_those_of_the_file() -> None:
    tasks = (task("a", expected_s=100.0), task("b", "a", expected_s=50.0))
    assert forecast(tasks, TWO, {}).finish_s == 150.0
    assert forecast(tasks, TWO, {"a": 1.0}).finish_s == 51.0


def test_no_time_at_all_is_a_duration_like_any_other() -> None:
    assert forecast((task("a"), task("b", "a")), TWO, {"a": 0.0, "b": 0.0}).finish_s == 0.0


def test_the_finish_is_unknown_while_one_duration_is() -> None:
    assert forecast(DIAMOND, MANY, {"extract": 10.0, "left": 20.0, "right": 0.5}) == Forecast(
        ("extract", "left", "load"), None, {}
    )


def test_a_task_that_is_skipped_takes_no_time_and_is_not_on_the_path() -> None:
    tasks = (task("off", enabled=False), task("behind", "off"), task("farther", "behind"), task("on"))
    assert forecast(tasks, TWO, {"off": 50.0, "on": 3.0}) == Forecast(
        ("on",),
        3.0,
        {
            "off": DISABLED,
            "behind": Reason("upstream_skipped", "off was skipped"),
            "farther": Reason("upstream_skipped", "behind was skipped"),
        },
    )


def test_what_is_paused_takes_no_time_and_neither_does_what_is_behind_it() -> None:
    why = Reason("paused", "the pipeline is paused since 2026-03-01T20:00:00Z")
    found = forecast(DIAMOND, ALONE, SECONDS, {"right": why})
    assert (found.critical_path, found.finish_s) == (("extract", "left"), 30.0)
    assert found.skipped == {"right": why, "load": Reason("upstream_skipped", "right was skipped")}


def test_a_time_limit_below_the_expected_duration_does_not_end_the_forecast() -> None:
    tasks = (task("long", timeout_s=5.0), task("short"), task("after", "long"))
    assert forecast(tasks, MANY, {"long": 10.0, "short": 6.0, "after": 2.0}).finish_s == 12.0


def test_a_run_of_nothing_is_over_at_once() -> None:
    assert forecast((), TWO, {}) == Forecast((), 0.0, {})
    assert forecast((task("off", enabled=False),), TWO, {}) == Forecast((), 0.0, {"off": DISABLED})
