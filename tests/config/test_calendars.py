from __future__ import annotations

import pytest

from config.configs import Folder

FILE = "pipelines: {{a: {{module: m}}}}\nmodes: {{daily: [a]}}\nschedules:\n  s: {{mode: {mode}, cron: {cron}{more}}}\n"


def schedule(cron: str = '"0 20 * * 0"', mode: str = "daily", more: str = "") -> str:
    return FILE.format(cron=cron, mode=mode, more=more)


@pytest.mark.parametrize("cron", ['"0 20 * * 0"', "0 0 29 2 *", "'*/5 9-17 * * MON-FRI'", '"@daily"', '"@hourly"'])
def test_a_rule_that_can_be_due_is_accepted(folder: Folder, cron: str) -> None:
    (loaded,) = folder.native(schedule(cron)).project.schedules
    assert (loaded.mode, loaded.cron, loaded.timezone, loaded.enabled) == ("daily", cron.strip("\"'"), "UTC", True)


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        (
            '"0 25 * * *"',
            "f.yaml:6:26: the rule '0 25 * * *' cannot be read: bad hour\n"
            '    s: {mode: daily, cron: "0 25 * * *"}\n'
            "                           ^\n"
            "  hint: the fields are minute, hour, day of month, month, day of week",
        ),
        (
            '"0 0 30 2 *"',
            "f.yaml:6:26: the rule '0 0 30 2 *' cannot be read: bad day-of-month\n"
            '    s: {mode: daily, cron: "0 0 30 2 *"}\n'
            "                           ^\n"
            "  hint: the fields are minute, hour, day of month, month, day of week",
        ),
        (
            '"* * * * * *"',
            "f.yaml:6:26: the rule '* * * * * *' has 6 fields instead of 5\n"
            '    s: {mode: daily, cron: "* * * * * *"}\n'
            "                           ^\n"
            "  hint: the fields are minute, hour, day of month, month, day of week",
        ),
        (
            '"@dayly"',
            "f.yaml:6:26: the rule '@dayly' is not known\n"
            '    s: {mode: daily, cron: "@dayly"}\n'
            "                           ^\n"
            "  hint: did you mean '@daily'?",
        ),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_due_is_told(folder: Folder, cron: str, problem: str) -> None:
    assert folder.faults(schedule(cron)) == problem


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("america/new_york", "did you mean 'America/New_York'?"),
        ("Europe/Berln", "did you mean 'Europe/Berlin'?"),
        ("Mars", "use an IANA name, such as Europe/Paris"),
        ("../etc", "use an IANA name, such as Europe/Paris"),
    ],
)
def test_an_unknown_time_zone_is_told(folder: Folder, zone: str, hint: str) -> None:
    assert folder.faults(schedule(more=f", timezone: {zone}")) == (
        f"f.yaml:6:50: there is no time zone '{zone}'\n"
        f'    s: {{mode: daily, cron: "0 20 * * 0", timezone: {zone}}}\n'
        "                                                   ^\n"
        f"  hint: {hint}"
    )


def test_a_folder_of_time_zones_is_no_time_zone(folder: Folder) -> None:
    assert "there is no time zone 'America'" in folder.faults("timezone: America\n" + schedule())


def test_a_schedule_takes_the_time_zone_of_the_project(folder: Folder) -> None:
    project = folder.native("timezone: Europe/Berlin\n" + schedule()).project
    assert (project.timezone, project.schedules[0].timezone) == ("Europe/Berlin", "Europe/Berlin")
    project = folder.native("timezone: Europe/Berlin\n" + schedule(more=", timezone: Asia/Tokyo")).project
    assert project.schedules[0].timezone == "Asia/Tokyo"


def test_a_schedule_of_an_unknown_mode_is_told(folder: Folder) -> None:
    assert folder.faults(schedule(mode="dayly")) == (
        "f.yaml:6:13: there is no mode 'dayly'\n"
        '    s: {mode: dayly, cron: "0 20 * * 0"}\n'
        "              ^\n"
        "  hint: did you mean 'daily'?"
    )


def test_a_mode_that_needs_dates_cannot_be_scheduled(folder: Folder) -> None:
    text = schedule().replace("[a]", "{partition: range, pipelines: [a]}")
    assert folder.faults(text) == (
        "f.yaml:6:13: the mode 'daily' runs over a range of dates, which a schedule does not give\n"
        '    s: {mode: daily, cron: "0 20 * * 0"}\n'
        "              ^\n"
        "  hint: schedule a mode without `partition`"
    )
