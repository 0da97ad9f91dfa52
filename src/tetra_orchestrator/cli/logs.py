"""`logs`: the run's own log, or the latest attempt's of each task of a pipeline; followed while it grows."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from tetra_orchestrator.cli.project import ConfigOption
from tetra_orchestrator.cli.records import find_run
from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Run
    from tetra_orchestrator.ports import Store

POLL_S = 0.2


def command(
    pipeline: Annotated[str | None, typer.Option("--pipeline", "-p", help="The logs of its tasks.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Run id; the newest without one.")] = None,
    tail: Annotated[int | None, typer.Option(min=0, metavar="N", help="Only the last N lines.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print what is added until the run ends.")] = False,
    config: ConfigOption = None,
) -> int:
    """Print logs. Control characters are shown escaped, never sent to the terminal."""
    from tetra_orchestrator import wire

    with wire.settled_store(config) as store:
        run = find_run(store, run_id, pipeline)
        if follow:
            _follow(store, run, pipeline, tail)
            return 0
        paths = _paths(store, run, pipeline)
    for path in paths:
        if len(paths) > 1:
            print(f"==> {path} <==")
        _Reader(path, tail).copy()
    return 0


def _paths(store: Store, run: Run, pipeline: str | None) -> list[str]:
    """The files to print, each task's latest attempt in the order of the plan."""
    if pipeline is None:
        return [run.log] if run.log else []
    tasks = {task.task_id for task in store.task_runs(run.run_id) if task.pipeline == pipeline}
    if not tasks:
        raise UsageError(f"run {run.run_id} has no pipeline '{pipeline}'", hint=f"`tetra show {run.run_id}` lists them")
    latest = {attempt.task_id: attempt.log for attempt in store.attempts(run.run_id) if attempt.task_id in tasks}
    return [log for log in latest.values() if log]


def _follow(store: Store, run: Run, pipeline: str | None, tail: int | None) -> None:
    """Copy what the logs have and gain until the run is over, later attempts included."""
    readers: dict[str, _Reader] = {}
    while True:
        state = (store.run(run.run_id) or run).state
        for path in _paths(store, run, pipeline):
            if path not in readers:
                readers[path] = _Reader(path, tail)
                if len(readers) > 1:
                    print(f"==> {path} <==")
            readers[path].copy()
        if state not in RUN_ACTIVE:
            return
        time.sleep(POLL_S)


class _Reader:
    """Copies a growing file to standard output, from its last `tail` lines on."""

    def __init__(self, path: str, tail: int | None):
        self._path = path
        self._offset = 0 if tail is None else _offset_of_tail(path, tail)

    def copy(self) -> None:
        """Print what was added since the last call."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                while block := file.read(1 << 16):
                    self._offset += len(block)
                    sys.stdout.write(_harmless(block))
        except FileNotFoundError:
            print(f"{self._path} is no longer there", file=sys.stderr)
        sys.stdout.flush()


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


def _harmless(block: bytes) -> str:
    """Text that cannot drive the terminal: control characters other than newline and tab become `\\x1b`."""
    text = block.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(c if c >= " " and c != "\x7f" or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
