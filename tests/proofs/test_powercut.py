"""The short form of the power cuts, and that the model of the disk and the look at what is left can find something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from proofs import powercut
from proofs.disk import SECTOR, Disk, File, Folder, Resize, Write
from proofs.powercut_judge import Told, complaints
from proofs.strace import STRACE, Replay, read_trace
from support.components import require
from tetra_orchestrator.adapters.runner.wrapped.record import write_record
from tetra_orchestrator.config.cache import remember
from tetra_orchestrator.config.glance import last_known
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.outcome import Exited

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="follows system calls of Linux")
SEED = 51
LEAST = 40


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(str(tmp_path / "state"))


def left(disk: Disk, random: Random | None = None) -> dict[str, bytes]:
    return {name: content for name, (_, content) in disk.after_a_cut(random).items()}


def sync(disk: Disk, *paths: str) -> None:
    for path in paths:
        node = disk.find(os.path.normpath(os.path.join(disk.place, path)))
        node.sync(node.mark())


def put(disk: Disk, path: str, content: bytes = b"") -> File:
    file = File()
    disk.name(file, str(Path(disk.place, path)))
    file.change(Write(0, content))
    return file


# The proof


@pytest.mark.parametrize("scenario", ["endings", "surviving", "crowd", "upgrade", "slots"])
def test_fault_51_whenever_the_power_fails_nothing_that_was_told_is_lost(scenario: str) -> None:
    require("strace")
    found = powercut.cut(scenario, SEED, LEAST)
    assert found.lost == []
    assert found.images >= LEAST


@pytest.mark.parametrize("level", powercut.LEVELS)
def test_commits_that_are_not_synced_are_seen_to_be_lost(level: str) -> None:
    require("strace")
    found = powercut.cut("upgrade", SEED, LEAST, level)
    assert any("was told as" in one for one in found.lost)


# The disk


def test_a_sync_of_a_file_does_not_keep_its_name(disk: Disk) -> None:
    disk.name(Folder(), disk.place)
    put(disk, "a", b"1")
    sync(disk, "a")
    assert left(disk) == {}
    sync(disk, ".")
    assert left(disk) == {}, "the folder's own name is not there yet"
    sync(disk, "..")
    assert left(disk) == {"state/a": b"1"}


def test_a_sync_of_a_folder_does_not_keep_the_bytes_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    disk = Disk(str(tmp_path / "state"))
    file = put(disk, "a", b"12")
    sync(disk, ".")
    assert left(disk) == {"state/a": b""}
    sync(disk, "a")
    file.change(Resize(1))
    file.change(Write(1, b"x"))
    assert left(disk) == {"state/a": b"12"}


@pytest.mark.parametrize("synced", [True, False])
def test_a_new_name_of_a_file_is_kept_by_a_sync_of_its_folder(tmp_path: Path, synced: bool) -> None:
    (tmp_path / "state").mkdir()
    disk = Disk(str(tmp_path / "state"))
    put(disk, "draft", b"1")
    sync(disk, "draft", ".")
    disk.name(disk.find(f"{disk.place}/draft"), f"{disk.place}/a", instead_of=f"{disk.place}/draft")
    disk.name(disk.find(f"{disk.place}/a"), f"{disk.place}/b")
    if synced:
        sync(disk, ".")
    assert left(disk) == ({"state/a": b"1", "state/b": b"1"} if synced else {"state/draft": b"1"})


def test_a_sync_keeps_what_was_written_before_it_began() -> None:
    file = File()
    file.change(Write(0, b"1"))
    mark = file.mark()
    file.change(Write(1, b"2"))
    assert file.sync(mark)
    assert file.survives(None) == b"1"
    assert not file.sync(mark)


def test_of_what_was_not_synced_any_whole_sectors_survive() -> None:
    file = File(b"-" * 3 * SECTOR)
    file.change(Write(10, b"+" * 2 * SECTOR))
    seen = {file.survives(Random(seed)) for seed in range(200)}
    pieces = ((10, SECTOR), (SECTOR, 2 * SECTOR), (2 * SECTOR, 2 * SECTOR + 10))
    possible = set()
    for chosen in range(8):
        content = bytearray(file.kept)
        for number, (start, end) in enumerate(pieces):
            if chosen >> number & 1:
                content[start:end] = b"+" * (end - start)
        possible.add(bytes(content))
    assert seen == possible


def test_of_the_names_that_were_not_synced_the_first_few_survive() -> None:
    folder = Folder()
    disk = Disk("/nowhere/state")
    disk.root = folder
    for name in "abc":
        disk.name(File(), f"/nowhere/{name}")
    seen = {"".join(folder.survives(Random(seed))) for seed in range(50)}
    assert seen == {"", "a", "ab", "abc"}


# The trace

DEEDS = """
import mmap, os, sys
os.mkdir("state")
fd = os.open("state/a", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
os.write(fd, b"one ")
if os.fork() == 0:
    os.write(fd, b"two ")
    os._exit(0)
os.wait()
copy = os.dup(fd)
os.close(fd)
os.write(copy, b"three ")
os.set_inheritable(copy, True)
os.spawnvp(os.P_WAIT, "sh", ["sh", "-c", f"echo four >&{copy}; echo five >>state/b; echo six >>state/b"])
os.pwrite(copy, b"O", 0)
os.fsync(copy)
os.rename("state/a", "state/c")
os.link("state/c", "state/d")
os.unlink("state/c")
os.write(copy, b"seven")
os.ftruncate(copy, 12)
os.makedirs("state/x/y")
os.rmdir("state/x/y")
if sys.argv[1:]:
    with mmap.mmap(copy, 12) as memory:
        memory[:3] = b"ONE"
"""


def perform(folder: Path, *words: str) -> tuple[Disk, list[str]]:
    """The disk after the deeds, and the calls that made something last."""
    disk = Disk(str(folder / "state"))
    trace = folder / "trace"
    command = [require("strace"), *STRACE, "-o", str(trace), sys.executable, "-c", DEEDS, *words]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    steps = list(Replay(disk, lambda path, data: None).steps(read_trace(trace)))
    return disk, [call.name for call, kept in steps if kept]


def test_open_files_are_followed_over_fork_exec_and_copies(tmp_path: Path) -> None:
    disk, kept = perform(tmp_path)
    now = {name: bytes(node.now) for name, node in disk.find(disk.place).now.items() if isinstance(node, File)}
    assert now == {"d": b"One two thre", "b": b"five\nsix\n"}
    assert disk.strays() == []
    assert kept == ["fsync"]
    assert disk.find(f"{disk.place}/d").kept == b"One two three four\n"


def test_what_was_not_followed_is_noticed_in_the_end(tmp_path: Path) -> None:
    disk, _ = perform(tmp_path, "by memory")
    assert disk.strays() == ["state/d"]


# The look at what is left


def test_a_store_that_is_gone_is_a_loss_of_all_that_was_told(tmp_path: Path) -> None:
    told = Told("/printed/")
    line = b'{"schema": "tetra.run/1", "event": "run.started", "seq": 1, "run_id": "r1", "task": null, "attempt": null'
    told.take("/printed/1", line)
    told.take("/printed/1", b', "state": "running"}\n{"schema": "tetra.cancel/1", "run": {"run_id": "r1", ')
    told.take("/printed/1", b'"state": "cancelled"}}\n')
    told.take("/elsewhere", line)
    assert complaints({}, told, {}, tmp_path) == [
        "run r1 was told to be cancelled, and is None",
        "event 1 of run r1 was told as ('run.started', None, None, 'running'), and is None",
    ]


def test_a_torn_record_is_no_loss_as_nobody_reads_it(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    record = tmp_path / "record"
    write_record(str(record), "token", Exited(3), NO_FACTS)
    whole = record.read_bytes()
    assert complaints({"state/1.record.json": (File(whole), whole[:40])}, Told("/"), {}, tmp_path / "image") == []


def test_a_torn_file_that_is_read_nevertheless_is_told(tmp_path: Path) -> None:
    config = tmp_path / "orchestration.yaml"
    config.write_text("version: 1\nproject: demo\npipelines: {a: {shell: 'true'}, b: {shell: 'true'}}\n")
    remember(load_project(str(config), environ={}).project)
    glance = tmp_path / "state" / "cache" / "glance"
    whole = glance.read_bytes()
    assert last_known(str(config)).pipelines == ("a", "b")
    first = whole.replace(b"\npipeline b ", b"")
    assert first != whole
    found = complaints({"state/cache/glance": (File(whole), first)}, Told("/"), {}, tmp_path)
    assert found == ["state/cache/glance is torn, and is read nevertheless"]
