"""Schedules from end to end: applied to a real systemd, fired by its timers, settled in the ledger, and removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from rig.conftest import booted
from rig.machine import Machine, until
from rig.site import LIMIT_S, Site
from support.components import require

#: Slow enough that the guard has begun within the grace of 60 s of the machine's time on a busy computer.
RATE = 10.0


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    require("gcc")
    yield from booted(tmp_path_factory.mktemp("slow"), ("2026-03-02 12:00:00", RATE))


@pytest.fixture(params=["user", "system"])
def anywhere(slow: Machine, request: pytest.FixtureRequest) -> Iterator[Site]:
    yield from placed(slow, system=request.param == "system")


@pytest.fixture
def site(slow: Machine) -> Iterator[Site]:
    yield from placed(slow, system=False)


@pytest.fixture
def systems(slow: Machine) -> Iterator[Site]:
    yield from placed(slow, system=True)


def placed(machine: Machine, *, system: bool) -> Iterator[Site]:
    """A site at noon of 2 March, without traces of others."""
    machine.clock.set("2026-03-02 12:00:00")
    site = Site(machine, system=system)
    yield site
    site.remove()


CHAIN = """
    pipelines:
      extract: {command: [sh, -c, "echo extract >>done"]}
      load: {command: [sh, -c, "echo load >>done"], depends_on: [extract]}
    modes: {daily: [extract, load]}
    schedules:
      nightly: {mode: daily, cron: "0 13 * * *"}
