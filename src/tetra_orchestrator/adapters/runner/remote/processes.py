"""Attempts that are not our children, wherever they run: those of this machine and jobs of remote runners."""

from __future__ import annotations

import os
import time

from tetra_orchestrator.adapters.runner.remote.folder import JobFolder, remove
from tetra_orchestrator.adapters.runner.remote.verdict import NOBODY, LeaseWatch, age_s
from tetra_orchestrator.adapters.runner.wrapped.record import read_record
from tetra_orchestrator.signals import SIGINT, SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from tetra_orchestrator.adapters.runner.remote.engine import Engine
    from tetra_orchestrator.core.facts import Facts, Usage
    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Processes

_LOOK_S = 0.2
#: Taken for the lease of a job whose folder does not tell.
_LONGEST_LEASE_S = 600.0


class Everywhere:
    """The `Processes` of this machine, `here`, and jobs in the folders below `jobs`, one for each remote runner.

    `engine_of` gives the engine that a job's folder says it was handed to.
    """

    def __init__(self, here: Processes, jobs: str, engine_of: Callable[[Mapping[str, Json]], Engine]) -> None:
        self._here = here
        self._jobs = jobs
        self._engine_of = engine_of
        self._engines: dict[str, Engine] = {}
        self._watches: dict[str, LeaseWatch] = {}

    def own(self) -> str:
        """The identity of our own process."""
        return self._here.own()

    def is_alive(self, identity: str) -> bool:
        """Whether exactly this process exists and has not exited."""
        return self._here.is_alive(identity)

    def signal(self, identity: str, number: int) -> bool:
        """Send a signal to exactly this process; False when it is gone."""
        return self._here.signal(identity, number)

    def usage(self, handles: Mapping[str, str | None]) -> Mapping[str, Usage]:
        """What those of the attempts take that run on this machine."""
        return self._here.usage(self._split(handles)[0])

    def left(self, record: str, token: str) -> tuple[Outcome, Facts] | None:
        """How the attempt with the token ended by what its worker has left; None while there is nothing."""
        return self._here.left(record, token)

    def survived(self, handles: Mapping[str, str | None]) -> set[str]:
        """Which of the attempts live, or wait for their turn.

        A job that its engine has forgotten before it began is kept from beginning. Of those that are over, the folder
        goes: what tells of them is the record.
        """
        here, jobs = self._split(handles)
        alive = self._here.survived(here) if here else set()
        for name in {name for name, _ in jobs}:
            alive |= self._living(name, [folder for owner, folder in jobs if owner == name])
        return alive

    def end_trees(self, handles: Mapping[str, str | None], grace_s: float) -> None:
        """End the attempts, and wait until they are gone. Of a job its worker does it, which has a few signs of life
        for that beyond the grace; then its engine, which is waited for as long again."""
        here, jobs = self._split(handles)
        if here:
            self._here.end_trees(here, grace_s)
        left = [(name, folder) for name, folder in jobs if self._living(name, [folder])]
        patience_s = max((_lease_s(folder) / 2 for _, folder in left), default=0.0)
        began = time.monotonic()
        steps = [(0.0, SIGTERM), (grace_s, SIGINT), (grace_s + patience_s, None)]
        while left and time.monotonic() < began + grace_s + 2 * patience_s:
            if steps and time.monotonic() >= began + steps[0][0]:
                self._ask(left, steps.pop(0)[1])
            time.sleep(_LOOK_S)
            left = [(name, folder) for name, folder in left if self._living(name, [folder])]

    def _ask(self, jobs: Collection[tuple[str, JobFolder]], signum: int | None) -> None:
        """Ask the workers of those that have begun, and the engine to end all others; with None, all of them."""
        self._cancel([(name, folder) for name, folder in jobs if signum is None or not _ask(folder, signum)])

    # -- jobs ---------------------------------------------------------------------------------------------------

    def _split(self, handles: Mapping[str, str | None]) -> tuple[dict[str, str | None], list[tuple[str, JobFolder]]]:
        """Those on this machine, and the folders of the others that are still there with the names of their runners.

        A handle is saved only when its job has begun. Until then its token tells.
        """
        here: dict[str, str | None] = {}
        jobs: list[tuple[str, JobFolder]] = []
        runners = _names(self._jobs) if None in handles.values() else []
        for token, handle in handles.items():
            names = [handle.partition(":")[0]] if handle and is_remote(handle) else runners if handle is None else []
            found = [(name, JobFolder(f"{self._jobs}/{name}", token)) for name in names]
            found = [(name, folder) for name, folder in found if folder.exists()]
            jobs += found
            if not found and not (handle and is_remote(handle)):
                here[token] = handle
        return here, jobs

    def _living(self, name: str, folders: Collection[JobFolder]) -> set[str]:
        claims = {folder.token: _claim(folder) for folder in folders}
        over = {folder.token for folder in folders if claims[folder.token] == NOBODY or _has_record(folder)}
        left = [folder for folder in folders if folder.token not in over]
        doubtful = [folder for folder in left if claims[folder.token] is None or _is_old(folder)]
        whole = {folder.token: folder for folder in doubtful if not _is_half_made(folder)}
        known = self._known(name, whole) if whole else set()
        for folder in doubtful:
            if folder.token in whole and (known is None or folder.token in known):
                self._fence(name, folder)
            elif claims[folder.token] is not None or _keeps_from_beginning(folder):
                over.add(folder.token)
        for folder in folders:
            if folder.token in over:
                remove(folder)
        return {folder.token for folder in folders} - over

    def _known(self, name: str, jobs: Mapping[str, JobFolder]) -> set[str] | None:
        engine = self._engine(name, next(iter(jobs.values())))
        return engine.known(list(jobs)) if engine else None

    def _fence(self, name: str, folder: JobFolder) -> None:
        """Have the engine end a job that it still has, if it has begun and we ourselves have seen its lease run out."""
        if _claim(folder) is not None:
            watch = self._watches.setdefault(folder.token, LeaseWatch(folder, _lease_s(folder)))
            if watch.has_run_out():
                self._cancel([(name, folder)])

    def _cancel(self, jobs: Collection[tuple[str, JobFolder]]) -> None:
        for name, folder in dict(jobs).items():
            if engine := self._engine(name, folder):
                engine.cancel([each.token for owner, each in jobs if owner == name])

    def _engine(self, name: str, folder: JobFolder) -> Engine | None:
        """The engine of the runner with that name, as one of its jobs says; None where that cannot be read."""
        if name not in self._engines:
            about = _about(folder)
            if about is None:
                return None
            self._engines[name] = self._engine_of(about["engine"])
        return self._engines[name]


