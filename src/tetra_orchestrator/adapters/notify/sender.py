"""The process that sends: it gets letters as JSON on its standard input and writes a line for each as soon as it knows.

A process of its own can be ended, whatever a library, a name server or a peer does; a thread cannot.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import deque
from queue import Empty, SimpleQueue

from tetra_orchestrator.adapters.notify.channels import deliver
from tetra_orchestrator.adapters.notify.errand import Errand, NotDelivered
from tetra_orchestrator.adapters.notify.parcel import unpacked
from tetra_orchestrator.core.letters import SILENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Result = Mapping[str, Any]

#: So many letters of one channel are sent at a time: what hangs on one channel keeps no other waiting.
_LANES = 4


def main() -> None:
    """Send what standard input holds, until everything is known or the deadline is there."""
    results = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no result
    signal.signal(signal.SIGTERM, _leave)
    request = json.loads(sys.stdin.buffer.read())
    os.environ.clear()  # what we were started with is not for the user's commands
    os.environ.update(request["env"])
    deadline = float(request["deadline"])
    errands = [Errand(*unpacked(each), request["project"], deadline) for each in request["letters"]]
    try:
        for result in _results(errands, deadline):
            os.write(results, json.dumps(result).encode() + b"\n")
    except OSError:  # nobody waits for it any more
        pass
    _leave()


def _results(errands: list[Errand], deadline: float) -> Iterable[Result]:
    done: SimpleQueue[Result] = SimpleQueue()
    for lane in _lanes(errands):
        for _ in range(min(_LANES, len(lane))):
            threading.Thread(target=_work, args=(lane, done), daemon=True).start()
    for _ in errands:
        try:
            yield done.get(timeout=max(deadline - time.monotonic(), 0.0))
        except Empty:
            return


def _lanes(errands: list[Errand]) -> Iterable[deque[tuple[int, Errand]]]:
    lanes: dict[str, deque[tuple[int, Errand]]] = {}
    for number, errand in enumerate(errands):
        lanes.setdefault(errand.channel.name, deque()).append((number, errand))
    return lanes.values()


def _work(lane: deque[tuple[int, Errand]], done: SimpleQueue[Result]) -> None:
    while lane:
        try:
            number, errand = lane.popleft()
        except IndexError:  # another thread was faster
            return
        done.put({"number": number, **_outcome(errand)})


def _outcome(errand: Errand) -> Result:
    try:
        return {"ok": True, "error": deliver(errand)}
    except NotDelivered as error:
        asked = {"retry_after_s": error.retry_after_s, "hopeless": error.hopeless, "left": error.left}
        return {"ok": False, "error": error.cause, **asked}
    except Exception as error:  # a fault of a library's is no reason to leave the others
        return {"ok": False, "error": f"{SILENCE}: {type(error).__name__} on our side"}


def _leave(*_: object) -> None:
    """End at once, whatever threads are waiting for, and with us what commands have started."""
    commands = sys.modules.get("tetra_orchestrator.adapters.notify.command")
    if commands is not None:
        commands.end_all()
    os._exit(0)


if __name__ == "__main__":
    main()
