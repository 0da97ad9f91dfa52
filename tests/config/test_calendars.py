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
            "f.yaml:6:26: the rule '0 0 30 2 *' is never due\n"
            '    s: {mode: daily, cron: "0 0 30 2 *"}\n'
            "                           ^\n"
            "  hint: choose a day that exists",
        ),
        (
            '"* * * * * *"',
            "f.yaml:6:26: the rule '* * * * * *' has 6 fields instead of 5\n"
            '    s: {mode: daily, cron: "* * * * * *"}\n'
            "                           ^\n"
            "  hint: leave out the seconds: the fields are minute, hour, day of month, month, day of week",
        ),
        (
            '"0 22-2 * * *"',
            "f.yaml:6:26: the rule '0 22-2 * * *' cannot be read: '22-2' goes backwards\n"
            '    s: {mode: daily, cron: "0 22-2 * * *"}\n'
            "                           ^\n"
            "  hint: write 22-23,0-2",
        ),
        (
            '"@reboot"',
            "f.yaml:6:26: the rule '@reboot' is no time\n"
            '    s: {mode: daily, cron: "@reboot"}\n'
            "                           ^\n"
            "  hint: write `on_startup: true` instead of `cron`",
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


@pytest.mark.parametrize("name", ["orchestrator", "monitor", "Monitor", "ORCHESTRATOR"])
def test_a_schedule_cannot_have_the_name_of_a_timer_of_ours(folder: Folder, name: str) -> None:
    assert folder.faults(schedule().replace("  s:", f"  {name}:")) == (
        f"f.yaml:6:3: a timer of our own is called '{name.lower()}'\n"
        f'    {name}: {{mode: daily, cron: "0 20 * * 0"}}\n'
        "    ^\n"
        f"  hint: rename it, for example '{name}_runs'"
    )


def test_a_schedule_may_be_called_almost_like_a_timer_of_ours(folder: Folder) -> None:
    (loaded,) = folder.native(schedule().replace("  s:", "  monitoring:")).project.schedules
    assert loaded.name == "monitoring"


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        (
            'at: "tomorrow"',
            "f.yaml:6:24: 'tomorrow' is not a date and time\n"
            '    s: {mode: daily, at: "tomorrow"}\n'
            "                         ^\n"
            "  hint: write it like 2026-12-01T02:00",
        ),
        (
            'at: "2026-12-01T02:00Z"',
            "f.yaml:6:24: '2026-12-01T02:00Z' has a time zone of its own\n"
            '    s: {mode: daily, at: "2026-12-01T02:00Z"}\n'
            "                         ^\n"
            "  hint: leave out its zone and name it in `timezone`",
        ),
        (
            'at: "9999-12-31T23:59"',
            "f.yaml:6:24: '9999-12-31T23:59' is beyond the calendar\n"
            '    s: {mode: daily, at: "9999-12-31T23:59"}\n'
            "                         ^\n"
            "  hint: the years are 1970 to 9998",
        ),
        (
            "every: 0.0000001",
            "f.yaml:6:27: the schedule 's' is due more often than every second\n"
            "    s: {mode: daily, every: 0.0000001}\n"
            "                            ^\n"
            "  hint: write 1s or more",
        ),
    ],
)
def test_a_time_that_cannot_be_due_is_told(folder: Folder, when: str, problem: str) -> None:
    assert folder.faults(schedule().replace('cron: "0 20 * * 0"', when)) == problem


@pytest.mark.parametrize(("more", "runs"), [("", None), (", overlap: allow", None), (", max_concurrent_runs: 3", 3)])
def test_without_a_number_of_runs_the_overlap_decides_how_many(folder: Folder, more: str, runs: int | None) -> None:
    (loaded,) = folder.native(schedule(more=more)).project.schedules
    assert loaded.max_concurrent_runs == runs


def test_a_schedule_may_go_before_others(folder: Folder) -> None:
    (loaded,) = folder.native(schedule(more=", priority: -3")).project.schedules
    assert loaded.priority == -3
    (loaded,) = folder.native(schedule()).project.schedules
    assert loaded.priority == 0
