"""Where groups are made, what is written there and what is read, on folders that look like the kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.runner.limits import cgroup
from tetra_orchestrator.adapters.runner.limits.cgroup import Group, Place, find_place, settings_of
from tetra_orchestrator.core.facts import Bounds

GB = 1 << 30
ALL = Bounds(memory_bytes=2 * GB, cpu=1.5, processes=50, open_files=9, disk_bytes=9, folder="/tmp")
DELEGATED = "tetra-1.scope"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def proc(tmp_path: Path, *lines: tuple[str, str, str, str]) -> str:
    """A /proc/self; lines are (controllers, own path, mount point, the mount's root)."""
    groups = "".join(f"{n}:{names}:{path}\n" for n, (names, path, _, _) in enumerate(lines))
    mounts = "".join(
        f"30 20 0:25 {root} {at} rw,nosuid shared:9 - cgroup{'' if names else '2'} cgroup rw,{names or 'nsdelegate'}\n"
        for names, _, at, root in lines
    )
    other = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    return str(write(tmp_path / "proc", cgroup=groups, mountinfo=other + mounts))


def unified(tmp_path: Path, own: str, offered: str = "cpu memory pids", handed_down: str = "", **more: str) -> str:
    """A /proc/self whose group of v2 is `own`."""
    files = {"cgroup__controllers": offered, "cgroup__subtree_control": handed_down, "cgroup__type": "domain\n"}
    write(tmp_path / "v2" / own, cgroup__procs=f"1\n{os.getpid()}\n", **files | more)
    return proc(tmp_path, ("", f"/{own}", str(tmp_path / "v2"), "/"))


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.mark.parametrize(
    ("key", "in_v2", "in_v1"),
    [
        (
            "memory",
            [("memory.max", "2147483648"), ("memory.swap.max", "0"), ("memory.oom.group", "1")],
            [("memory.limit_in_bytes", "2147483648"), ("memory.swappiness", "0")],
        ),
        ("processes", [("pids.max", "50")], [("pids.max", "50")]),
        (
            "cpu",
            [("cpu.max", "150000 100000")],
            [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "150000")],
        ),
    ],
)
def test_a_limit_is_written_as_the_kernel_reads_it(
    key: str, in_v2: list[tuple[str, str]], in_v1: list[tuple[str, str]]
) -> None:
    assert list(settings_of(key, ALL, unified=True)) == in_v2
    assert list(settings_of(key, ALL, unified=False)) == in_v1
    assert settings_of(key, Bounds(open_files=9), unified=True) == ()


def test_a_share_of_cpu_is_at_least_the_kernels_smallest_quota() -> None:
    assert settings_of("cpu", Bounds(cpu=0.001), unified=True) == (("cpu.max", "1000 100000"),)


def test_a_delegated_group_of_v2_hands_its_controllers_down_and_is_left_for_a_leaf(tmp_path: Path) -> None:
    place = find_place(unified(tmp_path, f"system.slice/{DELEGATED}"))
    base = tmp_path / "v2" / "system.slice" / DELEGATED
    assert place == Place(True, (("memory", str(base)), ("pids", str(base)), ("cpu", str(base))))
    assert (base / "tetra-main" / "cgroup.procs").read_text() == str(os.getpid())  # the last that was moved
    assert (base / "cgroup.subtree_control").read_text() == "+pids"  # the last that was written


def test_who_is_in_the_leaf_already_uses_the_group_around_it(tmp_path: Path) -> None:
    given = unified(tmp_path, f"{DELEGATED}/tetra-main")
    base = write(
        tmp_path / "v2" / DELEGATED,
        cgroup__controllers="memory",
        cgroup__subtree_control="memory",
        cgroup__procs="",
    )
    assert find_place(given) == Place(True, (("memory", str(base)),))
    assert (base / "cgroup.subtree_control").read_text() == "memory"


def test_a_group_that_is_systemds_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup.os.path, "isdir", lambda path: path == "/run/systemd/system")
    given = unified(tmp_path, "system.slice/cron.service", handed_down="memory pids")
    assert find_place(given) is None
    assert not (tmp_path / "v2" / "system.slice" / "cron.service" / "tetra-main").exists()


@pytest.mark.parametrize(("offered", "own"), [("hugetlb", DELEGATED), ("", DELEGATED)])
def test_a_group_of_v2_without_our_controllers_is_of_no_use(tmp_path: Path, offered: str, own: str) -> None:
    assert find_place(unified(tmp_path, own, offered=offered)) is None


def test_without_control_groups_there_is_no_place(tmp_path: Path) -> None:
    assert find_place(str(tmp_path / "no-proc")) is None


def test_a_folder_that_does_not_hold_us_is_not_ours(tmp_path: Path) -> None:
    given = unified(tmp_path, DELEGATED)
    (tmp_path / "v2" / DELEGATED / "cgroup.procs").write_text("1\n2\n")
    assert find_place(given) is None


