"""The host: disks that are really full, figures beyond what the file allows, a task that the kernel kills."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from faults.stand import Stand
from support.components import require_root
from support.http_server import HttpServer
from tetra_orchestrator import failpoints
from troubles.disk import SmallDisk, small_disk
from troubles.drill import Drill, rows

ONE = "pipelines: {load: {command: ['true']}}"
HUNGRY = """
pipelines:
  load:
    command: [python3, -c, "bytearray(int(open('size').read()))"]
    resources: {memory: 64MB}
"""
#: The default.
ENOUGH = {"disk_free": 0.1}
MB = 1 << 20


@pytest.fixture
def disk(trouble: Drill, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    """A disk at the folder that is the first of `state` and `logs` in the row's name."""
    folder = next(word for word in trouble.row["name"].split() if word in ("state", "logs"))
    with small_disk(trouble.site, folder, "32m") as found:
        trouble.tetra = found.tetra
        yield found


def test_the_disk_of_the_state_is_nearly_full(trouble: Drill, disk: SmallDisk) -> None:
    trouble.configure(ONE, monitor=ENOUGH)
    trouble.has_not_begun()
    disk.fill(left=MB // 2)
    assert disk.free < 0.02
    trouble.is_found_and_told_once()
    disk.clear()
    trouble.is_over()


def test_the_disk_of_the_state_takes_nothing_more(trouble: Drill, disk: SmallDisk) -> None:
    """Neither that nor who was told of it can be kept there, so it is kept elsewhere until it is over."""
    trouble.configure(ONE, monitor=ENOUGH)
    assert trouble.tetra("run").returncode == 0
    trouble.has_not_begun()
    disk.fill()
    assert disk.free == 0
    trouble.is_found_and_told_once()
    assert ("disk_out", "state") in trouble.look()[1]
    assert [path.name for path in disk.memory.glob("*/*.db")] == ["watch.db"]
    [alert] = trouble.server.requests[0].json["alerts"]
    assert alert["title"] == f"the state store cannot be used: {trouble.site.root}/state/tetra.db: the disk is full"
    disk.clear()
    trouble.is_over()
    assert list(disk.memory.iterdir()) == []


@pytest.mark.parametrize("place", ["aside.make", "aside.make.commit", "aside.drop", "aside.drop.commit"])
def test_a_look_that_is_killed_at_a_full_disk_loses_and_doubles_nothing(
    site: Stand, server: HttpServer, place: str
) -> None:
    full = next(row for row in rows() if row["name"] == "the disk of the state takes nothing more")
    with small_disk(site, "state", "32m") as disk:
        trouble = Drill(full, site, disk.tetra, server)
        trouble.configure(ONE, monitor=ENOUGH)
        trouble.has_not_begun()
        armed = {failpoints.VARIABLE: f"{place}=kill"}
        for do, told in ((disk.fill, ["raised"]), (disk.clear, ["raised", "resolved"])):
            do()
            if disk.tetra("monitor", **armed).returncode == -signal.SIGKILL:
                trouble.look()
            assert [what for what, _, _ in trouble.letters()] == told
        assert list(disk.memory.iterdir()) == []


def test_the_disk_of_the_logs_is_low(trouble: Drill, disk: SmallDisk) -> None:
    trouble.configure(ONE, monitor=ENOUGH)
    trouble.has_not_begun()
    disk.fill(left=2 * MB)
    assert 0.02 < disk.free < 0.1
    trouble.is_found_and_told_once()
    disk.clear()
    trouble.is_over()


def goes_beyond(trouble: Drill, name: str, limit: float) -> None:
    """The machine is as it is, and the file allows too little of that for a while."""
    trouble.configure(ONE)
    trouble.has_not_begun()
    trouble.configure(ONE, monitor={name: limit})
    trouble.is_found_and_told_once()
    trouble.configure(ONE)
    trouble.is_over()


def test_memory_is_low(trouble: Drill) -> None:
    goes_beyond(trouble, "memory_free", 1)


def test_the_load_is_high(trouble: Drill) -> None:
    goes_beyond(trouble, "cpu_load", 0.0001)


def test_too_many_files_are_open(trouble: Drill) -> None:
    goes_beyond(trouble, "open_files", 0)


def test_a_task_runs_out_of_memory(trouble: Drill) -> None:
    """R-045: the kernel ends it, not we, and the letter says so."""
    require_root()
    trouble.configure(HUNGRY)
    trouble.site.write("size", str(10 * MB))
    assert trouble.tetra("run").returncode == 0
    trouble.has_not_begun()
    trouble.site.write("size", str(300 * MB))
    assert trouble.tetra("run").returncode == 2
    assert trouble.site.outcome("load")[0] == "oom"
    trouble.is_found_and_told_once()
    assert "at its memory limit" in trouble.server.requests[0].json["title"]
    trouble.site.write("size", str(10 * MB))
    assert trouble.tetra("run").returncode == 0
    trouble.is_over()
