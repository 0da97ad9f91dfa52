"""flock(2) on one local file: the kernel lets go of it when its holder dies."""

from __future__ import annotations

import errno
import fcntl
import os

from tetra_orchestrator.errors import CannotWrite, StoreError

_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def open_lock(path: str) -> int:
    """A descriptor of the lock file, which is made where it is missing. CannotWrite where it cannot be."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            _make(os.path.dirname(path))
            return os.open(path, flags, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error


def open_existing(path: str) -> int | None:
    """A descriptor of the lock file, None where there is no such file. CannotWrite where it cannot be opened."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unwritable(path, error) from error


def lock(fd: int, path: str, *, shared: bool = False) -> bool:
    """Lock the open file if nobody is in the way. StoreError where the file system has no locks."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        message = f"cannot lock {path}: the file system {_file_system(path)} has no locks ({error.strerror})"
        raise StoreError(message, hint="put the state folder on a local disk") from error
    return True


def unlock(fd: int) -> None:
    """Let go of the lock and keep the file open."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def still_names(path: str, fd: int) -> bool:
    """True unless somebody has removed or replaced the file since it was opened."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(fd))


def sign(fd: int, holder: str) -> None:
    """Say who has the lock, for messages only: who has it is the kernel's to say. What was in the file before stays."""
    try:
        os.pwrite(fd, f"{holder}\n".encode(), 0)
    except OSError:
        return


def signature(fd: int) -> str:
    """Who has signed the lock file, as far as it tells."""
    return os.pread(fd, 200, 0).decode(errors="replace").partition("\n")[0].strip()


def _unwritable(path: str, error: OSError) -> CannotWrite:
    return CannotWrite(f"cannot write the lock file {path}: {error.strerror}", hint="make the folder writable")


def _make(folder: str) -> None:
    """Make the folder and those above it that are missing, each 0700: makedirs(3) gives its mode to the last only."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        _make(above)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return  # another process was faster


def _file_system(path: str) -> str:
    """The mount point of `path` with its type, as psutil knows it."""
    import psutil

    mounts = [each for each in psutil.disk_partitions(all=True) if path.startswith(each.mountpoint)]
    if not mounts:
        return "there"
    best = max(mounts, key=lambda each: len(each.mountpoint))
    return f"{best.mountpoint} ({best.fstype})"
