"""What the system's scheduler is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import mode, pipeline, project, task, utc
from tetra_orchestrator.core.model import Host, Logs, Project, Resources, RetryPolicy, Schedule, Service, Task, Timers
from tetra_orchestrator.core.schedule import rule_of
from tetra_orchestrator.core.unit_bounds import OWN_MEMORY_BYTES, OWN_PROCESSES, bounds
from tetra_orchestrator.core.units import BOOT_SWEEP, LOOK_S, MONITOR, STOPPING_S, Placement, TimerSpec, timer_specs
from tetra_orchestrator.core.watching import Alerting, Monitoring

HERE = Placement("/opt/venv/bin/python", "systemd-user", "/usr/bin:/bin", "/home/ann")
DAILY = Schedule("daily", "all", "0 19 * * *", "Europe/Berlin")
MB = 1024 * 1024
TWO_PLACES = Host(2)


def site(*schedules: Schedule, tasks: tuple[Task, ...] = (), host: Host = TWO_PLACES, **fields: object) -> Project:
    """A project whose mode `all` runs the tasks, each in a pipeline of its own."""
    pipelines = [pipeline(one.id, tasks=(one,)) for one in tasks or (task("load"),)]
    names = [one.name for one in pipelines]
    return project(*pipelines, modes=(mode("all", *names),), schedules=schedules, host=host, **fields)


def timers(of: Project, placement: Placement = HERE) -> dict[str, TimerSpec]:
    return {spec.name: spec for spec in timer_specs(of, placement)}


def test_each_enabled_schedule_has_a_timer_and_the_boot_sweep_and_the_monitor_one_of_their_own() -> None:
    off = DAILY._replace(name="off", enabled=False)
    assert list(timers(site(DAILY, off, DAILY._replace(name="late")))) == ["daily", "late", BOOT_SWEEP, MONITOR]


def test_without_an_enabled_schedule_and_a_word_on_the_monitor_there_is_no_timer_at_all() -> None:
    assert timer_specs(site(DAILY._replace(enabled=False)), HERE) == []


@pytest.mark.parametrize("fields", [{"monitor": Monitoring()}, {"alerting": Alerting()}])
def test_a_project_without_schedules_that_wants_to_be_looked_after_has_the_monitor_alone(
    fields: dict[str, Any],
) -> None:
    assert list(timers(site(**fields))) == [MONITOR]


def test_a_monitor_that_is_switched_off_has_no_timer() -> None:
    assert list(timers(site(DAILY, monitor=Monitoring(timer=False)))) == ["daily", BOOT_SWEEP]


def test_the_monitor_looks_every_five_minutes_or_as_the_file_says_and_makes_up_for_nothing() -> None:
    spec = timers(site(DAILY))[MONITOR]
    assert spec.argv[4:] == ("monitor", "--quiet", "--by", "systemd-user")
    assert (spec.every_s, spec.persistent, spec.timeout_s, spec.dispatches) == (300.0, False, LOOK_S, False)
    assert (spec.unit, spec.label) == ("demo-monitor", "com.demo.monitor")
    assert timers(site(DAILY, monitor=Monitoring(interval_s=60.0)))[MONITOR].every_s == 60.0


def test_what_the_monitor_has_found_is_no_failure_of_its_unit() -> None:
    specs = timers(site(DAILY))
    assert (specs["daily"].no_failure, specs[MONITOR].no_failure) == ((1, 75), (1, 75, 2))


def test_a_timer_starts_the_guard_of_its_schedule_in_the_project_s_root() -> None:
    spec = timers(site(DAILY, logs=Logs("/var/log/demo")))["daily"]
    assert spec.argv == (
        *("/opt/venv/bin/python", "-P", "-m", "tetra_orchestrator", "fire", "daily", "--by", "systemd-user"),
    )
    assert (spec.cwd, spec.log, spec.source) == (
        *("/project", "/var/log/demo/demo_daily.log", "/project/orchestration.yaml"),
    )
    assert spec.env == (("PATH", "/usr/bin:/bin"), ("TETRA_HOME", "/project"))
    assert spec.description == "demo: schedule daily"
    assert (spec.unit, spec.label) == ("demo-daily", "com.demo.daily")


def test_a_timer_of_the_system_says_where_its_home_is() -> None:
    system = HERE._replace(kind="systemd-system", scope="system", home="/root")
    assert dict(timers(site(DAILY), system)["daily"].env)["HOME"] == "/root"


def test_a_file_that_is_not_found_by_itself_is_named() -> None:
    specs = timers(site(DAILY), HERE._replace(config="/project/prod.yaml"))
    assert [spec.argv[-2:] for spec in specs.values()] == [("--config", "/project/prod.yaml")] * 3


def test_the_boot_sweep_is_due_at_a_start_of_the_machine_and_at_no_other_time() -> None:
    spec = timers(site(DAILY))[BOOT_SWEEP]
    assert spec.argv[4:] == ("fire", "--boot", "--by", "systemd-user")
    assert (spec.at_boot, spec.persistent, spec.rule, spec.every_s, spec.at) == (True, False, None, None, None)
    assert (spec.log, spec.unit) == ("/project/logs/demo_orchestrator.log", "demo-orchestrator")


def test_a_timer_is_outlived_where_a_task_is_to_outlive_us_or_to_leave_something_behind() -> None:
    for fields in ({"survive": True}, {"background": True}):
        assert timers(site(DAILY, tasks=(task("a", **fields),)))["daily"].outlived
    assert not timers(site(DAILY))["daily"].outlived


def test_the_boot_sweep_only_wakes_others_and_is_limited_for_none_of_them() -> None:
    spec = timers(site(DAILY, tasks=(sized("a", 100, 1.0, 10, kill_grace_s=60.0),)))[BOOT_SWEEP]
    assert (spec.dispatches, spec.memory_bytes, spec.processes, spec.delegate) == (True, 0, 0, False)
    assert spec.stop_s == STOPPING_S


def test_a_timer_says_when_it_is_due_as_the_schedule_does() -> None:
    of_a_rule = DAILY._replace(dst_gap="skip", dst_fold="second", jitter_s=30.0, catch_up="none")
    often = Schedule("often", "all", None, "UTC", every_s=900.0)
    once = Schedule("once", "all", None, "Europe/Berlin", at="2026-12-01T02:00")
    specs = timers(site(of_a_rule, often, once))
    daily = specs["daily"]
    assert (daily.rule, daily.timezone, daily.gap, daily.fold) == (
        *(rule_of("0 19 * * *"), "Europe/Berlin", "skip", "second"),
    )
    assert (daily.jitter_s, daily.persistent) == (30.0, False)
    assert (specs["often"].every_s, specs["often"].rule, specs["often"].persistent) == (900.0, None, True)
    assert (specs["once"].at, specs["once"].rule) == (utc(2026, 12, 1, 1), None)


def test_a_schedule_that_only_a_start_of_the_machine_makes_due_is_left_to_the_boot_sweep() -> None:
    assert list(timers(site(Schedule("up", "all", None, "UTC", on_startup=True)))) == [BOOT_SWEEP, MONITOR]


def test_an_instant_that_does_not_exist_needs_no_timer() -> None:
    never = Schedule("never", "all", None, "Europe/Berlin", at="2026-03-29T02:30", dst_gap="skip")
    assert list(timers(site(never))) == [BOOT_SWEEP, MONITOR]


@pytest.mark.parametrize(
    ("fields", "dispatches"),
    [
        ({"overlap": "skip"}, False),
        ({"overlap": "queue"}, False),
        ({"overlap": "replace"}, True),
        ({"overlap": "allow"}, True),
        ({"overlap": "skip", "max_concurrent_runs": 2}, True),
    ],
)
def test_a_guard_that_must_not_be_kept_by_a_run_leaves_it_to_another_process(fields: dict, dispatches: bool) -> None:
    assert timers(site(DAILY._replace(**fields)))["daily"].dispatches is dispatches


def test_a_stop_lasts_as_long_as_the_slowest_task_may_take_and_then_some() -> None:
    tasks = (task("a", kill_grace_s=10.0), task("b", kill_grace_s=45.0), task("c", kill_grace_s=99.0, enabled=False))
    assert timers(site(DAILY, tasks=tasks))["daily"].stop_s == 45.0 + STOPPING_S


def test_the_sandbox_holds_for_every_timer() -> None:
    assert {spec.strict for spec in timers(site(DAILY, timers=Timers("strict"))).values()} == {True}
    assert {spec.strict for spec in timers(site(DAILY)).values()} == {False}


def sized(name: str, memory: int, cpu: float = 0.0, processes: int = 0, **fields: object) -> Task:
    """A task with limits; `memory` in MB."""
    return task(name, resources=Resources(cpu, memory * MB, processes=processes), **fields)


def test_a_unit_may_use_what_the_largest_tasks_at_the_same_time_may() -> None:
    tasks = (sized("a", 100, 1.0, 10), sized("b", 300, 0.5, 30), sized("c", 200, 2.0, 20))
    spec = timers(site(DAILY, tasks=tasks, host=Host(2)))["daily"]
    assert spec.memory_bytes == 500 * MB + OWN_MEMORY_BYTES
    assert (spec.cpu, spec.processes) == (3.0, 50 + OWN_PROCESSES)
    assert spec.delegate


def test_a_unit_may_not_use_more_than_the_host_gives() -> None:
    tasks = (sized("a", 100, 1.0), sized("b", 300, 0.5))
    spec = timers(site(DAILY, tasks=tasks, host=Host(2, cpu=1.25, memory_bytes=350 * MB)))["daily"]
    assert (spec.memory_bytes, spec.cpu) == (350 * MB + OWN_MEMORY_BYTES, 1.25)


def test_one_task_that_says_nothing_leaves_only_what_the_host_gives() -> None:
    tasks = (sized("a", 100, 1.0, 10), task("b"))
    assert bounds(tasks, 2, Host(2)) == (0, 0.0, 0)
    assert bounds(tasks, 2, Host(2, cpu=1.5, memory_bytes=350 * MB)) == (350 * MB + OWN_MEMORY_BYTES, 1.5, 0)


def test_a_mode_that_runs_fewer_tasks_at_the_same_time_needs_less() -> None:
    of = site(DAILY, tasks=(sized("a", 100), sized("b", 300)))
    one = of.modes[0]._replace(run=of.run._replace(max_parallel=1))
    specs = timers(of._replace(modes=(one,)))
    assert specs["daily"].memory_bytes == 300 * MB + OWN_MEMORY_BYTES


def test_the_last_attempt_counts_where_each_gets_more_memory() -> None:
    growing = task("a", resources=Resources(memory_bytes=100 * MB, grow=2.0), retry=RetryPolicy(max_attempts=3))
    assert bounds([growing], 1, Host(1))[0] == 400 * MB + OWN_MEMORY_BYTES
    endless = growing._replace(retry=RetryPolicy(max_attempts=5000))
    assert bounds([endless], 1, Host(1, memory_bytes=250 * MB))[0] == 250 * MB + OWN_MEMORY_BYTES


def test_what_stays_beside_the_tasks_counts_in_addition() -> None:
    tasks = (sized("a", 100), sized("b", 300), sized("s", 50, service=Service()), sized("d", 7, background=True))
    assert bounds(tasks, 1, Host(1))[0] == (300 + 50 + 7) * MB + OWN_MEMORY_BYTES


def test_a_guard_that_leaves_runs_to_others_is_not_limited_for_them() -> None:
    of = site(DAILY._replace(overlap="allow"), tasks=(sized("a", 100, 1.0, 10),))
    spec = timers(of)["daily"]
    assert (spec.memory_bytes, spec.cpu, spec.processes, spec.delegate) == (0, 0.0, 0, False)


def test_only_what_the_schedule_runs_counts() -> None:
    of = site(DAILY, Schedule("one", None, "0 1 * * *", "UTC", pipelines=("a",)), tasks=(sized("a", 100), task("b")))
    specs = timers(of)
    assert (specs["one"].memory_bytes, specs["daily"].memory_bytes) == (100 * MB + OWN_MEMORY_BYTES, 0)


@given(st.lists(st.integers(1, 999), min_size=1, max_size=8), st.integers(1, 9), st.integers(0, 3000))
def test_the_limit_lets_any_tasks_run_that_may_run_together(sizes: list[int], places: int, given_mb: int) -> None:
    tasks = [sized(f"t{n}", size) for n, size in enumerate(sizes)]
    limit = bounds(tasks, places, Host(places, memory_bytes=given_mb * MB))[0] - OWN_MEMORY_BYTES
    together = [sum(sizes[n : n + places]) * MB for n in range(len(sizes))]
    fitting = [size for size in together if not given_mb or size <= given_mb * MB]
    assert all(size <= limit for size in fitting)
    assert limit <= (given_mb or sum(sizes)) * MB
