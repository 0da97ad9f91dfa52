"""The first five fields of a timer's lines."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

import pytest
from cronsim import CronSim

from support.builders import utc
from support.cron_expressions import expressions
from support.debian_cron import read
from support.timer_specs import timer_spec
from tetra_orchestrator.adapters.timer.crontab.fields import lines
from tetra_orchestrator.core.schedule import rule_of

NOW = utc(2026, 1, 1)
NY, BERLIN = "America/New_York", "Europe/Berlin"


def said(cron: str, zone: str = NY, local_zone: str = NY, **fields: str) -> list[str]:
    return list(lines(timer_spec(cron, timezone=zone, **fields), local_zone, NOW).fields)


@pytest.mark.parametrize(
    ("cron", "passed_on"),
    [
        ("0 19 * * *", "0 19 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("*/15 * * * *", "0,15,30,45 * * * *"),
        ("0 9 * jan-jun mon-fri", "0 9 * 1-6 1-5"),
        ("0 9 * * 7", "0 9 * * 0"),
        ("30 4 1,15 * 5", "30 4 1,15 * 5"),
        ("0 0 1-31 * 1", "0 0 1-31 * 1"),
        ("0 0 */2 * 1", "0 0 */2 * 1"),
        ("0 0 10 * */2", "0 0 10 * */2"),
        ("0 0 1-7 * */2", "0 0 1-7 * */2"),
        ("0 0 */2 * 0", "0 0 */2 * 0"),
        ("0-59 2 * * *", "0-59 2 * * *"),
        ("0 0-23 * * *", "0 0-23 * * *"),
        ("*/15 1-3 * * *", "*/15 1-3 * * *"),
        ("15 */2 * * *", "15 */2 * * *"),
        ("*/20,7 3 * * *", "*/20,7 3 * * *"),
        ("* 1-3 * * *", "* 1-3 * * *"),
    ],
)
def test_a_rule_of_the_machines_own_zone_is_passed_on_in_numbers(cron: str, passed_on: str) -> None:
    assert said(cron) == [passed_on]


@pytest.mark.parametrize(
    ("cron", "superset"),
    [
        ("0 0 L * *", "0 0 28-31 * *"),
        ("0 0 1,L * *", "0 0 1,28-31 * *"),
        ("0 0 LW * *", "0 0 26-31 * *"),
        ("0 0 * * 1#2", "0 0 * * 1"),
        ("0 0 * * 5L", "0 0 * * 5"),
        ("0 0 LW * */6,1", "0 0 26-31 * */6,1"),
    ],
)
def test_what_cron_does_not_know_is_said_with_more_days(cron: str, superset: str) -> None:
    assert said(cron) == [superset]


@pytest.mark.parametrize("cron", [one for one in expressions(300) if not set("L#") & set(one)])
def test_what_is_passed_on_is_the_same_rule(cron: str) -> None:
    (fields,) = said(cron)
    assert rule_of(fields) == rule_of(cron)
    read(fields)


def test_a_rule_of_another_zone_has_each_of_its_times_here() -> None:
    assert said("0 9 * * 1-5", NY, BERLIN) == ["0 14,15 * * 1-5"]
    assert said("30 22 * * 1", NY, BERLIN) == ["30 3,4 * * 2"]
    assert said("*/20 * * * *", BERLIN, "Asia/Kathmandu") == ["5,25,45 * * * *"]
    assert said("0 0 31 * *", "Asia/Tokyo", "UTC") == ["0 15 30 1,3,5,7,8,10,12 *"]


def test_a_time_that_the_clock_shows_twice_has_a_star_where_a_rule_of_another_zone_may_be_due_then() -> None:
    """Without one, Debian's cron starts it in the first pass alone."""
    assert said("30 20 * * *", NY, BERLIN) == ["30 */23,1,2 * * *"]
    assert said("30 20 * * *", NY, "UTC") == ["30 0,1 * * *"]


def test_the_second_pass_needs_a_star_and_then_the_gap_a_line_of_its_own() -> None:
    assert said("30 1 * * *", fold="both") == ["30 */23,1 * * *"]
    assert said("30 2 * * *", fold="second") == ["30 2 * * *", "0 2,3 8,11,12,14 3 *"]


def test_times_that_hold_only_so_long_say_so() -> None:
    assert lines(timer_spec("30 2 * * *", timezone=NY), NY, NOW).until is None
    assert lines(timer_spec("30 2 * * *", timezone=NY), "UTC", NOW).until == utc(2030, 1, 1)


@pytest.mark.parametrize(
    ("every_s", "said"),
    [
        (21600, ["0 0,6,12,18 * * *"]),
        (900, ["0,15,30,45 * * * *"]),
        (60, ["* * * * *"]),
        (6000, ["0,20,40 * * * *"]),
        (172800, ["0 0 * * *"]),
        (5400, ["0 0,3,6,9,12,15,18,21 * * *", "30 1,4,7,10,13,16,19,22 * * *"]),
        (90, ["* * * * *"]),
        (0.5, ["* * * * *"]),
    ],
)
def test_an_interval_is_the_coarsest_grid_that_has_it(every_s: float, said: list[str]) -> None:
    assert list(lines(timer_spec(every_s=every_s), "UTC", NOW).fields) == said


def test_an_instant_is_a_day_of_every_year() -> None:
    assert lines(timer_spec(at=utc(2026, 7, 4, 13)), NY, NOW).fields == ("0 9 4 7 *",)


def test_a_boot_is_a_macro() -> None:
    assert lines(timer_spec(at_boot=True), NY, NOW).fields == ("@reboot",)
    assert lines(timer_spec("0 19 * * *", at_boot=True), "UTC", NOW).fields == ("@reboot", "0 19 * * *")


def test_what_is_never_due_has_no_line() -> None:
    assert lines(timer_spec(), NY, NOW).fields == ()


@pytest.mark.parametrize("cron", [one for one in expressions(120) if not set("L#") & set(one)])
def test_the_reader_of_these_tests_takes_fields_as_cronsim_does(cron: str) -> None:
    line = read(cron)
    for due in islice(CronSim(cron, datetime(2026, 1, 1, tzinfo=NOW.tzinfo)), 20):
        assert line.fits(due)
