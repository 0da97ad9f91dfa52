"""A rule as numbers, the days that it fits, and the terms that are refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core.cron import LAST, Rule
from tetra_orchestrator.core.schedule import FIELDS, MACROS, check_rule, rule_of
from tetra_orchestrator.errors import UsageError

EVERY_DAY, EVERY_MONTH, ANY_WEEKDAY = tuple(range(1, 32)), tuple(range(1, 13)), tuple(range(7))
DAILY = Rule((0,), (0,), EVERY_DAY, EVERY_MONTH, ANY_WEEKDAY, fixed=True)


def days(cron: str, year: int, month: int) -> list[int]:
    """The days of a month that a rule fits."""
    rule = rule_of(cron)
    first = date(year, month, 1)
    return [day.day for day in (first + timedelta(n) for n in range(31)) if day.month == month and rule.fits_day(day)]


@pytest.mark.parametrize(
    ("cron", "differs"),
    [
        ("0 0 * * *", {}),
        ("@daily", {}),
        ("@hourly", {"hours": tuple(range(24)), "fixed": False}),
        ("*/15 0 * * *", {"minutes": (0, 15, 30, 45), "fixed": False}),
        ("0 1-5/2,23 * * *", {"hours": (1, 3, 5, 23)}),
        ("0 0 * jan-jun/2 *", {"months": (1, 3, 5)}),
        ("0 0 * * 7", {"weekdays": (0,)}),
        ("0 0 * * 5-7", {"weekdays": (0, 5, 6)}),
        ("0 0 * * Mon,wed", {"weekdays": (1, 3)}),
        ("0 0 13 * 5", {"days": (13,), "weekdays": (5,), "both_days": False}),
        ("0 0 */10 * 5", {"days": (1, 11, 21, 31), "weekdays": (5,)}),
        ("0 0 13 * */3", {"days": (13,), "weekdays": (0, 3, 6)}),
        ("0 0 L * *", {"days": (), "last_day": True}),
        ("0 0 1,LW * *", {"days": (1,), "last_workday": True}),
        ("0 0 * * 5L", {"weekdays": (), "nth_weekdays": ((5, LAST),)}),
        ("0 0 * * 7#2,MON#1,3", {"weekdays": (3,), "nth_weekdays": ((0, 2), (1, 1))}),
    ],
)
def test_a_rule_is_read_into_numbers(cron: str, differs: dict[str, Any]) -> None:
    assert rule_of(cron) == DAILY._replace(**differs)


@pytest.mark.parametrize(
    ("cron", "found"),
    [
        ("0 0 L * *", [30]),
        ("0 0 LW * *", [30]),
        ("0 0 * * 1#1", [2]),
        ("0 0 * * 1#5", [30]),
        ("0 0 * * 2#5", []),
        ("0 0 * * 1L", [30]),
        ("0 0 * * 5L", [27]),
        ("0 0 13 * 5", [6, 13, 20, 27]),
        ("0 0 */2 * 1", [9, 23]),
        ("0 0 31 * *", []),
        ("0 0 31 * 1", [2, 9, 16, 23, 30]),
        ("0 0 * 12 *", []),
        ("0 0 L * 5#2", [13, 30]),
    ],
)
def test_a_rule_fits_days_of_november_2026(cron: str, found: list[int]) -> None:
    assert days(cron, 2026, 11) == found


@pytest.mark.parametrize(
    ("month", "workday"), [((2026, 1), 30), ((2026, 5), 29), ((2026, 6), 30), ((2025, 8), 29), ((2026, 2), 27)]
)
def test_the_last_workday_is_from_monday_to_friday(month: tuple[int, int], workday: int) -> None:
    assert days("0 0 LW * *", *month) == [workday]


def test_a_clock_fits_when_minute_hour_and_day_do() -> None:
    rule = rule_of("30 2 * * 1")
    monday = utc(2026, 11, 2, 2, 30)
    assert rule.fits(monday)
    assert not any(rule.fits(monday + timedelta(minutes=n)) for n in (-1, 1, 60, 24 * 60))


@pytest.mark.parametrize("cron", [*MACROS, "0 0 29 2 *", "0 0 30 2 1", "0 0 29 2 */7", "0 0 * 2 1#5", "* * L 2 *"])
def test_a_rule_that_is_ever_due_passes(cron: str) -> None:
    check_rule(cron)


def test_either_day_field_will_do_so_an_impossible_date_beside_a_weekday_is_that_weekday() -> None:
    assert days("0 0 30 2 1", 2026, 2) == [2, 9, 16, 23]


UNREAD = "the rule '{}' cannot be read: {}"


@pytest.mark.parametrize(
    ("cron", "problem", "hint"),
    [
        ("5/15 * * * *", "'5/15' is a step without a range, which not every cron takes", "write 5-59/15 or 5,20,35,50"),
        ("0/1 * * * *", "'0/1' is a step without a range, which not every cron takes", "write 0-59/1"),
        ("0 0 * * 7/2", "'7/2' is a step without a range, which not every cron takes", "write 0-6/2 or 0,2,4,6"),
        ("0 0 * mar/4 *", "'MAR/4' is a step without a range, which not every cron takes", "write 3-12/4 or 3,7,11"),
        ("0 50/20 * * *", "bad hour", FIELDS),
        ("0 22-2 * * *", "'22-2' goes backwards", "write 22-23,0-2"),
        ("0 23-2 * * *", "'23-2' goes backwards", "write 23,0-2"),
        ("0 22-2/2 * * *", "'22-2' goes backwards", "write 22,0,2"),
        ("50-10 * * * *", "'50-10' goes backwards", "write 50-59,0-10"),
        ("50-40/2 * * * *", "'50-40' goes backwards", "list the values"),
        ("0 0 * * fri-mon", "'FRI-MON' goes backwards", "write 5-6,0-1"),
        ("0 0 * * sat-sun", "'SAT-SUN' goes backwards", "write 6,0"),
        ("0 0 * * 7-1", "'7-1' goes backwards", "write 0-1"),
        ("0 0 * nov-feb *", "'NOV-FEB' goes backwards", "write 11-12,1-2"),
        ("0 0 1,25-5 * *", "'25-5' goes backwards", "write 25-31,1-5"),
        ("*/0 * * * *", "'*/0' has no step", "write a step of 1 or more"),
        ("*/ * * * *", "'*/' has no step", "write a step of 1 or more"),
        ("0 0 ? * 1", "'?' is not a crontab's", "write * for any value"),
        ("0 0 15W * *", "'15W' is not a crontab's", "LW is the last workday of the month; otherwise name days"),
        ("0 0 W * *", "'W' is not a crontab's", "LW is the last workday of the month; otherwise name days"),
        ("0~30 * * * *", "'0~30' is another time whenever it is read", "choose a value; `jitter: 10m` spreads starts"),
        ("0 25 * * *", "bad hour", FIELDS),
        ("0 0 * * 8", "bad day-of-week", FIELDS),
        ("0 0 * * 2#6", "bad day-of-week", FIELDS),
        ("a,b * * * *", "bad minute", FIELDS),
    ],
)
def test_a_term_that_crons_do_not_agree_on_is_refused_with_what_says_the_same(
    cron: str, problem: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_rule(cron)
    assert (caught.value.message, caught.value.hint) == (UNREAD.format(cron, problem), hint)


@pytest.mark.parametrize(
    ("cron", "message", "hint"),
    [
        ("@dayly", "the rule '@dayly' is not known", "did you mean '@daily'?"),
        ("@nope", "the rule '@nope' is not known", f"known: {', '.join(MACROS)}"),
        ("@reboot", "the rule '@reboot' is no time", "write `on_startup: true` instead of `cron`"),
        ("", "the rule '' has 0 fields instead of 5", FIELDS),
        ("5", "the rule '5' has 1 field instead of 5", FIELDS),
        ("* * * *", "the rule '* * * *' has 4 fields instead of 5", FIELDS),
        ("0 0 0 * * *", "the rule '0 0 0 * * *' has 6 fields instead of 5", f"leave out the seconds: {FIELDS}"),
        ("0 0 30 2 *", "the rule '0 0 30 2 *' is never due", "choose a day that exists"),
        ("* * 31 2 *", "the rule '* * 31 2 *' is never due", "choose a day that exists"),
        ("0 0 31 4,6,9,11 */1", "the rule '0 0 31 4,6,9,11 */1' is never due", "choose a day that exists"),
    ],
)
def test_a_rule_that_is_no_time_or_never_due_is_refused_with_a_hint(cron: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_rule(cron)
    assert (caught.value.message, caught.value.hint) == (message, hint)


TERMS = st.text(st.sampled_from("0123456789*/-,#?~LWMONSATJAN\u0665\u00b2ſ"), max_size=8)


@given(st.lists(TERMS, min_size=1, max_size=6).map(" ".join) | st.text(max_size=20))
@example("5/" + "0" * 5000 + "1 * * * *")
@example("9" * 5000 + " * * * *")
@example("*/" + "9" * 5000 + " * * * *")
@example("5/\u0660 * * * *")
def test_any_text_is_a_rule_or_is_refused(cron: str) -> None:
    try:
        rule = rule_of(cron)
    except UsageError as error:
        hint = error.hint
    else:
        hint = "none is needed"
        assert set(rule.weekdays) <= set(ANY_WEEKDAY)
        assert min(map(len, (rule.minutes, rule.hours, rule.months))) > 0
    assert hint


PLACES = {"minutes": (0, 59), "hours": (0, 23), "days": (1, 31), "months": (1, 12), "weekdays": (0, 6)}


@given(st.sampled_from(list(PLACES)), st.data())
def test_the_hint_for_a_range_that_goes_backwards_is_a_rule_with_its_values(field: str, data: st.DataObject) -> None:
    low, high = PLACES[field]
    last = data.draw(st.integers(low, high - 1))
    first = data.draw(st.integers(last + 1, high))
    fields = ["*"] * 5
    fields[list(PLACES).index(field)] = f"{first}-{last}"
    with pytest.raises(UsageError) as caught:
        check_rule(" ".join(fields))
    hint = caught.value.hint or ""
    fields[list(PLACES).index(field)] = hint.removeprefix("write ")
    values = getattr(rule_of(" ".join(fields)), field)
    assert set(values) == {*range(first, high + 1), *range(low, last + 1)}
