"""What the commands of the crash sweep write below state/ and logs/, and between which of their failpoints."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from proofs.strace import Call, read_trace
from proofs.sweep_scenarios import Scenario
from tetra_orchestrator import failpoints

MARKS = "failpoints"
DRIVER = Path(__file__).with_name("sweep_marks.py")
_STATS = ("stat", "newfstatat", "statx")
_CREATES = ("open", "openat", "creat")
_MAKES = ("mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "rename", "renameat", "renameat2")
_REMOVES = ("unlink", "unlinkat", "rmdir")
_WRITES = ("write", "pwrite64", "writev", "ftruncate", "fallocate")
_FOLLOWED = (*_STATS, *_CREATES, *_MAKES, *_REMOVES, *_WRITES)
#: Names of files that end like this are drafts of those without it.
_DRAFT = re.compile(r"\.\d+(\.new)?$")
#: A frame has a header of 24 bytes; the fifth to the eighth are 0 unless it ends a commit: sqlite.org/fileformat2.html.
FRAME_BYTES = 24

#: Writes that stand outside of failpoints, as (calls, path): why they may.
ALLOWED = {
    ((*_WRITES, *_REMOVES), r"logs/orchestrator_\w+\.log"): "the run's own log, for people: nothing is read from it",
    ((*_CREATES, *_WRITES), r"logs/runs/.*\.log"): "what a task prints: opened in the child, written by the task",
    ((*_CREATES, *_WRITES), r"state/attempts/.*\.output\.jsonl"): "what a task hands on: its own file",
    ((*_WRITES, *_REMOVES), r"state/locks/.*\.lock"): "who has a lock, for messages: the kernel knows who has it",
    ((*_CREATES, *_MAKES, *_WRITES, *_REMOVES), r"state/tetra\.db(\.\d+\.new)?(-wal|-shm|-journal)?"): (
        "SQLite's own keeping of what is committed already: a commit is the last frame of it in the journal"
    ),
    ((*_CREATES, *_MAKES, *_WRITES), r"state/cache/slots-\w+(\.\d+)?"): "what is computed again where it is not whole",
    (_REMOVES, r"state/attempts/.*\.(input\.json|output\.jsonl)"): "what nobody needs once the end is recorded",
}


#: Made for the first file in them; empty they are as good as none.
FOLDERS = (
    "state/attempts",
    "state/backups",
    "state/cache",
    "state/checkpoints",
    "state/left",
    "state/locks",
    "logs/runs",
)


class Step(NamedTuple):
    """A process comes by a failpoint, or makes one logical write."""

    pid: int
    mark: str = ""
    write: str = ""


def trace_of(scenario: Scenario, folder: Path) -> list[Step]:
    """What the command of the scenario does, undisturbed."""
    folder.mkdir()
    project = scenario.prepare(folder)
    marks = project.root / MARKS
    marks.mkdir()
    for name in failpoints.NAMES:
        (marks / name).touch()
    trace = folder / "trace"
    before = {str(path) for path in project.root.rglob("*")}
    strace = ("strace", "-f", "-q", "-y", "-xx", "-s", str(FRAME_BYTES), "-o", str(trace), "-e")
    program = (*strace, f"trace={','.join(_FOLLOWED)}", sys.executable, str(DRIVER), str(marks))
    process = project.start(*scenario.words, program=program)
    try:
        project.until(lambda: process.poll() is not None or scenario.due(project))
        project.go()
        code = project.finish(process)
        assert (code, project.complaints) == (scenario.code, []), project.complaints
        for holder in project.holders:
            project.finish(holder)
    finally:
        project.close()
    return list(steps(read_trace(trace), str(project.root), before))


def steps(calls: list[Call], root: str, there: set[str]) -> Iterator[Step]:
    """The marks and the logical writes of the calls, in their order. `there` are the paths that exist before."""
    marks = {f"{root}/{MARKS}/{name}": name for name in failpoints.NAMES}
    for call in calls:
        paths = [str(path) for path in _paths(call, root)]
        if call.name in _STATS:
            if paths and paths[0] in marks:
                yield Step(call.pid, mark=marks[paths[0]])
            continue
        made = [path for path in paths[-1:] if path not in there]
        if call.name in (*_CREATES, *_MAKES):
            there.update(made)
        elif call.name in _REMOVES:
            there.difference_update(paths)
        if call.name in _CREATES and not made and "O_TRUNC" not in call.args:
            continue
        write = _logical(call, paths[-1], root) if paths else None
        if write:
            yield Step(call.pid, write=write)


def _paths(call: Call, root: str) -> list[Path]:
    """The files it is about, absolute; relative paths start in the project's folder."""
    if call.name in _WRITES:
        return [Path(call.place())]
    texts = [text.decode(errors="replace") for text in call.texts()]
    if call.name.startswith("symlink"):
        texts = texts[-1:]  # the other one is what it says
    above = call.place() if call.name.endswith("at") and not call.args.startswith("AT_FDCWD") else root
    return [Path(above or root) / text for text in texts]


def _logical(call: Call, path: str, root: str) -> str | None:
    """The logical write that the call is, or is a part of; None where it is none."""
    name = path.removeprefix(f"{root}/")
    if not name.startswith(("state/", "logs/")) or (name in FOLDERS and call.name.startswith("mkdir")):
        return None
    if call.name in _WRITES and name.endswith("-wal"):
        return "a commit" if _ends_commit(call) else None
    if any(call.name in calls and re.fullmatch(pattern, name) for calls, pattern in ALLOWED):
        return None
    return _unit(name)


def _ends_commit(call: Call) -> bool:
    data = b"".join(call.texts())
    return call.result == FRAME_BYTES and data[4:8] != bytes(4)


def _unit(name: str) -> str:
    """The thing that a file or folder is a part of."""
    run = re.match(r"(?:logs/runs|state/attempts|state/checkpoints)/([^/]+)", name)
    if run and ".record.json" not in name:
        return f"the files of run {run[1]}"
    if name.startswith("logs/"):
        return "a log"
    return _DRAFT.sub("", name)


def unguarded(found: list[Step]) -> Iterator[str]:
    """Writes that do not stand between two failpoints of their process, and failpoints with several writes between."""
    for pid in dict.fromkeys(step.pid for step in found):
        mine = [step for step in found if step.pid == pid]
        marked = [index for index, step in enumerate(mine) if step.mark]
        first, last = (marked[0], marked[-1]) if marked else (len(mine), -1)
        since, between = "", Counter[str]()
        for index, step in enumerate(mine):
            if step.mark:
                yield from _too_many(since, step.mark, between)
                since, between = step.mark, Counter()
            elif not first < index < last:
                yield f"{step.write} after {since or 'the start'} stands outside"
            else:
                between[step.write] += 1


def _too_many(since: str, until: str, between: Counter[str]) -> Iterator[str]:
    things = len(between) + max(between["a commit"] - 1, 0)
    if things > 1:
        yield f"{', '.join(sorted(between))} between {since} and {until}"
