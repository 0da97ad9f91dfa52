"""What psutil and the file system say about the host."""

from __future__ import annotations

import os
from datetime import UTC, datetime


class HostProbe:
    """Figures of this machine at the moment of asking."""

    def disk_free(self, path: str) -> float:
        """The share (0 to 1) of the file system holding `path` that is free to us."""
        usage = os.statvfs(path)
        return usage.f_bavail / usage.f_blocks if usage.f_blocks else 1.0

    def memory_available(self) -> float:
        """The share (0 to 1) of the memory that can be had without swapping."""
        import psutil

        memory = psutil.virtual_memory()
        return float(memory.available / memory.total)

    def load_per_cpu(self) -> float:
        """The one-minute load average divided by the number of CPUs."""
        return os.getloadavg()[0] / (os.cpu_count() or 1)

    def modified(self, path: str) -> datetime | None:
        """When the file was last written (UTC), or None where it cannot be seen or its time is beyond the year 9999."""
        try:
            return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
        except (OSError, OverflowError, ValueError):
            return None


def boot() -> str:
    """A name for the time since the machine was started: the kernel's (random(4)), else the minute of the start."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        import psutil

        return str(round(psutil.boot_time() / 60))