def test_in_v1_each_controller_has_a_folder_of_its_own(tmp_path: Path) -> None:
    at = {name: str(tmp_path / name) for name in ("memory", "cpu")}
    write(tmp_path / "memory" / "outer" / "job", cgroup__procs=f"{os.getpid()}\n")
    write(tmp_path / "cpu", cgroup__procs=f"{os.getpid()}\n")
    write(tmp_path / "v2", cgroup__procs=f"{os.getpid()}\n", cgroup__controllers="hugetlb")
    given = proc(
        tmp_path,
        ("memory", "/outer/job", at["memory"], "/"),
        ("cpu,cpuacct", "/container", at["cpu"], "/container"),
        ("", "/", str(tmp_path / "v2"), "/"),
    )
    assert find_place(given) == Place(False, (("memory", f"{at['memory']}/outer/job"), ("cpu", at["cpu"])))


def test_a_group_gets_the_limits_that_its_place_can_keep(tmp_path: Path) -> None:
    place = Place(True, (("memory", str(tmp_path)), ("pids", str(tmp_path))))
    group = place.group("token", ALL)
    assert group is not None
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith(f"tetra-{os.getpid()}.")
    assert folder.name.endswith("-token")
    assert group.enforced == {"memory", "processes"}
    assert group.entrances == (f"{folder}/cgroup.procs",)
    assert texts(folder) == {
        "memory.max": "2147483648",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "50",
    }


def test_no_group_is_made_for_what_none_can_keep(tmp_path: Path) -> None:
    place = Place(True, (("memory", str(tmp_path)),))
    assert place.group("token", Bounds(open_files=9, processes=5)) is None
    assert list(tmp_path.iterdir()) == []


def test_where_no_group_can_be_made_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Place(True, (("memory", str(tmp_path / "file")),)).group("token", ALL) is None


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"memory__events": "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n"}, "limit"),
        ({"memory__events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n"}, "host"),
        ({"memory__events": "low 0\nhigh 0\nmax 9\noom 1\noom_kill 0\n"}, None),
        ({"memory__oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "memory__failcnt": "67\n"}, "limit"),
        ({"memory__oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "memory__failcnt": "0\n"}, "host"),
        ({"memory__oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", "memory__failcnt": "9\n"}, None),
        ({}, None),
    ],
)
def test_a_kill_for_want_of_memory_is_read_from_the_kernels_counts(
    tmp_path: Path, files: dict[str, str], why: str | None
) -> None:
    assert Group((str(write(tmp_path, **files)),), frozenset()).out_of_memory() == why


@pytest.mark.parametrize(
    ("files", "seconds"),
    [
        ({"cpu.stat": "usage_usec 1250000\nuser_usec 1000000\nsystem_usec 250000\n"}, 1.25),
        ({"cpu.stat": "nr_periods 0\nnr_throttled 0\n", "cpuacct.usage": "2500000000\n"}, 2.5),
        ({"cpu.stat": "nr_periods 0\n"}, None),
        ({"memory.max": "5"}, None),
    ],
)
def test_processor_time_is_read_where_the_kernel_counts_it(
    tmp_path: Path, files: dict[str, str], seconds: float | None
) -> None:
    group = Group((str(write(tmp_path / "a")), str(write(tmp_path / "b", **files))), frozenset())
    assert group.cpu_s() == seconds


def test_refused_processes_are_counted(tmp_path: Path) -> None:
    assert Group((str(write(tmp_path, pids__events="max 7\n")),), frozenset()).refused() == 7


@pytest.mark.parametrize(("populated", "empty"), [("populated 1\nfrozen 0\n", False), ("populated 0\n", True)])
def test_the_kernel_says_whether_a_group_of_v2_is_empty_and_kills_all_of_it(
    tmp_path: Path, populated: str, empty: bool
) -> None:
    group = Group((str(write(tmp_path, cgroup__events=populated)),), frozenset())
    assert group.empty() is empty
    group.kill()
    assert (tmp_path / "cgroup.kill").read_text() == "1"


def test_empty_groups_of_our_dead_are_swept_away_and_no_others(tmp_path: Path) -> None:
    kept = [f"{cgroup.PREFIX}{cgroup._owner(os.getpid())}-a", "tetra-main", "other", "tetra-x.1-b", "9.9-c"]
    for name in [*kept, f"tetra-{os.getpid()}.5-d", "tetra-999999999.1-e", "tetra-999999999.1-f/nested"]:
        (tmp_path / name).mkdir(parents=True)
    write(tmp_path / "tetra-999999999.1-g", cgroup__procs="1")
    Place(True, (("memory", str(tmp_path)),)).sweep()
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*kept, "tetra-999999999.1-g"])
