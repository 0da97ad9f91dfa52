"""What the figures depend on: the machine, the versions, and what durability costs here."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tetra_orchestrator.adapters.store.sqlite import SqliteStore

SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


class Durability(NamedTuple):
    """What a live connection to a store says of itself."""

    journal: str
    synchronous: str
    sqlite: str


class _Opened(SqliteStore):
    """A store as every command opens it. Pragmas belong to connections, so only a connection can tell."""

    def durability(self) -> Durability:
        level = SYNCHRONOUS[self._pragma("synchronous")]
        return Durability(self._pragma("journal_mode"), level, self._all("SELECT sqlite_version()")[0][0])


def durability(store: Path) -> Durability:
    """How durable commits to the store are. AssertionError unless synchronous is FULL."""
    opened = _Opened(str(store))
    try:
        found = opened.durability()
    finally:
        opened.close()
    assert found.synchronous == "FULL", found
    return found


def sync_seconds(folder: Path, times: int = 50) -> float:
    """Median seconds of appending a page to a file and having it on the disk: nearly nothing in memory."""
    taken = []
    with open(folder / "sync", "ab", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken)


def describe() -> str:
    """System, kernel, processor and versions in one line."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.platform(terse=True)
    make = subprocess.run(["make", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"{system}, {kernel}, {os.cpu_count()} cores, Python {platform.python_version()}, {make}"