"""


def pass_time_until(site: Site, slot: str, day: str = "03-02") -> None:
    """Have the clock be about to reach this time. It must not show it before that, not for a moment."""
    at = datetime.fromisoformat(f"2026-{day}T{slot}:00+00:00")
    site.machine.clock.set(at - timedelta(seconds=5))


def test_an_applied_schedule_runs_its_chain_when_it_is_due(anywhere: Site) -> None:
    anywhere.configure(CHAIN)
    anywhere.apply()
    assert anywhere.shown("shop-nightly.timer", "ActiveState", "UnitFileState", "NextElapseUSecRealtime") == [
        *("active", "enabled", "Mon 2026-03-02 13:00:00 UTC"),
    ]
    assert anywhere.lines("done") == []
    pass_time_until(anywhere, "13:00")
    assert anywhere.await_lines("done", 2) == ["extract", "load"]
    assert anywhere.slots("nightly") == [("03-02 13:00", "ran")]
    assert anywhere.shown("shop-nightly.service", "Result", "ExecMainStatus") == ["success", "0"]
    run = anywhere.last_run("load")
    assert (run["trigger"], run["slot"], run["state"]) == ("schedule", "2026-03-02T13:00:00Z", "succeeded")


def test_a_run_that_fails_is_a_failed_unit_and_told_in_the_log_of_failures(anywhere: Site) -> None:
    anywhere.configure(CHAIN.replace("echo extract >>done", "exit 3"))
    anywhere.apply()
    pass_time_until(anywhere, "13:00")
    (line,) = anywhere.await_lines("logs/failures.log", 1)
    assert line.startswith("2026-03-02T13:0")
    assert line.partition(" ")[2] == "shop-nightly.service failed: exit-code, exited 2"
    assert anywhere.shown("shop-nightly.service", "Result", "ExecMainStatus") == ["exit-code", "2"]
    assert anywhere.slots("nightly") == [("03-02 13:00", "ran")]


def test_the_units_memory_limit_ends_a_task_that_takes_too_much(systems: Site) -> None:
    hog = "python3 -c 'bytearray(900 << 20)' && echo survived >>done"
    systems.configure(CHAIN.replace("echo extract >>done", hog) + "    host: {memory: 300MB}\n")
    systems.apply()
    assert systems.shown("shop-nightly.service", "MemoryMax") == [str(428 << 20)]
    pass_time_until(systems, "13:00")
    systems.await_lines("logs/failures.log", 1)
    assert systems.lines("done") == []
    assert systems.slots("nightly") == [("03-02 13:00", "ran")]


def test_a_start_by_hand_runs_the_schedule_now_and_settles_no_slot(site: Site) -> None:
    site.configure(CHAIN)
    site.apply()
    site.systemctl("start", "shop-nightly.service")
    assert site.await_lines("done", 2) == ["extract", "load"]
    pass_time_until(site, "13:00")
    site.await_lines("done", 4)
    site.systemctl("start", "shop-nightly.service")
    site.await_lines("done", 6)
    assert site.slots("nightly") == [("03-02 13:00", "ran")]
    run = site.last_run("load")
    assert (run["trigger"], run["slot"], run["state"]) == ("manual", None, "succeeded")


@pytest.fixture
def overtaken(site: Site) -> Site:
    """One whose slot of 13:00 has fallen due while a start by hand lasted: systemd wakes nobody for that."""
    waiting = "while [ -e hold ]; do sleep 0.05; done; echo extract >>done"
    site.configure(CHAIN.replace("echo extract >>done", waiting).replace('13 * * *"', '13 * * *", overlap: queue'))
    site.apply()
    site.path("hold").touch()
    site.systemctl("start", "--no-block", "shop-nightly.service")
    pass_time_until(site, "13:00")
    elapsed = ["Mon 2026-03-02 13:00:00 UTC"]
    assert until(lambda: site.shown("shop-nightly.timer", "LastTriggerUSec") == elapsed, LIMIT_S)
    site.path("hold").unlink()
    assert until(site.is_idle, LIMIT_S)
    return site


def test_a_slot_that_falls_due_while_a_start_by_hand_lasts_is_run_when_that_ends(overtaken: Site) -> None:
    assert len(overtaken.lines("done")) == 4
    assert overtaken.slots("nightly") == [("03-02 13:00", "ran")]


def test_a_start_by_hand_after_such_a_slot_runs_the_schedule_too(overtaken: Site) -> None:
    overtaken.systemctl("start", "shop-nightly.service")
    assert len(overtaken.lines("done")) == 6


def test_a_start_by_hand_after_a_reboot_runs_the_schedule_too(site: Site) -> None:
    site.configure(CHAIN)
    site.apply()
    site.machine.reboot(off_s=60)
    site.systemctl("start", "shop-nightly.service")
    assert site.await_lines("done", 2) == ["extract", "load"]


def test_a_timer_that_fires_at_once_because_its_rule_was_changed_runs_nothing(site: Site) -> None:
    site.configure(CHAIN)
    site.apply()
    pass_time_until(site, "13:00")
    site.await_lines("done", 2)
    site.machine.clock.set("2026-03-02 14:30:00")
    site.configure(CHAIN.replace("0 13", "0 14"))
    before = site.shown("shop-nightly.service", "InvocationID")
    site.apply()
    assert until(lambda: site.shown("shop-nightly.service", "InvocationID") != before, LIMIT_S)
    assert until(site.is_idle, LIMIT_S)
    assert site.slots("nightly") == [("03-02 13:00", "ran")]
    assert len(site.lines("done")) == 2


def test_a_pruned_project_leaves_no_file_link_or_stamp(anywhere: Site) -> None:
    anywhere.configure(CHAIN)
    anywhere.apply()
    pass_time_until(anywhere, "13:00")
    anywhere.await_lines("done", 2)
    assert anywhere.installed(".timer") == ["shop-nightly.timer", "shop-orchestrator.timer"]
    assert len(anywhere.left()) > 4
    anywhere.tetra("schedule", "prune", "--all", *(["--system"] if anywhere.scope == "--system" else []))
    assert anywhere.left() == []
    assert anywhere.systemctl("list-units", "--all", "--plain", "--no-legend", "shop-*") == ""


def test_what_was_missed_while_the_machine_was_off_is_made_up_for_or_settled_as_missed(anywhere: Site) -> None:
    anywhere.configure("""
        pipelines:
          one: {command: [sh, -c, "echo one >>done"]}
          other: {command: [sh, -c, "echo other >>done"]}
        schedules:
          latest: {pipelines: [one], cron: "0 13-15 * * *", catch_up: latest}
          never: {pipelines: [other], cron: "0 13-15 * * *", catch_up: none}
    """)
    anywhere.apply()
    anywhere.shorten_the_boot_sweeps_wait()
    anywhere.machine.reboot(off_s=3.5 * 3600)
    hours = ("13:00", "14:00", "15:00")
    assert until(lambda: anywhere.ledger("never") == ["missed"] * 3, LIMIT_S), anywhere.trouble()
    assert anywhere.await_lines("done", 1) == ["one"]
    assert anywhere.slots("never") == [(f"03-02 {hour}", "missed") for hour in hours]
    made_up = ("skipped_policy", "skipped_policy", "late")
    assert anywhere.slots("latest") == [(f"03-02 {hour}", end) for hour, end in zip(hours, made_up, strict=True)]


def test_what_fell_due_while_the_lid_was_closed_is_made_up_for_when_it_is_opened(site: Site) -> None:
    site.configure(CHAIN)
    site.apply()
    site.machine.clock.set("2026-03-03 07:30:00")
    site.await_lines("done", 2)
    assert site.slots("nightly") == [("03-02 13:00", "late")]


def test_with_catch_up_all_every_slot_that_was_missed_is_run_in_its_order(site: Site) -> None:
    site.configure(CHAIN.replace("echo load", "echo $TETRA_SLOT").replace('13 * * *"', '13 * * *", catch_up: all'))
    site.apply()
    site.machine.clock.set("2026-03-04 14:00:00")
    assert until(lambda: not site.is_idle(), LIMIT_S)
    assert until(site.is_idle, LIMIT_S)
    days = ("02", "03", "04")
    assert site.lines("done")[1::2] == [f"2026-03-{day}T13:00:00Z" for day in days], site.trouble()
    assert site.slots("nightly") == [(f"03-{day} 13:00", "late") for day in days]


# A task of 150 s, every minute

LASTING = "end=$(($(date +%s) + 150)); while [ $(date +%s) -lt $end ]; do sleep 0.05; done; echo >>"
OVERLAPS = ("skip", "queue", "replace", "allow")


@pytest.fixture(scope="module")
def crowd(slow: Machine) -> Iterator[dict[str, tuple[list[str], int]]]:
    """For each policy the outcomes of six slots, and how many runs have come to their end."""
    for site in placed(slow, system=False):
        pipelines = "".join(f'  {each}: {{command: [sh, -c, "{LASTING}{each}.ended"]}}\n' for each in OVERLAPS)
        rules = "".join(
            f'  {each}: {{pipelines: [{each}], cron: "0-5 13 * * *", overlap: {each}}}\n' for each in OVERLAPS
        )
        site.configure(f"host: {{cpu: 16, max_parallel: 16}}\npipelines:\n{pipelines}schedules:\n{rules}")
        site.apply()
        pass_time_until(site, "13:00")
        assert until(lambda: slow.clock.now().minute == 6, LIMIT_S * 2)
        assert until(site.is_idle, LIMIT_S), site.trouble()
        yield {each: ([end for _, end in site.slots(each)], len(site.lines(f"{each}.ended"))) for each in OVERLAPS}


RAN, OVER, SUPERSEDED = "ran", "skipped_overlap", "skipped_policy"


@pytest.mark.long
def test_with_skip_no_slot_of_a_run_that_lasts_is_run(crowd: dict[str, tuple[list[str], int]]) -> None:
    assert crowd["skip"] == ([RAN, OVER, OVER, RAN, OVER, OVER], 2)


@pytest.mark.long
def test_with_queue_the_latest_slot_of_a_run_that_lasts_is_run_when_it_ends(
    crowd: dict[str, tuple[list[str], int]],
) -> None:
    assert crowd["queue"] == ([RAN, SUPERSEDED, RAN, SUPERSEDED, SUPERSEDED, RAN], 3)


@pytest.mark.long
def test_with_replace_every_slot_is_run_and_ends_the_run_before(crowd: dict[str, tuple[list[str], int]]) -> None:
    assert crowd["replace"] == ([RAN] * 6, 1)


@pytest.mark.long
def test_with_allow_every_slot_is_run_beside_the_others(crowd: dict[str, tuple[list[str], int]]) -> None:
    assert crowd["allow"] == ([RAN] * 6, 6)


# The nights in which the clock is changed, in New York

SHIFTED = """
    timezone: America/New_York
    pipelines:
      half: {command: [sh, -c, "echo half $TETRA_SLOT >>done"]}
      fixed: {command: [sh, -c, "echo fixed $TETRA_SLOT >>done"]}
    schedules:
      half: {pipelines: [half], cron: "*/30 * * * *"}
      fixed: {pipelines: [fixed], cron: "30 2 * * *"}
"""


@pytest.mark.parametrize(
    ("day", "halves", "fixed"),
    [
        ("03-08", ("05:30", "06:00", "06:30", "07:00", "07:30"), "07:00"),
        ("11-01", ("05:30", "06:00", "06:30", "07:00", "07:30"), "07:30"),
    ],
    ids=["spring", "autumn"],
)
def test_in_the_nights_of_the_changed_clock_every_slot_of_the_specification_runs_once_and_no_other(
    site: Site, day: str, halves: tuple[str, ...], fixed: str
) -> None:
    site.configure(SHIFTED)
    site.machine.clock.set(f"2026-{day} 05:10:00")
    site.apply()
    expected: list[str] = []
    for half in halves:
        pass_time_until(site, half, day)
        expected += [f"{name} 2026-{day}T{half}:00Z" for name in ("fixed", "half") if name == "half" or half == fixed]
        assert sorted(site.await_lines("done", len(expected))) == sorted(expected)
    assert site.slots("half") == [(f"{day} {half}", "ran") for half in halves]
    assert site.slots("fixed") == [(f"{day} {fixed}", "ran")]
