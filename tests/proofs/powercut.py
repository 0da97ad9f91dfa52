"""`python -m proofs powercut`: the power fails at every step of real runs, and nothing that was told is lost.

Each scenario of the workload runs once under strace(1). Its system calls are then performed again on the model of a
disk, and wherever the power may have failed the next command looks at what is left: right before every sync, when
nothing of what was not synced survives, and after steps drawn by the seed, when any part of it does. That is harsher
than a journalling file system. What only a disk can do that lies about a sync is not covered.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import NamedTuple

import apsw

from proofs.disk import Disk
from proofs.powercut_judge import Left, Outputs, Told, complaints
from proofs.powercut_lowered import LEVELS
from proofs.powercut_workload import FUNCTIONS, PRINTED, SCENARIOS
from proofs.strace import BY_DESCRIPTOR, STRACE, Call, Replay, read_trace
from tetra_orchestrator.core.slots import PAUSED, RAN, SKIPPED_OVERLAP, SKIPPED_POLICY
from tetra_orchestrator.core.states import RUN_TERMINAL, TERMINAL

VERSION_1 = Path(__file__).parents[1] / "adapters" / "store" / "version_1.sql"
#: Of one scenario under strace, on a busy machine.
PATIENCE_S = 300.0
IMAGES = 2000
#: Of all these the whole workload has to tell.
STATES = {
    "pipeline paused",
    *(f"slot {one}" for one in (RAN, SKIPPED_POLICY, SKIPPED_OVERLAP, PAUSED)),
    *(f"task {one}" for one in TERMINAL),
    *(f"run {one}" for one in RUN_TERMINAL),
}


class Recording(NamedTuple):
    """A scenario that was performed: the disk as it was before, and every call after that."""

    disk: Disk
    calls: list[Call]
    outputs: Outputs


class Figures(NamedTuple):
    """How many images were looked at, a line for each in which something was lost, and the states that were told."""

    images: int
    lost: list[str]
    states: set[str]


def main(argv: list[str]) -> int:
    """Try every scenario; 1 where something was lost."""
    parser = argparse.ArgumentParser(prog="python -m proofs powercut", description="Power cuts, replayed.")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)), help="(default: a new one)")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"at least so many (default: {IMAGES})")
    parser.add_argument("--only", choices=SCENARIOS, help="this scenario")
    parser.add_argument("--synchronous", choices=LEVELS, help="with commits that are less durable: it has to be seen")
    given = parser.parse_args(argv)
    if not shutil.which("strace"):
        print("needs strace: apt-get install strace", file=sys.stderr)
        return 1
    print(f"seed {given.seed}", flush=True)
    names = [given.only] if given.only else list(SCENARIOS)
    images, lost, unseen = 0, 0, set(STATES)
    for name in names:
        found = cut(name, given.seed, -(-given.images // len(names)), given.synchronous)
        images, lost, unseen = images + found.images, lost + len(found.lost), unseen - found.states
        print(f"{name}: images {found.images} lost {len(found.lost)}", *found.lost[:3], sep="\n  ", flush=True)
    if unseen and not given.only:
        print(f"nothing is proved of what was not told: {', '.join(sorted(unseen))}")
    print(f"images {images} lost {lost}")
    return int(lost > 0 or bool(unseen and not given.only))


def cut(name: str, seed: int, least: int, synchronous: str | None = None) -> Figures:
    """Perform the scenario, and look at so many images of its disk at least."""
    with tempfile.TemporaryDirectory(prefix="tetra powercut ") as folder:
        return judge(record(name, Path(folder).resolve(), synchronous), Random(f"{seed} {name}"), least)


def record(name: str, root: Path, synchronous: str | None = None) -> Recording:
    """Perform the scenario in a project at `root` under strace."""
    scenario = SCENARIOS[name]
    (root / "orchestration.yaml").write_text(scenario.configuration())
    (root / "functions.py").write_text(FUNCTIONS)
    (root / PRINTED).mkdir()
    if scenario.old:
        _make_version_1(root / "state" / "tetra.db")
    disk = Disk(str(root / "state"))
    before = deepcopy(disk)
    trace = root / "trace"
    paths = os.pathsep.join(path for path in sys.path if path)
    subprocess.run(
        ["strace", *STRACE, "-o", str(trace), *_workload(name, root, synchronous)],
        env={**os.environ, "PYTHONPATH": paths},
        timeout=PATIENCE_S,
        check=True,
    )
    calls = read_trace(trace)
    for _ in Replay(disk, lambda path, data: None).steps(calls):
        pass
    assert not disk.strays(), f"the model of the disk went astray at {disk.strays()[:5]}"
    return Recording(before, calls, scenario.outputs())


def _workload(name: str, root: Path, synchronous: str | None) -> list[str]:
    command = [sys.executable, "-m", "proofs.powercut_workload", name, str(root)]
    return [*command, synchronous] if synchronous else command


def _make_version_1(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    store = apsw.Connection(str(path))
    store.execute(VERSION_1.read_text())
    store.close()


def judge(recording: Recording, random: Random, least: int) -> Figures:
    """Look at every image without what was not synced, and at random ones until there are `least`."""
    images, lost = 0, []
    for what, left, told in _images(recording, random, least):
        images += 1
        if found := _complaints(left, told, recording.outputs):
            lost.append(f"after {what}, {len(told)} facts told: {found[0]}")
    return Figures(images, lost, told.states())


def _images(recording: Recording, random: Random, least: int) -> Iterator[tuple[str, Left, Told]]:
    """What happened last, what is left then, and what had been told by then."""
    steps = [kept for _, kept in Replay(deepcopy(recording.disk), lambda path, data: None).steps(recording.calls)]
    drawn = Counter(random.choices(range(len(steps)), k=max(least - sum(steps) - 1, 0)))
    disk, told = deepcopy(recording.disk), Told(os.path.join(recording.disk.above, PRINTED, ""))
    last, left = "the start", disk.after_a_cut()
    for number, (call, kept) in enumerate(Replay(disk, told.take).steps(recording.calls)):
        if kept:  # until now `left` would have been left, whatever was told meanwhile
            yield last, left, told
            last, left = _spoken(call, disk), disk.after_a_cut()
        for _ in range(drawn[number]):
            yield f"{_spoken(call, disk)}, at random", disk.after_a_cut(random), told
    yield last, left, told


def _spoken(call: Call, disk: Disk) -> str:
    path = call.place() if call.name in BY_DESCRIPTOR else os.fsdecode(call.texts()[-1])
    return f"{call.name} of {path.removeprefix(disk.above + '/')}"


def _complaints(left: Left, told: Told, outputs: Outputs) -> list[str]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tetra image ", dir=memory) as folder:
        return complaints(left, told, outputs, Path(folder))
