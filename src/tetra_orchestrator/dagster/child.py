"""One attempt of a task by our own command in a child process, and what is heard of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from queue import Empty, SimpleQueue
from threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO, Any

    Row = Mapping[str, Any]

TASK = "tetra.task/1"
#: Seconds between two looks at what the task has printed.
LOOK_S = 0.5
#: Seconds that our command gets beyond the grace of the task when it has to end.
GRACE_S = 60.0


def attempt(order: Row, grace_s: float, hear: Callable[[Row], object], look: Callable[[], object]) -> Row:
    """Have the command do what the order says, and return the last object that it printed.

    `hear` is called with every object, `look` now and then. Where either raises, or this process dies, the task and
    everything that it has started is ended.
    """
    command = [sys.executable, "-m", "tetra_orchestrator", "__task", "--json"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as noise:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=noise, text=True, encoding="utf-8"
        )
        assert child.stdin is not None
        assert child.stdout is not None
        lines: SimpleQueue[str | None] = SimpleQueue()
        reader = Thread(target=_read, args=(child.stdout, lines), daemon=True)
        reader.start()
        last: Row = {}
        try:
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()
            for line in _lines(lines, look):
                last = json.loads(line)
                hear(last)
            child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait(grace_s + GRACE_S)
            reader.join()
            child.stdin.close()
            child.stdout.close()
        noise.seek(0)
        said = noise.read().strip()
    return {"said": said, "exit": child.returncode, **last}


def _read(stream: IO[str], lines: SimpleQueue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _lines(lines: SimpleQueue[str | None], look: Callable[[], object]) -> Iterator[str]:
    while True:
        try:
            line = lines.get(timeout=LOOK_S)
        except Empty:
            look()
            continue
        if line is None:
            return
        yield line
