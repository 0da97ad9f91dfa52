"""Files of ours that no run owns: left when a store was replaced, a request was refused, or a process was killed."""

from __future__ import annotations

import os
import re
from shutil import rmtree

from tetra_orchestrator.core.retention import Stray
from tetra_orchestrator.errors import CannotWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from tetra_orchestrator.core.history import Run

_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-z]{6}", re.ASCII)
_LOG = re.compile(r"orchestrator_\d{8}_\d{6}(_\d+)?\.log", re.ASCII)
#: What is written beside its place and renamed, which takes no time.
_DRAFTS = {"": re.compile(r".+\.\d+\.new", re.ASCII), "cache": re.compile(r".+\.\d+", re.ASCII)}
_JOB = re.compile(r"[0-9a-f]{32}(\.begun|\.ended|\.gone)?", re.ASCII)
_LATEST = re.compile(r"latest\.\d+", re.ASCII)


class FolderStrays:
    """Such files below two absolute folders, that of logs and our own.

    The folder of logs may be shared with other projects (`LOG_DIR`), of whose runs our store knows nothing. A run was
    ours if our own folder has its attempts: logs of any other stay, and where there are some, so do logs without a run.
    """

    def __init__(self, logs: str, state: str) -> None:
        self._logs = logs
        self._state = state

    def find(self, runs: Iterable[Run], idle_since: datetime, logs_since: datetime) -> list[Stray]:
        """Unchanged since `idle_since`, runs' own logs also since `logs_since`. `runs` are all there are.

        In the order in which they may go: of a run the attempts last, as they are what shows that it was ours.
        """
        known = {name for run in runs for name in (run.run_id, os.path.basename(run.log or ""))}
        idle, old = idle_since.timestamp(), logs_since.timestamp()
        logs, state = self._logs, self._state
        logged, ours = _names(f"{logs}/runs", _RUN), _names(f"{state}/attempts", _RUN) | known
        left = [one for one in _unchanged(f"{logs}/runs", _RUN, idle) if _name(one) in ours - known]
        held = known | (logged - {_name(one) for one in left})
        found = [
            *left,
            *(_unchanged(logs, _LOG, min(idle, old)) if logged <= ours else ()),
            *_unchanged(logs, _LATEST, idle),
            *(one for name, draft in _DRAFTS.items() for one in _unchanged(os.path.join(state, name), draft, idle)),
            *_unchanged(f"{state}/checkpoints", _RUN, idle),
            *_jobs(f"{state}/jobs", idle),
        ]
        attempts = [one for one in _unchanged(f"{state}/attempts", _RUN, idle) if _name(one) not in held]
        return [*sorted(one for one in found if _name(one) not in known), *sorted(attempts)]

    def remove(self, stray: Stray) -> None:
        """Remove it. CannotWrite when it stays."""
        try:
            if os.path.isdir(stray.path) and not os.path.islink(stray.path):
                rmtree(stray.path)
            else:
                os.unlink(stray.path)
        except FileNotFoundError:
            return  # another command removes it, too
        except OSError as error:
            message = f"cannot be removed: {error.strerror}"
            raise CannotWrite(message, hint="remove it yourself, or make it yours", where=stray.path) from error


def _jobs(folder: str, since: float) -> Iterator[Stray]:
    """What is left of jobs elsewhere. One that nobody has begun may wait for days, and one that runs changes."""
    for runner in os.listdir(folder) if os.path.isdir(folder) else ():
        for stray in _unchanged(f"{folder}/{runner}", _JOB, since):
            job = os.path.splitext(stray.path)[0]
            if os.path.exists(f"{job}/claim") if job == stray.path else not os.path.isdir(job):
                yield stray


def _name(stray: Stray) -> str:
    return os.path.basename(stray.path)


def _names(folder: str, pattern: re.Pattern[str]) -> set[str]:
    try:
        return {name for name in os.listdir(folder) if pattern.fullmatch(name)}
    except OSError:
        return set()


def _unchanged(folder: str, pattern: re.Pattern[str], since: float) -> Iterator[Stray]:
    """What is called so in the folder, and has not changed since then with all that is in it."""
    try:
        entries = [entry for entry in os.scandir(folder) if pattern.fullmatch(entry.name)]
    except OSError:
        return
    for entry in entries:
        size = changed = 0.0
        for path in (entry.path, *_below(entry.path)):
            try:
                found = os.lstat(path)
            except OSError:
                continue
            size += found.st_size if not os.path.isdir(path) else 0
            changed = max(changed, found.st_mtime)
        if changed < since:
            yield Stray(entry.path, int(size))


def _below(path: str) -> Iterator[str]:
    for above, _, names in os.walk(path):
        yield from (os.path.join(above, name) for name in names)