def is_remote(handle: str) -> bool:
    """Whether it is the handle of a job, `NAME:TOKEN`; that of a process has one more part."""
    return handle.count(":") == 1


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _about(folder: JobFolder) -> Mapping[str, Any] | None:
    try:
        return folder.about()
    except (OSError, ValueError):
        return None


def _is_half_made(folder: JobFolder) -> bool:
    """Whether whoever made it did not come to its end, so that no engine has it, or power failed soon after."""
    try:
        folder.about()
    except (FileNotFoundError, ValueError):
        return True
    except OSError:
        return False
    return False


def _lease_s(folder: JobFolder) -> float:
    about = _about(folder)
    return about["lease_s"] if about else _LONGEST_LEASE_S


def _has_record(folder: JobFolder) -> bool:
    about = _about(folder)
    return about is not None and read_record(about["record"], folder.token) is not None


def _is_old(folder: JobFolder) -> bool:
    try:
        return age_s(folder) >= _lease_s(folder)
    except OSError:
        return False


def _claim(folder: JobFolder) -> str | None:
    try:
        return folder.claimed_by()
    except OSError:
        return None


def _keeps_from_beginning(folder: JobFolder) -> bool:
    """Claim the job ourselves; False also where the storage takes nothing, and it may yet begin."""
    try:
        return folder.claim(NOBODY)
    except OSError:
        return False


def _ask(folder: JobFolder, signum: int) -> bool:
    """Whether there is a worker that can be asked: where the job has not begun, it never will."""
    try:
        if not folder.claim(NOBODY):
            folder.ask(signum)
            return True
    except OSError:
        return False
    return False
