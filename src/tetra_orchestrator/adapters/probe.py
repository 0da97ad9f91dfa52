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
