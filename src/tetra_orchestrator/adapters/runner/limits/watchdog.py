"""What the kernel does not keep is looked at: memory and processes of an attempt's tree, the size of its folder."""

from __future__ import annotations

import os
import stat
import sys
import time

from tetra_orchestrator.adapters.runner.process import identity, tree
from tetra_orchestrator.core.outcome import LimitExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tetra_orchestrator.core.facts import Bounds

#: The first pause between two looks, by how much each is longer than the one before, and the longest.
FIRST_S, _GROWTH, _LONGEST_S = 0.25, 1.25, 2.0
#: Looking takes at most this share of one CPU.
_SHARE = 0.02
_SLICE_S = 0.005


class Watchdog:
    """Looks at the limits `keys` of one attempt: `memory`, `processes`, `disk`."""

    def __init__(self, bounds: Bounds, keys: Collection[str]) -> None:
        self._bounds = bounds
        self._of_tree = "memory" in keys or "processes" in keys
        self._memory = bounds.memory_bytes if "memory" in keys else 0
        self._processes = bounds.processes if "processes" in keys else 0
        self._folder = FolderSize(bounds.folder) if "disk" in keys else None
        self._pause_s = FIRST_S

    def look(self, pid: int, token: str) -> tuple[LimitExceeded | None, float]:
        """Look at the tree of our child `pid`: the limit it has passed or None, and seconds until the next look."""
        began = time.monotonic()
        found = (self._look_at_tree(pid, token) if self._of_tree else None) or self._look_at_folder()
        spent = time.monotonic() - began
        pause_s = max(self._pause_s, spent / _SHARE)
        self._pause_s = min(self._pause_s * _GROWTH, _LONGEST_S)
        return found, pause_s

    def _look_at_tree(self, pid: int, token: str) -> LimitExceeded | None:
        main = identity(pid)
        pids = [each.pid for each in tree([main] if main else [], token).values()]
        if self._processes and len(pids) > self._processes:
            return LimitExceeded("processes", f"{len(pids)} processes are more than its limit of {self._processes}")
        if self._memory and resident(pids) > self._memory and (used := proportional(pids)) > self._memory:
            return LimitExceeded("memory", f"{used} bytes in use are more than its limit of {self._memory}")
        return None

    def _look_at_folder(self) -> LimitExceeded | None:
        if self._folder is None:
            return None
        limit = self._bounds.disk_bytes
        used = self._folder.look(limit)
        if used <= limit:
            return None
        return LimitExceeded("disk", f"{used} bytes in {self._bounds.folder} are more than its limit of {limit}")


class FolderSize:
    """The space that a folder's content takes on its disk, counted a little at a time."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._walk = sizes(folder)
        self._sum = 0
        self._before = 0

    def look(self, limit: int) -> int:
        """Count on for 5 ms at most. The size, once two counts in succession have passed `limit`; else 0.

        A single count may take so long that it meets what was there at different times.
        """
        until = time.monotonic() + _SLICE_S
        for size in self._walk:
            self._sum += size
            if self._sum > limit:
                break
            if time.monotonic() > until:
                return 0
        found = min(self._before, self._sum)
        self._before, self._sum, self._walk = self._sum, 0, sizes(self._folder)
        return found if found > limit else 0


def sizes(folder: str) -> Iterator[int]:
    """The bytes on disk of everything below `folder`, one by one; links are not followed, hard links count once."""
    seen = set()
    todo = [folder]
    while todo:
        for path, status in _entries(todo.pop()):
            if stat.S_ISDIR(status.st_mode):
                todo.append(path)
            elif status.st_nlink > 1:
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            yield status.st_blocks * 512


def _entries(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    # What vanishes under our eyes is not there.
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if (status := _status(entry)) is not None:
                    yield entry.path, status
    except OSError:
        return


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def resident_portably(pids: Iterable[int]) -> int:
    """The resident memory of the processes in bytes, as psutil tells it."""
    import psutil

    total = 0
    for pid in pids:
        try:
            total += psutil.Process(pid).memory_info().rss
        except psutil.Error:
            continue
    return total


if sys.platform == "linux":
    _PAGE = os.sysconf("SC_PAGE_SIZE")

    def resident(pids: Iterable[int]) -> int:
        """The resident memory of the processes in bytes; what they share counts for each of them."""
        return sum(int(fields[1]) for pid in pids if (fields := _words(f"/proc/{pid}/statm"))) * _PAGE

    def proportional(pids: Iterable[int]) -> int:
        """The same, in which what several share counts once; it costs the kernel a walk of their page tables."""
        return sum(_proportional(pid) for pid in pids)

    def _proportional(pid: int) -> int:
        words = _words(f"/proc/{pid}/smaps_rollup")
        return int(words[words.index(b"Pss:") + 1]) * 1024 if b"Pss:" in words else resident([pid])

    def _words(path: str) -> list[bytes]:
        try:
            with open(path, "rb") as file:
                return file.read().split()
        except OSError:
            return []

else:
    resident = proportional = resident_portably
