"""The courier: gives letters to a process of its own, hands on what it says, and ends it when time is up."""

from __future__ import annotations

import json
import os
import sys
import time

from tetra_orchestrator.adapters.notify.parcel import packed
from tetra_orchestrator.adapters.notify.secrecy import SHORTEST_PIECE, mask, secrets_of, values_of
from tetra_orchestrator.core.alerts import Posted
from tetra_orchestrator.core.letters import SILENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from subprocess import Popen
    from typing import Any

    from tetra_orchestrator.adapters.notify.secrecy import Forms
    from tetra_orchestrator.core.alerts import Letter
    from tetra_orchestrator.core.watching import Channel

    Mail = Sequence[tuple[Channel, Letter]]

_MODULE = "tetra_orchestrator.adapters.notify.sender"
_ROOT = __file__.rsplit(os.sep, 4)[0]
#: What the process gets at its start, where every user of the machine's own account can read it; the rest comes later.
_KEPT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
#: What is kept of the time for ending the process, in seconds.
_RESERVE_S = 0.3


class ChildCourier:
    """Sends by a child process. `project` is whose alerts they are; `forms` are all in which a secret may turn up.

    The user's commands start in `folder`, where the paths in his file do.
    """

    def __init__(self, project: str, forms: Forms, folder: str = ".") -> None:
        self._project = project
        self._forms = forms
        self._folder = folder

    def post(self, letters: Mail, within_s: float) -> Iterator[Posted]:
        """What became of each letter, as soon as it is known; of the rest, once time is up, that. Never raises."""
        from tetra_orchestrator.adapters.notify.talk import Talk

        end = time.monotonic() + within_s
        waiting = dict(enumerate(letters))
        try:
            child = _start(self._folder)
        except OSError as error:
            yield from (_failed(letter, f"the sender cannot be started: {error.strerror}") for _, letter in letters)
            return
        talk = Talk(child, self._request(letters, end - _RESERVE_S))
        try:
            for line in talk.lines(end - _RESERVE_S / 2):
                result = _result(line)
                if result is not None and result["number"] in waiting:
                    yield self._posted(*waiting.pop(result["number"]), result)
        finally:
            talk.end()
        why = f"{SILENCE} within {within_s:.0f} s"
        if time.monotonic() < end - _RESERVE_S:
            why = f"{SILENCE} from the sender, which has ended{_because(talk.complaint)}"
        if waiting:
            why = mask(why, [each for each, _ in letters], self._forms)
        for channel, letter in waiting.values():
            yield _failed(letter, f"{channel.name}: {why}")

    def _request(self, letters: Mail, deadline: float) -> bytes:
        request = {
            "env": _environment([channel for channel, _ in letters]),
            "project": self._project,
            "deadline": deadline,
            "letters": [packed(*each) for each in letters],
        }
        return json.dumps(request).encode()

    def _posted(self, channel: Channel, letter: Letter, result: Mapping[str, Any]) -> Posted:
        error = result.get("error")
        if error is not None:
            error = f"{channel.name}: {mask(error, [channel], self._forms)}"
        hopeless, left = bool(result.get("hopeless")), tuple(result.get("left", ()))
        return Posted(letter.key, result["ok"], error, result.get("retry_after_s"), hopeless, left)


def _start(folder: str) -> Popen[bytes]:
    import subprocess

    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = os.pathsep.join(each for each in (_ROOT, os.environ.get("PYTHONPATH")) if each)
    return subprocess.Popen(
        (sys.executable, "-P", "-m", _MODULE),
        env={**env, "PYTHONPATH": path},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _environment(channels: Sequence[Channel]) -> dict[str, str]:
    """Ours, for the user's commands, proxies, authorities and desktop, but without what is a secret of a channel."""
    wholes = {secret for channel in channels for secret in values_of(channel)}
    parts = {secret for channel in channels for secret in secrets_of(channel)}  # an address may be made of variables
    return {
        name: value
        for name, value in os.environ.items()
        if not any(each in value for each in wholes)
        and not (len(value) >= SHORTEST_PIECE and any(value in each for each in parts))
    }


def _result(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "number" in found and "ok" in found else None


def _failed(letter: Letter, error: str) -> Posted:
    return Posted(letter.key, ok=False, error=error)


def _because(complaint: bytes) -> str:
    lines = complaint.decode("utf-8", "replace").split("\n")
    last = next((each.strip() for each in reversed(lines) if each.strip()), "")
    return f" ({last[:200]})" if last else ""
