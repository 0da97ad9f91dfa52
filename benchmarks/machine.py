"""What the figures depend on: the machine, and what durability is and costs here."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from statistics import median

from tetra_orchestrator.adapters.store.sqlite import SqliteStore

SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


def durability(store: Path) -> dict[str, str]:
    """How durable commits are on a connection made as every command makes it. AssertionError unless it is FULL."""
    opened = SqliteStore(str(store))
    try:
        ask = opened.connection.execute
        ((journal,),) = ask("PRAGMA journal_mode")
        ((level,),) = ask("PRAGMA synchronous")
        ((version,),) = ask("SELECT sqlite_version()")
    finally:
        opened.close()
    found = {"sqlite": str(version), "journal": str(journal), "synchronous": SYNCHRONOUS[int(str(level))]}
    assert found["synchronous"] == "FULL", found
    return found


def recorded(store: Path) -> int:
    """How many runs that succeeded the store has."""
    opened = SqliteStore(str(store))
    try:
        return [run.state for run in opened.runs(limit=10_000)].count("succeeded")
    finally:
        opened.close()


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
    """System, kernel, cores and interpreter in one line."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.platform(terse=True)
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"{system}, {kernel}, {os.cpu_count()} cores, Python {platform.python_version()}"
