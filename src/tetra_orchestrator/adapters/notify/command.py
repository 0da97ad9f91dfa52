"""A command of the user's that is given the letter: as JSON on its standard input, and in variables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from contextlib import suppress

from tetra_orchestrator.adapters.notify.errand import NotDelivered
from tetra_orchestrator.adapters.notify.fitting import SMS, cut, one_line, short, subject
from tetra_orchestrator.adapters.notify.parcel import document
from tetra_orchestrator.core.letters import SILENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from tetra_orchestrator.adapters.notify.errand import Errand

#: No variable may hold more than 128 KB on Linux (execve(2)).
_VARIABLE, _LINE, _TAIL = 30_000, 200, 4096
_running: set[int] = set()


def deliver(errand: Errand) -> None:
    """Run the command; raises `NotDelivered` where it cannot be run, fails, or takes too long."""
    text = cut(errand.letter.text, _VARIABLE)
    _run(errand, {"TITLE": subject(errand), "TEXT": text})


def deliver_sms(errand: Errand) -> None:
    """Run the command with what fits into one text message; raises as `deliver`."""
    recipients = " ".join(errand.channel.recipients)
    _run(errand, {"TITLE": subject(errand, SMS), "TEXT": short(errand, SMS), "RECIPIENTS": recipients})


def end_all() -> None:
    """End whatever is still running of the commands, with all that they have started in their sessions."""
    for group in tuple(_running):
        _kill(group)


def _run(errand: Errand, variables: dict[str, str]) -> None:
    channel, letter, left = errand.channel, errand.letter, errand.left()
    told = {"KEY": letter.key, "WHAT": letter.what, "SEVERITY": letter.severity, "CHANNEL": channel.name, **variables}
    env = {**os.environ, **{f"TETRA_ALERT_{name}": value.replace("\0", "") for name, value in told.items()}}
    content = {**document(letter), "project": errand.project, "recipients": list(channel.recipients)}
    name = os.path.basename(channel.command[0]) if channel.command else "no command"
    process = _start(channel.command, name, env)
    try:
        _running.add(process.pid)
        last = _talk(process, json.dumps(content).encode(), left)
    finally:
        _running.discard(process.pid)
    if process.returncode:
        code = process.returncode
        ended = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
        raise NotDelivered(f"{name}: {ended}{last and f': {last}'}")


def _start(argv: Sequence[str], name: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be run as it is written"
        raise NotDelivered(f"{name}: {cause}") from None


def _talk(process: subprocess.Popen[bytes], content: bytes, left: float) -> str:
    """Give it the letter and wait for its end; the last line that it wrote to its standard error.

    What it leaves behind is ended with it: nothing of an alert stays. Raises `NotDelivered` after `left` seconds.
    """
    assert process.stdin is not None
    assert process.stderr is not None
    tail = bytearray()
    reader = threading.Thread(target=_drain, args=(process.stderr, tail), daemon=True)
    writer = threading.Thread(target=_feed, args=(process.stdin, content), daemon=True)
    for each in (reader, writer):
        each.start()
    try:
        process.wait(left)
    except subprocess.TimeoutExpired:
        name = os.path.basename(str(process.args[0]))  # type: ignore[index]
        raise NotDelivered(f"{name}: {SILENCE} within {left:.0f} s, it was ended") from None
    finally:
        _kill(process.pid)
        process.wait()
        reader.join(0.2)
    lines = bytes(tail).decode("utf-8", "replace").split("\n")
    return one_line(next((each for each in reversed(lines) if each.strip()), ""), _LINE)


def _feed(pipe: IO[bytes], content: bytes) -> None:
    with suppress(OSError):
        pipe.write(content)
    with suppress(OSError):
        pipe.close()


def _drain(pipe: IO[bytes], tail: bytearray) -> None:
    while chunk := os.read(pipe.fileno(), 65536):
        tail += chunk
        del tail[:-_TAIL]


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
