"""What psutil and the file system say about the host."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from tetra_orchestrator.watch_ports import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class HostProbe:
    """Figures of this machine at the moment of asking."""

    def disks(self, folders: Sequence[str]) -> list[Disk]:
        """The file systems of the folders, each once."""
        found: dict[int | str, Disk] = {}
        for folder in folders:
            try:
                place = _nearest(folder)
                device = os.stat(place).st_dev
                if device not in found:
                    found[device] = _disk(folder, os.statvfs(place))
            except OSError:
                found[folder] = Disk(folder, None)
        return list(found.values())

    def memory_available(self) -> float:
        """The share (0 to 1) of the memory that can be had without swapping."""
        import psutil

        memory = psutil.virtual_memory()
        return float(memory.available / memory.total)

    def load_per_cpu(self) -> float:
        """The one-minute load average divided by the number of CPUs."""
        return os.getloadavg()[0] / (os.cpu_count() or 1)

    def cpu_times(self) -> tuple[float, float]:
        """Processor seconds since the start of the machine: those that were used, and all."""
        import psutil

        times = psutil.cpu_times()
        # guest time is in user time already (proc_stat(5))
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return total - times.idle - getattr(times, "iowait", 0.0), total

    def open_files(self) -> float | None:
        """The share (0 to 1) of the open files that the kernel allows which there are; None where it does not tell."""
        try:
            with open("/proc/sys/fs/file-nr", encoding="ascii") as file:
                used, _, most = map(int, file.read().split())
        except (OSError, ValueError):
            return None
        return used / most if most else None

    def modified(self, path: str) -> datetime | None:
        """When the file was last written (UTC), or None where it cannot be seen or its time is beyond the year 9999."""
        try:
            return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
        except (OSError, OverflowError, ValueError):
            return None


def _nearest(folder: str) -> str:
    """The folder, or where it would be made."""
    while not os.path.exists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _disk(folder: str, usage: os.statvfs_result) -> Disk:
    """A file system without a fixed number of files tells none of them."""
    shares = [(usage.f_bavail, usage.f_blocks), (usage.f_favail, usage.f_files)]
    free = min((left / most for left, most in shares if most), default=1.0)
    return Disk(folder, free, usage.f_bavail * usage.f_frsize)


def boot() -> str:
    """A name for the time since the machine was started: the kernel's (random(4)), else the minute of the start."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        import psutil

        return str(round(psutil.boot_time() / 60))
