"""`logs`: the run's own log, or the latest attempt's of each task of a pipeline; followed while it grows."""

from __future__ import annotations

import os
import sys
import time
from codecs import getincrementaldecoder
from typing import Annotated

import typer

from tetra_orchestrator.cli.known import glance, settled_scene
from tetra_orchestrator.cli.project import ConfigOption
from tetra_orchestrator.cli.records import find_run
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.ports import Store

POLL_S = 0.2
#: How often a follower looks whether the run's owner still lives.
SETTLE_S = 1.0


def command(
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", "-p", metavar="PIPELINE", help="The logs of its tasks.")
    ] = None,
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Run id; the newest without one.")] = None,
    tail: Annotated[int | None, typer.Option(min=0, metavar="N", help="Only the last N lines.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print what is added until the run ends.")] = False,
    config: ConfigOption = None,
) -> int:
    """Print logs. Control characters are shown escaped, never sent to the terminal.

    Examples: `logs`, `logs --follow`, `logs -p data_pipeline --tail 50`, `logs --run latest`.
    """

    with settled_scene(config) as scene:
        store = scene.store
        if pipeline is not None:
            _check_known(pipeline, {one.pipeline.name for one in store.summaries()}, config)
        run = find_run(store, run_id, pipeline)
        if follow:
            _follow(scene, run, pipeline, tail)
            return 0
        paths = _paths(store, run, pipeline)
        notes = {one.log: one.facts.note for one in store.attempts(run.run_id) if one.facts.note} if pipeline else {}
    for path in paths:
        if len(paths) > 1:
            print(f"==> {path} <==")
        _Reader(path, tail).copy(whole=True)
        if path in notes:
            print(f"note: {printable(notes[path])}", file=sys.stderr)
    return 0


def _check_known(pipeline: str, recorded: set[str], config: str | None) -> None:
    """Raises `UsageError` for a pipeline that neither a run nor the file has had."""
    if pipeline in recorded:
        return
    listed = glance(config).pipelines
    if pipeline not in listed:
        raise UsageError(f"Unknown pipeline: {pipeline}", hint=suggest(pipeline, listed, "pipelines"))


def _paths(store: Store, run: Run, pipeline: str | None) -> list[str]:
    """The files to print, each task's latest attempt in the order of the plan."""
    if pipeline is None:
        return [run.log] if run.log else []
    tasks = {task.task_id for task in store.task_runs(run.run_id) if task.pipeline == pipeline}
    if not tasks:
        raise UsageError(f"run {run.run_id} has no pipeline '{pipeline}'", hint=f"`tetra show {run.run_id}` lists them")
    latest = {attempt.task_id: attempt.log for attempt in store.attempts(run.run_id) if attempt.task_id in tasks}
    return [log for log in latest.values() if log]


def _follow(scene: Scene, run: Run, pipeline: str | None, tail: int | None) -> None:
    """Copy what the logs have and gain until the run is over, later attempts included."""
    from tetra_orchestrator.engine.reconcile import reconcile

    store = scene.store
    readers: dict[str, _Reader] = {}
    settle_at = time.monotonic() + SETTLE_S
    while True:
        if time.monotonic() >= settle_at:
            reconcile(scene, end_survivors=False)
            settle_at = time.monotonic() + SETTLE_S
        over = (store.run(run.run_id) or run).state not in RUN_ACTIVE
        paths = _paths(store, run, pipeline)
        for reader in readers.values():
            reader.copy(whole=over)
        for path in paths:
            if path not in readers:
                readers[path] = _Reader(path, tail)
                if len(readers) > 1:
                    print(f"==> {path} <==")
                readers[path].copy(whole=over)
        if over:
            return
        time.sleep(POLL_S)


class _Reader:
    """Copies a growing file to standard output, from its last `tail` lines on."""

    def __init__(self, path: str, tail: int | None):
        self._path = path
        self._offset = 0 if tail is None else _offset_of_tail(path, tail)
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._file: tuple[int, int] | None = None
        self._told = False

    def copy(self, *, whole: bool) -> None:
        """Print what was added since the last call. `whole`: nothing will follow, so half a character is one too."""
        try:
            with open(self._path, "rb") as file:
                self._copy(file)
        except FileNotFoundError:
            if whole or self._file:
                self._tell("was moved or deleted")
        if whole:
            self._write(self._decoder.decode(b"", final=True), whole=True)
        sys.stdout.flush()

    def _copy(self, file: BinaryIO) -> None:
        found = os.fstat(file.fileno())
        self._file = self._file or (found.st_dev, found.st_ino)
        if self._file != (found.st_dev, found.st_ino):
            self._tell("was moved or deleted, and another file is in its place")
            return
        if found.st_size < self._offset:
            self._tell("was cut short")
            self._offset = 0
        file.seek(self._offset)
        while block := file.read(1 << 16):
            self._offset += len(block)
            self._write(self._decoder.decode(block))

    def _tell(self, what: str) -> None:
        """Say once on standard error what became of the file."""
        if not self._told:
            self._told = True
            print(f"{self._path} {what}", file=sys.stderr)

    def _write(self, text: str, *, whole: bool = False) -> None:
        """Print the text harmlessly, a line's end CR LF as LF; a CR at the end waits for what comes next."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") and not whole else ""
        sys.stdout.write(printable(text.removesuffix(self._held).replace("\r\n", "\n")))


def _offset_of_tail(path: str, lines: int) -> int:
    """Where the last `lines` lines of the file begin."""
    try:
        with open(path, "rb") as file:
            end = offset = file.seek(0, 2)
            found = 0
            while offset > 0:
                size = min(1 << 16, offset)
                offset -= size
                file.seek(offset)
                block = file.read(size)
                for index in range(size - 1, -1, -1):
                    if block[index] == 0x0A and offset + index != end - 1:
                        found += 1
                        if found == lines:
                            return offset + index + 1
            return 0 if lines else end
    except FileNotFoundError:
        return 0
