"""The host's figures, beside what psutil says of the same moment (T-187, T-188, T-195)."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import psutil
import pytest

from tetra_orchestrator.adapters.probe import HostProbe


@pytest.fixture
def probe():
    return HostProbe()


def test_a_disk_is_as_free_as_psutil_says(probe, tmp_path):
    (disk,) = probe.disks([str(tmp_path)])
    usage = psutil.disk_usage(str(tmp_path))
    assert disk.folder == str(tmp_path)
    assert disk.free_bytes == pytest.approx(usage.free, rel=0.05)
    inodes = os.statvfs(tmp_path)
    shares = [inodes.f_bavail / inodes.f_blocks] + [inodes.f_favail / inodes.f_files] * bool(inodes.f_files)
    assert disk.free == pytest.approx(min(shares), rel=0.05)


def test_a_file_system_is_told_once_by_the_first_of_its_folders(probe, tmp_path):
    (tmp_path / "a").mkdir()
    folders = [str(tmp_path / "a"), str(tmp_path), str(tmp_path / "not/there/yet")]
    assert [disk.folder for disk in probe.disks(folders)] == folders[:1]
    assert [disk.folder for disk in probe.disks(folders[2:])] == folders[2:]


def test_another_file_system_is_another_disk(probe, tmp_path):
    if os.stat("/dev").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("/dev is on the same file system as the tests' folder")
    assert [disk.folder for disk in probe.disks([str(tmp_path), "/dev"])] == [str(tmp_path), "/dev"]


def test_memory_and_processors_are_as_psutil_says(probe):
    memory = psutil.virtual_memory()
    assert probe.memory_available() == pytest.approx(memory.available / memory.total, rel=0.05)
    used, total = probe.cpu_times()
    times = psutil.cpu_times()
    assert 0 < used < total
    assert total - used == pytest.approx(times.idle + getattr(times, "iowait", 0.0), rel=0.05)


def test_open_files_are_a_share_or_unknown(probe):
    share = probe.open_files()
    assert share is None or 0 <= share < 1


def test_a_file_was_modified_at_its_time_and_what_cannot_be_seen_never(probe, tmp_path):
    (tmp_path / "f").touch()
    os.utime(tmp_path / "f", (1000, 1000))
    assert probe.modified(str(tmp_path / "f")) == datetime.fromtimestamp(1000, UTC)
    assert probe.modified(str(tmp_path / "none")) is None
