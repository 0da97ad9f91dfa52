"""How a wrapped attempt ended, as its wrapper leaves it: one file, there whole or not at all."""

from __future__ import annotations

import os
import time

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.facts import Facts, Usage
from tetra_orchestrator.core.outcome import (
    Exited,
    LimitExceeded,
    Lost,
    OutOfMemory,
    Signalled,
    SpawnFailed,
    Unkillable,
    kind_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from tetra_orchestrator.core.outcome import Outcome

VERSION = 1
#: What a runner may say of an attempt, by the kind under which it is stored.
_OUTCOMES: Mapping[str, Callable[..., Outcome]] = {
    "exited": Exited,
    "signalled": Signalled,
    "oom": OutOfMemory,
    "limit_exceeded": LimitExceeded,
    "unkillable": Unkillable,
    "spawn_error": SpawnFailed,
    "lost": Lost,
}


def write_record(path: str, token: str, outcome: Outcome, facts: Facts) -> None:
    """Leave the end of the attempt at `path`, durably. Raises OSError when that cannot be done."""
    from json import dumps

    content = {
        "version": VERSION,
        "token": token,
        "ended_at": time.time(),  # seconds since the epoch
        "outcome": {"kind": kind_of(outcome)[0], **outcome._asdict()},
        "facts": {**facts._asdict(), "usage": facts.usage._asdict()},
    }
    write_whole(path, dumps(content).encode())


def write_whole(path: str, data: bytes) -> None:
    """Write a private file, durably: it is there whole or not at all. Raises OSError when that cannot be done."""
    failpoints.hit("record.write")
    draft = f"{path}.{os.getpid()}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
    os.rename(draft, path)
    sync_folder(os.path.dirname(path))
    failpoints.hit("record.write.commit")


def sync_folder(path: str) -> None:
    """Have the names in a folder survive a power cut. Raises OSError when that cannot be done."""
    fd = os.open(path or ".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_record(path: str, token: str) -> tuple[Outcome, Facts] | None:
    """How the attempt with the token ended, whose wrapper writes to `path`; None while no record of it can be read."""
    from json import loads

    try:
        with open(path, encoding="ascii") as file:
            content = loads(file.read())
        if (content["version"], content["token"]) != (VERSION, token):
            return None
        return _outcome(content["outcome"]), _facts(content["facts"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _outcome(content: Mapping[str, Any]) -> Outcome:
    fields = dict(content)
    return _OUTCOMES[fields.pop("kind")](**fields)


def _facts(content: Mapping[str, Any]) -> Facts:
    limits = tuple((str(key), str(how)) for key, how in content["limits"])
    return Facts(Usage(**content["usage"]), limits, content["gone"], content["note"])
