"""Group E, schedules and time zones: the two nights a year on which the clock changes, and zones without data.

In Berlin in 2026 the clock jumps from 02:00 to 03:00 on 29 March (01:00 UTC), and from 03:00 to 02:00 on 25 October.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta

import pytest

from faults.clocks import wall_clock

BERLIN = {"TZ": "Europe/Berlin"}
NIGHTLY = """
    timezone: Europe/Berlin
    pipelines: {one: {shell: "true"}}
    modes: {all: [one]}
    schedules:
      nightly: {mode: all, cron: 30 2 * * *}
      once: {mode: all, at: 2026-03-29T02:30}
      often: {mode: all, cron: "*/30 * * * *"}
"""


@pytest.fixture
def clock(site):
    with wall_clock(site) as clock:
        yield clock


def following(site, name, number=1):
    """The next slots of the schedule, in UTC and as its zone shows them."""
    slots = site.json("schedule", "next", name, "-n", str(number))["slots"]
    return [(slot["slot"], slot["local"]) for slot in slots]


# -- 70, a local time that does not exist -----------------------------------------------------------------------------


def test_fault_70_a_slot_in_the_hour_that_is_left_out_is_due_when_the_clock_has_jumped(site, clock, observed):
    site.configure(NIGHTLY)
    said = site.command("date", "-d", "2026-03-29 02:30", env=site.env | BERLIN | {"LC_ALL": "C"}).stderr
    observed(f"{said.strip()} in Berlin", "invalid date" in said)
    clock.set(datetime(2026, 3, 29, 0, 45, tzinfo=UTC))
    jump = ("2026-03-29T01:00:00Z", "2026-03-29 03:00 CEST")
    assert following(site, "nightly", 2) == [jump, ("2026-03-30T00:30:00Z", "2026-03-30 02:30 CEST")]
    assert following(site, "often", 2) == [jump, ("2026-03-29T01:30:00Z", "2026-03-29 03:30 CEST")]
    assert following(site, "once") == [jump]
    (row,) = site.json("status")["pipelines"]
    assert row["next_slot"] == "2026-03-29T01:00:00Z"


def test_fault_70_a_slot_that_was_shifted_is_over_once_the_clock_has_jumped(site, clock, observed):
    site.configure(NIGHTLY)
    clock.set(datetime(2026, 3, 29, 1, 0, 30, tzinfo=UTC))
    shown = site.command("date", "+%R", env=site.env | BERLIN).stdout.strip()
    observed(f"date(1) said {shown} in Berlin half a minute after 01:59", shown == "03:00")
    assert following(site, "nightly") == [("2026-03-30T00:30:00Z", "2026-03-30 02:30 CEST")]


# -- 71, a local time that is there twice -----------------------------------------------------------------------------


def night(site, clock, name):
    """The slots of the schedule that somebody sees who asks every half hour in the night of the doubled hour."""
    began, seen = datetime(2026, 10, 24, 23, 40, tzinfo=UTC), []
    for step in range(6):
        clock.set(began + step * timedelta(minutes=30))
        seen += following(site, name)
    return list(dict.fromkeys(seen))


def test_fault_71_a_time_that_the_clock_shows_twice_is_due_once(site, clock, observed):
    site.configure(NIGHTLY)
    shown = []
    for hour in (0, 1):
        clock.set(datetime(2026, 10, 25, hour, 30, tzinfo=UTC))
        shown.append(site.command("date", "+%R", env=site.env | BERLIN).stdout.strip())
    observed(f"date(1) said {' and '.join(shown)} in Berlin, an hour apart", shown == ["02:30", "02:30"])
    assert night(site, clock, "nightly") == [
        ("2026-10-25T00:30:00Z", "2026-10-25 02:30 CEST"),
        ("2026-10-26T01:30:00Z", "2026-10-26 02:30 CET"),
    ]
    assert night(site, clock, "often") == [
        ("2026-10-25T00:00:00Z", "2026-10-25 02:00 CEST"),
        ("2026-10-25T00:30:00Z", "2026-10-25 02:30 CEST"),
        ("2026-10-25T01:00:00Z", "2026-10-25 02:00 CET"),
        ("2026-10-25T01:30:00Z", "2026-10-25 02:30 CET"),
        ("2026-10-25T02:00:00Z", "2026-10-25 03:00 CET"),
        ("2026-10-25T02:30:00Z", "2026-10-25 03:30 CET"),
    ]


# -- 73, no time zone data --------------------------------------------------------------------------------------------

MISSING = "all time zones are missing here; bring them back with `pip install --force-reinstall tzdata`"


@pytest.fixture
def hide_zones(site, observed):
    """Has Python look for zones in no folder of the system; what is called hides the package that has them too."""
    before = site.root / "before"
    site.env |= {"PYTHONTZPATH": "", "PYTHONPATH": f"{before}{os.pathsep}{site.env['PYTHONPATH']}"}

    def hide():
        site.write("before/tzdata/__init__.py", "")
        line = "import zoneinfo; print(len(zoneinfo.available_timezones()))"
        count = site.command(sys.executable, "-c", line).stdout.strip()
        observed(f"Python knows {count} zones", count == "0")

    return hide


def test_fault_73_a_zone_without_data_is_refused_at_its_place(site, hide_zones):
    hide_zones()
    site.configure(NIGHTLY)
    done = site.run("validate")
    assert done.returncode == 78
    file = f"{site.root}/config/orchestration.yaml"
    assert f"{file}:5:11: there is no time zone 'Europe/Berlin'\n" in done.stderr


def test_fault_73_that_the_data_are_missing_is_told_and_utc_needs_none(site, hide_zones):
    hide_zones()
    site.configure("pipelines: {one: {shell: 'true'}}")
    assert site.run("validate").returncode == 0
    site.configure("timezone: Europe/Berlin\npipelines: {one: {shell: 'true'}}")
    file = f"{site.root}/config/orchestration.yaml"
    assert site.run("validate").stderr == (
        f"{file}:4:11: there is no time zone 'Europe/Berlin'\n"
        "  timezone: Europe/Berlin\n"
        "            ^\n"
        f"  hint: {MISSING}\n"
    )


def test_fault_73_a_local_zone_without_data_is_not_taken_for_utc(site, hide_zones):
    hide_zones()
    site.configure("timezone: local\npipelines: {one: {shell: 'true'}}")
    done = site.run("validate", env=BERLIN)
    file = f"{site.root}/config/orchestration.yaml"
    assert (done.returncode, done.stderr) == (
        78,
        f"{file}:4:11: there is no time zone 'Europe/Berlin'\n  timezone: local\n            ^\n  hint: {MISSING}\n",
    )


def test_fault_73_a_rule_of_the_command_line_is_refused_with_the_remedy_and_utc_needs_no_data(site, hide_zones):
    hide_zones()
    done = site.run("schedule", "next", "--cron", "@daily", "--tz", "Europe/Berlin")
    error = f"error: there is no time zone 'Europe/Berlin'\n  hint: {MISSING}\n"
    assert (done.returncode, done.stderr) == (64, error)
    slots = site.json("schedule", "next", "--cron", "@daily", "--from", "2026-03-01", "-n", "1")["slots"]
    assert [slot["slot"] for slot in slots] == ["2026-03-02T00:00:00Z"]


def test_fault_73_when_the_data_vanish_what_was_checked_before_still_runs(site, clock, hide_zones):
    site.configure(NIGHTLY)
    assert site.run("run").returncode == 0
    hide_zones()
    assert (site.run("run").returncode, site.run_state()) == (0, "succeeded")
    clock.shift(timedelta(days=2))  # so that the slots seen last time have passed
    error = f"there is no time zone 'Europe/Berlin'\n  hint: {MISSING}\n"
    monitor = site.run("monitor")
    assert (monitor.returncode, monitor.stderr) == (78, f"error: {error}")
    status = site.run("status")
    assert (status.returncode, status.stderr) == (
        0,
        "warning: there is no time zone 'Europe/Berlin'; going by how the file was before\n",
    )
