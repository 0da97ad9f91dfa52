"""What a process leaves that is killed while it makes a store."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.store import sqlite_file
from tetra_orchestrator.adapters.store.sqlite import SqliteStore


def a_dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_whoever_makes_the_store_removes_what_the_dead_have_left_of_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    dead, live = a_dead_pid(), os.getppid()
    left = [f"tetra.db.{dead}.new", f"tetra.db.{dead}.new-wal", f"tetra.db.{dead}.new-shm"]
    kept = [f"tetra.db.{live}.new", f"other.db.{dead}.new", "tetra.db.old.new", f"tetra.db.{dead}.bak"]
    for name in (*left, *kept):
        (folder / name).touch()
    SqliteStore(str(folder / "tetra.db")).close()
    assert sorted(path.name for path in folder.iterdir()) == sorted([*kept, "tetra.db", "tetra.db.reserve"])


def test_of_two_that_remove_the_same_draft_the_slower_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    left = folder / f"tetra.db.{a_dead_pid()}.new"
    left.touch()
    monkeypatch.setattr(sqlite_file, "lives", lambda pid: left.unlink(missing_ok=True))
    SqliteStore(str(folder / "tetra.db")).close()
    assert sorted(path.name for path in folder.iterdir()) == ["tetra.db", "tetra.db.reserve"]
