"""The folder of one remote job: what we and its worker tell each other, each thing a file of its own.

Beside it lie two empty files, `TOKEN.begun` and `TOKEN.ended`. They say nothing that is not in it, and save looking
into every folder: one listing of all of them shows where there is something to see.
"""

from __future__ import annotations

import os

from tetra_orchestrator.adapters.runner.wrapped.record import sync_folder
from tetra_orchestrator.signals import SIGINT, SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What tells how long a lease is and where the record goes; what the worker is to do, which may hold secrets.
ABOUT, REQUEST = "about.json", "request.json"
#: There exactly once, made by whoever begins the job or sees to it that nobody does; its worker's sign of life.
CLAIM, LEASE = "claim", "lease"
#: What the worker is asked for by these files: to end its task with its grace, and without.
ASKED = {"kill": SIGINT, "cancel": SIGTERM}
#: What an engine may have noted of where it has the job, a line each.
PLACE = "place"
BEGUN, ENDED = ".begun", ".ended"
_GONE = ".gone"
_CLOCK = "clock"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TOUCHED = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class JobFolder:
    """The folder called `token` in `jobs`, the folder of all jobs of a runner. Everything may raise OSError."""

    def __init__(self, jobs: str, token: str) -> None:
        self.jobs = jobs
        self.token = token
        self.path = f"{jobs}/{token}"

    # -- ours ---------------------------------------------------------------------------------------------------

    def make(self, about: dict[str, Any], request: bytes) -> None:
        """Make it. What a power cut takes of it is a job that never begins, or one that is lost: nothing waits for the
        disk here, as hundreds may be made at once."""
        from json import dumps

        os.makedirs(os.path.dirname(self.jobs), 0o700, exist_ok=True)
        os.makedirs(self.jobs, 0o700, exist_ok=True)
        os.mkdir(self.path, 0o700)
        _write(f"{self.path}/{ABOUT}", dumps(about).encode())
        _write(f"{self.path}/{REQUEST}", request)

    def ask(self, signum: int) -> None:
        """Leave the worker the wish to end its task: by TERM with its grace, by INT without."""
        name = next(name for name, number in ASKED.items() if number == signum)
        os.close(os.open(f"{self.path}/{name}", _TOUCHED, 0o600))

    def claimed_by(self) -> str | None:
        """Who has taken the job; None while nobody has."""
        if CLAIM not in self._names():
            return None
        with open(f"{self.path}/{CLAIM}", encoding="utf-8", errors="replace") as file:
            return file.read()

    def exists(self) -> bool:
        """Whether it is there: of a job whose end was taken in, nothing is."""
        return os.path.isdir(self.path)

    def renewed_at(self) -> float | None:
        """When the lease was renewed or, before that, the job claimed, by the file server's clock; None where the
        folder is gone. Opened for that: what a machine has in its cache of attributes may be a minute old."""
        for name in (LEASE, CLAIM):
            try:
                return _changed_at(os.open(f"{self.path}/{name}", os.O_RDONLY | os.O_CLOEXEC))
            except FileNotFoundError:
                continue
        return None

    def lasted_s(self) -> float | None:
        """Seconds from its begin to its end, both by the file server's clock; None where they do not show."""
        try:
            begun, ended = (os.stat(f"{self.path}{mark}").st_mtime for mark in (BEGUN, ENDED))
        except OSError:
            return None
        return max(ended - begun, 0.0)

    def remove(self) -> None:
        """Remove all of it, at once for whoever comes later: a worker that does finds no folder, and does nothing."""
        gone = f"{self.path}{_GONE}"
        os.rename(self.path, gone)
        for name in os.listdir(gone):
            os.unlink(f"{gone}/{name}")
        os.rmdir(gone)
        for name in (BEGUN, ENDED):
            if os.path.exists(f"{self.path}{name}"):
                os.unlink(f"{self.path}{name}")

    # -- the worker's -------------------------------------------------------------------------------------------

    def claim(self, who: str) -> bool:
        """Take the job, durably; False where somebody else has, or where it is over."""
        try:
            _write(f"{self.path}/{CLAIM}", who.encode())
        except (FileExistsError, FileNotFoundError):
            return False
        sync_folder(self.path)
        return True

    def about(self) -> dict[str, Any]:
        """How long a lease is, and where the record goes. ValueError where that cannot be read."""
        from json import loads

        with open(f"{self.path}/{ABOUT}", "rb") as file:
            about: dict[str, Any] = loads(file.read())
        return about

    def take_request(self) -> bytes:
        """What is to be done; it is nowhere from then on."""
        with open(f"{self.path}/{REQUEST}", "rb") as file:
            request = file.read()
        os.unlink(f"{self.path}/{REQUEST}")
        sync_folder(self.path)
        return request

    def place(self) -> str:
        """Where the engine has the job, in its own words."""
        try:
            with open(f"{self.path}/{PLACE}", encoding="ascii") as file:
                return file.read()
        except OSError:
            return ""

    def is_at(self, place: str) -> None:
        """Note that the engine has it there, too."""
        with open(f"{self.path}/{PLACE}", "a", encoding="ascii") as file:
            file.write(place)

    def renew(self) -> None:
        """Give a sign of life, by the file server's clock."""
        _touch(f"{self.path}/{LEASE}")

    def asked(self) -> int | None:
        """The signal that stands for what we were asked for. The folder is listed: of a file that was not there a
        machine may remember just that for a while."""
        names = self._names()
        return next((signum for name, signum in ASKED.items() if name in names), None)

    def show(self, mark: str) -> None:
        """Let it be seen from outside that the job has begun or ended, if that can be."""
        try:
            os.close(os.open(f"{self.path}{mark}", _TOUCHED, 0o600))
        except OSError:
            return

    def _names(self) -> list[str]:
        return os.listdir(self.path)


def remove(folder: JobFolder) -> None:
    """Remove it if that can be done; else it is a stray from then on."""
    try:
        folder.remove()
    except OSError:
        return


def server_time(jobs: str) -> float:
    """The file server's clock, as it is now."""
    path = f"{jobs}/{_CLOCK}"
    _touch(path)
    return _changed_at(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _touch(path: str) -> None:
    fd = os.open(path, _TOUCHED, 0o600)
    try:
        os.utime(fd)
    finally:
        os.close(fd)


def _changed_at(fd: int) -> float:
    try:
        return os.fstat(fd).st_mtime
    finally:
        os.close(fd)


def _write(path: str, data: bytes) -> None:
    with open(os.open(path, _NEW, 0o600), "wb") as file:
        file.write(data)
