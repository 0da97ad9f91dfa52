"""The files of checkpoints in one folder: `RUN.NNNN.json`, private, each there whole or not at all.

A file of another name that ends in `.json` is somebody else's, read like ours and never removed. `.homes` says
which configuration left the checkpoints of a pipeline.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.checkpoint import Holdings, Kept, age, parse, text_of
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.checkpoint import Checkpoint

HOMES = ".homes"
#: The most that is read of a file, in bytes.
MOST = 256 << 20
#: A draft that is older was left by a process that was killed.
STALE_S = 3600.0

_NAME = r"\d{8}T\d{6}Z-[a-z2-7]{6}\.\d{4,}\.json"
_OURS = re.compile(_NAME)
_DRAFT = re.compile(rf"({_NAME}|\.homes)\.\d+")


def look(folder: str) -> Holdings:
    """What is in the folder, nothing where there is none. Raises `UsageError` where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.name.endswith(".json") and e.name[0] != "." and e.is_file())
    except FileNotFoundError:
        return Holdings()
    except OSError as error:
        message = f"cannot read the checkpoint folder: {error.strerror}"
        raise UsageError(message, hint="name another one with --checkpoint-dir", where=folder) from None
    kept, broken = [], []
    for name in names:
        path = os.path.join(folder, name)
        try:
            kept.append(Kept(path, parse(_text(path))))
        except OSError as error:
            broken.append((path, str(error.strerror)))
        except ValueError as error:
            broken.append((path, str(error)))
    return Holdings(tuple(sorted(kept, key=age, reverse=True)), tuple(broken), _homes(folder))


def _text(path: str) -> str:
    with open(path, "rb") as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise ValueError(f"it has more than {MOST >> 20} MB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def is_ours(path: str) -> bool:
    """Whether the file is called like those that we write."""
    return _OURS.fullmatch(os.path.basename(path)) is not None


def save(folder: str, checkpoint: Checkpoint, number: int) -> str:
    """Write the checkpoint as the run's file of that number, durably, and return its path. Raises `OSError`."""
    name = f"{checkpoint.pipeline_id}.{number:04}.json"
    _write(folder, name, text_of(checkpoint))
    return os.path.join(folder, name)


def remove(path: str) -> None:
    """Remove a file, which may have gone already."""
    with suppress(OSError):
        os.unlink(path)


def tidy(folder: str, now_s: float) -> None:
    """Remove drafts that nobody will finish. `now_s` is in seconds since 1970."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with suppress(OSError):
            if _DRAFT.fullmatch(name) and now_s - os.stat(path).st_mtime > STALE_S:
                os.unlink(path)


def settle_in(folder: str, name: str, home: str) -> None:
    """Note the configuration file of the pipeline of that name. Raises `OSError`."""
    homes = _homes(folder)
    if homes.get(name) != home:
        _write(folder, HOMES, json.dumps({**homes, name: home}, indent=2) + "\n")


def _homes(folder: str) -> Mapping[str, str]:
    try:
        found = json.loads(_text(os.path.join(folder, HOMES)))
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def _write(folder: str, name: str, text: str) -> None:
    failpoints.hit("checkpoint.write")
    draft = os.path.join(folder, f"{name}.{os.getpid()}")
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(fd)
        os.rename(draft, os.path.join(folder, name))
        _sync(folder)
    except OSError:
        remove(draft)
        raise
    failpoints.hit("checkpoint.write.commit")


def _sync(folder: str) -> None:
    """Have the names in it survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
