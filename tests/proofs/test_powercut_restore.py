"""The power fails at every step of a restore: afterwards the one store is there or the other, whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from random import Random

import pytest

from adapters.store.test_backups import BEFORE, RESTORE, RESTORED, filled, killed, runs
from proofs.disk import Disk
from proofs.strace import STRACE, Replay, read_trace
from support.components import require
from tetra_orchestrator.adapters.store.sqlite_upkeep import back_up

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="follows system calls of Linux")
SEED = 60
#: Of so many steps, each by chance, any part of what was not synced survives.
DRAWN = 40


@pytest.fixture
def copy(tmp_path: Path) -> str:
    other = str(tmp_path / "other" / "tetra.db")
    filled(other, *RESTORED)
    return back_up(other, str(tmp_path / "copy.db"), replace=False).path


def images(root: Path, copy: str) -> Iterator[tuple[bool, Mapping[str, tuple[object, bytes]]]]:
    """What a power cut leaves at each step of a restore, and whether all of that has been done by then."""
    disk = Disk(str(root / "state"))
    trace = root / "trace"
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [require("strace"), *STRACE, "-o", str(trace), sys.executable, "-c", RESTORE]
    subprocess.run(
        [*command, str(root / "state" / "tetra.db"), copy],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        timeout=60,
    )
    calls, random = read_trace(trace), Random(SEED)
    steps = sum(1 for _ in Replay(deepcopy(disk), lambda path, data: None).steps(calls))
    yield False, disk.after_a_cut()
    for number, (_, kept) in enumerate(Replay(disk, lambda path, data: None).steps(calls)):
        if kept:
            yield False, disk.after_a_cut()
        if random.random() < DRAWN / steps:
            yield False, disk.after_a_cut(random)
        if number == steps - 1:
            yield True, disk.after_a_cut()


@pytest.mark.parametrize("crashed", [False, True])
def test_fault_51_whenever_the_power_fails_a_restore_leaves_the_one_store_or_the_other(
    tmp_path: Path, copy: str, crashed: bool
) -> None:
    path = str(tmp_path / "state" / "tetra.db")
    if crashed:
        killed(path)
    else:
        filled(path, *BEFORE)
    seen = []
    for number, (done, left) in enumerate(images(tmp_path, copy)):
        folder = tmp_path / f"image {number}"
        for name, (_, content) in left.items():
            file = folder / name
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o600)
        seen.append(runs(str(folder / "state" / "tetra.db")))
        assert not done or seen[-1] == RESTORED
    assert set(seen) == {BEFORE, RESTORED}
    assert len(seen) > DRAWN / 2
