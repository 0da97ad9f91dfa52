"""Findings on schedules that can be used and may be due at other times than expected."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import mode, pipeline, project, utc
from tetra_orchestrator.core.model import Project, Schedule
from tetra_orchestrator.core.schedule import slots_of
from tetra_orchestrator.core.schedule_lint import ERROR, INFO, WARNING, Lint, lint, overlapping_schedules
from tetra_orchestrator.errors import ConfigError, UsageError

NOW = utc(2026, 3, 1, 20)
NEW_YORK = "America/New_York"


def schedule(cron: str | None = None, **fields: Any) -> Schedule:
    return Schedule(**({"name": "s", "mode": "daily", "cron": cron, "timezone": "UTC"} | fields))


def findings(cron: str | None = None, now: datetime = NOW, local_zone: str = "UTC", **fields: Any) -> list[Lint]:
    return lint(schedule(cron, **fields), now, local_zone)


def told(code: str, cron: str | None = None, **fields: Any) -> list[tuple[str, str]]:
    """Severity and text of the findings of one kind."""
    return [(one.severity, one.text) for one in findings(cron, **fields) if one.code == code]


@pytest.mark.parametrize(
    "cron", ["0 20 * * 0", "@daily", "*/15 * * * *", "0 */6 * * 1-5", "0 0 1 */3 *", "*/60 * * * *", "0 0 1,28 * *"]
)
def test_there_is_nothing_to_say_of_a_rule_that_does_what_it_seems_to_do(cron: str) -> None:
    assert findings(cron) == []


@pytest.mark.parametrize("fields", [{"every_s": 420.0}, {"at": "2026-12-01T02:00"}, {"on_startup": True}])
def test_there_is_nothing_to_say_of_an_interval_an_instant_and_a_start(fields: dict[str, Any]) -> None:
    assert findings(**fields) == []


def test_there_is_nothing_to_say_of_a_schedule_that_is_switched_off() -> None:
    assert findings("*/7 * * * *", enabled=False) == []


@pytest.mark.parametrize(
    ("cron", "period", "real", "hint"),
    [
        ("*/7 * * * *", "hour", "4 minutes", "`every: 7m` keeps the distance"),
        ("*/45 * * * *", "hour", "15 minutes", "`every: 45m` keeps the distance"),
        ("*/90 * * * *", "hour", "60 minutes", "`every: 90m` keeps the distance"),
        ("0 */5 * * *", "day", "4 hours", "`every: 5h` keeps the distance"),
        ("0 0 */2 * *", "month", "1 to 2 days", "`every: 2d` keeps the distance"),
        ("0 0 */7 * *", "month", "1 to 7 days", "`every: 7d` keeps the distance"),
        ("0 0 1 */5 *", "year", "2 months", "list the values that you mean"),
        ("0 0 * * */2", "week", "1 day", "list the values that you mean"),
    ],
)
def test_a_step_that_is_not_the_distance_is_told_with_the_real_one(
    cron: str, period: str, real: str, hint: str
) -> None:
    [found] = [one for one in findings(cron) if one.code == "uneven_step"]
    step = next(field for field in cron.split() if "/" in field)
    text = f"'{step}' begins anew every {period}, {real} after the last one"
    assert found == Lint("uneven_step", WARNING, "s", text, hint)


def test_a_step_within_a_single_hour_begins_anew_for_nobody() -> None:
    assert findings("*/7 9 * * *") == []


@settings(deadline=None)
@given(st.integers(2, 70))
def test_a_step_of_minutes_is_told_exactly_when_the_slots_of_a_day_are_not_that_far_apart(step: int) -> None:
    found = told("uneven_step", f"*/{step} * * * *")
    slots = [slot for slot, _ in zip(slots_of(schedule(f"*/{step} * * * *"), NOW), range(200), strict=False)]
    distances = {later - slot for slot, later in zip(slots, slots[1:], strict=False)}
    assert bool(found) == (distances != {timedelta(minutes=step)})


def test_two_day_fields_of_which_one_is_enough_are_told_with_the_next_dates() -> None:
    assert findings("0 0 13 * 5") == [
        Lint(
            "both_day_fields",
            WARNING,
            "s",
            "either day field is enough; next on Fri 2026-03-06, Fri 2026-03-13, Fri 2026-03-20",
            "for the second Friday of a month write `* * 5#2`",
        )
    ]


def test_two_day_fields_that_must_both_fit_are_told_with_the_next_dates() -> None:
    [found] = [one for one in findings("0 0,12 1-7 * */5") if one.code == "both_day_fields"]
    assert found == Lint(
        "both_day_fields",
        INFO,
        "s",
        "both day fields must fit, as one of them begins with a star; "
        "next on Fri 2026-03-06, Fri 2026-04-03, Sun 2026-04-05",
        "crons other than Debian's may take either",
    )


@pytest.mark.parametrize(
    ("cron", "said", "text"),
    [
        ("30 2 * * *", {}, "no 02:30, due at 03:00"),
        ("0,30 2 * * *", {}, "no 02:00, 02:30, due at 03:00"),
        ("0-59 2 * * *", {}, "no 02:00 to 02:59, due at 03:00"),
        ("30 2 * * *", {"dst_gap": "skip"}, "no 02:30, not due"),
        ("*/30 2 * * *", {}, "no 02:00, 02:30, not due"),
    ],
)
def test_a_time_that_does_not_exist_in_a_night_is_told_with_what_happens(
    cron: str, said: dict[str, str], text: str
) -> None:
    found = told("dst_gap", cron, timezone=NEW_YORK, **said)
    assert found == [(INFO, f"in America/New_York, 2026-03-08: {text}; 2027-03-14: {text}")]


@pytest.mark.parametrize(
    ("cron", "said", "text"),
    [
        ("30 1 * * *", {}, "01:30 twice, due the first time"),
        ("30 1 * * *", {"dst_fold": "second"}, "01:30 twice, due the second time"),
        ("30 1 * * *", {"dst_fold": "both"}, "01:30 twice, due both times"),
        ("*/15 1 * * *", {}, "01:00 to 01:45 twice, due both times"),
    ],
)
def test_a_time_that_comes_twice_in_a_night_is_told_with_what_happens(
    cron: str, said: dict[str, str], text: str
) -> None:
    found = told("dst_fold", cron, timezone=NEW_YORK, **said)
    assert found == [(INFO, f"in America/New_York, 2026-11-01: {text}; 2027-11-07: {text}")]


def test_only_nights_in_which_the_rule_is_due_are_told() -> None:
    assert told("dst_gap", "30 2 8-14 * *", timezone=NEW_YORK) == [
        (INFO, "in America/New_York, 2026-03-08: no 02:30, due at 03:00; 2027-03-14: no 02:30, due at 03:00")
    ]
    assert told("dst_gap", "30 2 14 * *", timezone=NEW_YORK) == [
        (INFO, "in America/New_York, 2027-03-14: no 02:30, due at 03:00")
    ]
    assert told("dst_gap", "30 3 * * *", timezone=NEW_YORK) == []


def test_of_a_rule_that_is_due_every_hour_as_it_passes_there_is_nothing_to_tell() -> None:
    assert findings("30 * * * *", timezone=NEW_YORK, local_zone=NEW_YORK) == []


def test_one_instant_in_such_a_night_is_told() -> None:
    gap = told("dst_gap", at="2026-03-08T02:30", timezone=NEW_YORK)
    assert gap == [(INFO, "in America/New_York, 2026-03-08: no 02:30, due at 03:00")]
    fold = told("dst_fold", at="2026-11-01T01:30", timezone=NEW_YORK)
    assert fold == [(INFO, "in America/New_York, 2026-11-01: 01:30 twice, due the first time")]


def test_the_hint_says_which_setting_has_a_say() -> None:
    hints = {one.code: one.hint for one in findings("30 1,2 * * *", timezone=NEW_YORK, local_zone=NEW_YORK)}
    assert hints == {
        "dst_gap": "`dst: {gap: skip}` leaves it out, `shift` has it due after the gap",
        "dst_fold": "`dst: {fold: first}`, `second` or `both` says when it is due",
    }
    [found] = findings("*/5 2 * * *", timezone=NEW_YORK, local_zone=NEW_YORK)
    assert found.hint == "`dst` has a say where neither minute nor hour begins with a star"


NEVER = Lint(
    "never_due",
    ERROR,
    "s",
    "it is never due: `dst` leaves out the only times at which it would be",
    "write `dst: {gap: shift}`, or choose another hour",
)


def test_a_rule_that_lies_in_every_gap_and_skips_them_is_never_due() -> None:
    assert NEVER in findings("30 2 * 3 0#2", timezone=NEW_YORK, dst_gap="skip")
    assert told("never_due", "30 2 * 3 0#2", timezone=NEW_YORK) == []


def test_an_instant_in_a_gap_that_is_skipped_is_never_due() -> None:
    assert NEVER in findings(at="2026-03-08T02:30", timezone=NEW_YORK, dst_gap="skip")


def test_an_instant_that_is_over_is_told() -> None:
    assert findings(at="2026-03-01T20:00") == [
        Lint("at_passed", WARNING, "s", "2026-03-01T20:00 is over: it is not due again", "remove the schedule")
    ]
    assert findings(at="2026-03-01T20:01") == []


def test_an_instant_in_the_first_pass_is_over_in_the_second() -> None:
    found = findings(at="2026-11-01T01:30", timezone=NEW_YORK, local_zone=NEW_YORK, now=utc(2026, 11, 1, 6, 10))
    assert [one.code for one in found if one.severity != INFO] == ["at_passed"]


@pytest.mark.parametrize(
    ("cron", "text"),
    [
        ("0 0 */10 * 1", "a day and a weekday that must both fit: it starts us on days that fit one of them"),
        ("0 9 * 1 1", "a month beside a weekday: it may start us in every month"),
        ("0 9 L * *", "the last day of a month: it starts us on each that can be the last"),
        ("0 9 LW * *", "the last day of a month: it starts us on each that can be the last"),
        ("0 9 * * 5#2", "the n-th weekday of a month: it starts us on more of these weekdays"),
        ("0 9 * * 5L", "the n-th weekday of a month: it starts us on more of these weekdays"),
        ("0 0 29 2 *", "day 29: where a month has none, it may start us in the next one"),
        ("*/5 9-17 * * 1-5", "so many times: 540 entries, where it gets 256 at most and starts us more often"),
        ("*/15 8-18 1,15 * 1-5", "so many times: 308 entries, where it gets 256 at most and starts us more often"),
    ],
)
def test_what_launchd_cannot_say_is_told_with_what_it_does_instead(cron: str, text: str) -> None:
    assert (INFO, f"launchd cannot say {text}") in told("launchd_superset", cron)


@pytest.mark.parametrize(
    "cron", ["*/5 * * * 1-5", "30 4 1,15 * 5", "0 0 28 * *", "0 9 * 1 *", "* * * * *", "* 9 * * *"]
)
def test_of_what_launchd_can_say_nothing_is_told(cron: str) -> None:
    assert told("launchd_superset", cron) == []


def test_launchd_cannot_say_another_zone_than_the_machine_s() -> None:
    found = told("launchd_superset", "0 9 * * *", timezone="Asia/Tokyo", local_zone="Europe/Berlin")
    text = "launchd cannot say another time zone than Europe/Berlin: it starts us at each time there that it can be"
    assert found == [(INFO, text)]
    assert told("launchd_superset", every_s=60.0, timezone="Asia/Tokyo", local_zone="Europe/Berlin") == []


@pytest.mark.parametrize(
    ("cron", "number"), [("0 0 * * *", "30"), ("*/30 * * * *", "1000 or more"), ("0 0 * * 0", "5")]
)
def test_making_up_for_everything_without_a_limit_is_told_with_how_much_that_is(cron: str, number: str) -> None:
    text = f"`catch_up: all` has no limit: after 30 days off it makes up for {number} slots"
    hint = "write `catch_up: {policy: all, window: 3d, count: 10}`"
    assert findings(cron, catch_up="all") == [Lint("long_catch_up", WARNING, "s", text, hint)]


@pytest.mark.parametrize(
    "said", [{"catch_up_window_s": 86400.0}, {"catch_up_count": 3}, {"catch_up": "latest"}, {"cron": "@yearly"}]
)
def test_making_up_for_little_is_not_told(said: dict[str, Any]) -> None:
    assert findings(**({"cron": "0 0 * * *", "catch_up": "all"} | said)) == []


def test_a_jitter_that_reaches_the_next_slot_is_told() -> None:
    text = "`jitter` can make it start 6 min 00 s late, when the next slot has come: they are 5 min 00 s apart"
    assert findings("0,5 * * * *", jitter_s=360.0) == [
        Lint("jitter_longer_than_interval", WARNING, "s", text, "lower `jitter`")
    ]
    assert findings("0,5 * * * *", jitter_s=300.0) == []
    assert [one.code for one in findings(every_s=60.0, jitter_s=61.0)] == ["jitter_longer_than_interval"]


def test_a_rule_or_a_zone_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(UsageError):
        findings("0 22-2 * * *")
    with pytest.raises(ConfigError):
        findings("0 22 * * *", timezone="Mars/Olympus")


PIPELINES = ("data", "scenarios", "metrics", "assessment")


def chain(**crons: str) -> Project:
    """The weekly chain at 20:00 on Sundays, and a schedule for single pipelines each."""
    single = [schedule(cron, name=name, mode=None, pipelines=(name,)) for name, cron in crons.items()]
    return project(
        *map(pipeline, PIPELINES),
        modes=(mode("weekly", *PIPELINES),),
        schedules=(schedule("0 20 * * 0", name="weekly", mode="weekly"), *single),
    )


def test_schedules_that_run_the_same_pipelines_within_an_hour_are_told_in_pairs() -> None:
    found = overlapping_schedules(
        chain(data="0 19 * * *", scenarios="0 20 * * 0", metrics="0 21 * * 0", assessment="0 22 * * 0"), NOW
    )
    hint = "disable one of the two, or leave what is common out of one"
    assert found == [
        Lint(
            "overlapping_schedules",
            WARNING,
            "weekly",
            f"'weekly' and '{name}' both run {name} within an hour: "
            f"at 2026-03-08T20:00:00Z and 2026-03-08T{hour}:00:00Z",
            hint,
        )
        for name, hour in (("data", 19), ("scenarios", 20), ("metrics", 21))
    ]


def test_schedules_more_than_an_hour_apart_or_on_other_days_do_not_overlap() -> None:
    assert overlapping_schedules(chain(data="59 18 * * *", metrics="1 21 * * 0", scenarios="0 20 * * 1-6"), NOW) == []


def test_schedules_of_different_pipelines_do_not_overlap() -> None:
    two = project(
        *map(pipeline, PIPELINES),
        schedules=tuple(schedule("@daily", name=name, mode=None, pipelines=(name,)) for name in ("data", "metrics")),
    )
    assert overlapping_schedules(two, NOW) == []


def test_a_schedule_that_is_switched_off_overlaps_with_none() -> None:
    both = chain(data="0 20 * * 0")
    off = both._replace(schedules=(both.schedules[0], both.schedules[1]._replace(enabled=False)))
    assert [one.schedule for one in overlapping_schedules(both, NOW)] == ["weekly"]
    assert overlapping_schedules(off, NOW) == []


def test_schedules_that_meet_only_after_the_coming_8_days_are_not_told() -> None:
    assert overlapping_schedules(chain(data="0 20 15 3 *"), NOW) == []
    assert len(overlapping_schedules(chain(data="0 20 15 3 *"), NOW + timedelta(days=7))) == 1
