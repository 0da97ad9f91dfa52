"""The folder that a scheduler reads unit files from: what is in it, and changing it all or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.units import UnitFile
from tetra_orchestrator.errors import CannotWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: launchd refuses what others may write, and the system's manager reads as another user than a user's own.
MODE = 0o644


class Obstacle(Record):
    """Why nothing can be written, and what to do about it; a `code` of `doctor`."""

    code: str
    message: str
    remedy: str


class _Before(Record):
    """A file as it was: None where there was none."""

    path: str
    content: bytes | None
    mode: int


class UnitFolder:
    """Files directly below `path`. Whoever runs us must own what is changed; links are somebody else's."""

    def __init__(self, path: str) -> None:
        self.path = path

    def files(self, is_wanted: Callable[[str], bool]) -> list[UnitFile]:
        """The files with such names, by name; what cannot be read as text (a folder, a broken link) has no text."""
        try:
            names = sorted(os.listdir(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise CannotWrite(f"cannot read {self.path}: {error.strerror}", hint=_writable(self.path)) from error
        return [UnitFile(name, self._text(name)) for name in names if is_wanted(name)]

    def has(self, name: str) -> bool:
        """Whether there is something of this name, be it a broken link."""
        return os.path.lexists(os.path.join(self.path, name))

    def _text(self, name: str) -> str:
        try:
            with open(os.path.join(self.path, name), encoding="utf-8", errors="surrogateescape", newline="") as file:
                return file.read()
        except OSError:
            return ""

    def obstacle(self) -> Obstacle | None:
        """What is in the way of writing here; None when nothing is. A link to a folder of our own is followed."""
        if os.path.islink(self.path) and (target := self._unfit_target()):
            message = f"{self.path} is a link to {target}"
            return Obstacle("unit_folder_link", message, "replace the link by a folder")
        there = self.path
        while not os.path.lexists(there):
            there = os.path.dirname(there)
        if not os.path.isdir(there):
            return Obstacle("unit_folder_unwritable", f"{there} is not a folder", f"move {there} out of the way")
        if os.geteuid() == 0 != (owner := os.stat(there).st_uid):
            message = f"{there} belongs to uid {owner}, and this runs as root"
            return Obstacle("unit_folder_unwritable", message, "run it as that user, without sudo")
        if not os.access(there, os.W_OK | os.X_OK):
            return Obstacle("unit_folder_unwritable", f"{there} cannot be written", _writable(there))
        return None

    def _unfit_target(self) -> str:
        """Where the link leads and what is wrong with that; empty where it is a folder of ours."""
        target = os.path.realpath(self.path)
        if not os.path.isdir(target):
            return f"{target}, which is not a folder"
        owner = os.stat(target).st_uid
        return "" if owner == os.geteuid() else f"{target}, which belongs to uid {owner}"

    def check(self, names: Sequence[str] = ()) -> None:
        """Raises `CannotWrite` where the folder, or a file of one of the names, must not or cannot be written."""
        if found := self.obstacle():
            raise CannotWrite(f"cannot install timers: {found.message}", hint=found.remedy)
        for path in (os.path.join(self.path, name) for name in names):
            if os.path.islink(path):
                message = f"{path} is a link to {os.readlink(path)}: it is left alone"
                raise CannotWrite(message, hint="remove the link, or give the schedule another name")
            if os.path.lexists(path) and not os.path.isfile(path):
                raise CannotWrite(f"{path} is not a file: it is left alone", hint="move it out of the way")

    @contextmanager
    def changed(self, write: Sequence[UnitFile], remove: Sequence[str]) -> Iterator[None]:
        """For the `with` body the files are written and removed; when it raises, all is as before, then it goes on.

        Every file is on the disk under another name before the first takes its place. Raises `CannotWrite`.
        """
        self.check([*(file.name for file in write), *remove])
        made = _missing(self.path)
        before: list[_Before] = []
        try:
            with _unwritable(self.path):
                os.makedirs(self.path, 0o755, exist_ok=True)
                before += [_seen(os.path.join(self.path, name)) for name in [*(f.name for f in write), *remove]]
                self._exchange([(each.name, _bytes(each.text), MODE) for each in write], remove)
            yield
        except BaseException:
            self._restore(before, made)
            raise

    def _exchange(self, write: Sequence[tuple[str, bytes, int]], remove: Sequence[str]) -> None:
        staged: list[tuple[str, str]] = []
        try:
            for name, content, mode in write:
                path = os.path.join(self.path, name)
                staged.append((f"{path}.{os.getpid()}.new", path))
                _write(staged[-1][0], content, mode)
            while staged:
                os.replace(*staged.pop(0))
        finally:
            for temporary, _ in staged:
                _unlink(temporary)
        for name in remove:
            _unlink(os.path.join(self.path, name))
        _sync(self.path)

    def _restore(self, before: Sequence[_Before], made: Sequence[str]) -> None:
        with _unwritable(self.path):
            touched = [each for each in before if _seen(each.path) != each]
            old = [(os.path.basename(path), content, mode) for path, content, mode in touched if content is not None]
            new = [os.path.basename(path) for path, content, _ in touched if content is None]
            if touched:
                self._exchange(old, new)
        for folder in made:
            try:
                os.rmdir(folder)
            except OSError:
                return


def _seen(path: str) -> _Before:
    try:
        with open(path, "rb") as file:
            return _Before(path, file.read(), stat.S_IMODE(os.fstat(file.fileno()).st_mode))
    except FileNotFoundError:
        return _Before(path, None, MODE)


def _missing(folder: str) -> list[str]:
    """The folder and those above it that are not there, innermost first."""
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing


def _write(path: str, content: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(content)
        os.fchmod(fd, mode)
        file.flush()
        os.fsync(fd)


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@contextmanager
def _unwritable(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"cannot write {error.filename or folder}: {error.strerror}"
        raise CannotWrite(message, hint=_writable(folder)) from error


def _writable(folder: str) -> str:
    return f"make {folder} writable, and see that its disk is not full"
