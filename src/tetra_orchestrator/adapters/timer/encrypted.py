"""Home folders that are locked until their user logs in: after a restart, no timer can start anything in them."""

from __future__ import annotations

import os

MOUNTS = "/proc/self/mountinfo"
#: Types of file systems that need the user's key, as in mountinfo of proc(5).
_KINDS = frozenset(("ecryptfs", "fuse.encfs", "fuse.gocryptfs", "fuse.cryfs"))
#: ioctl_iflags(2) of Linux, with a `long` of eight bytes; the flag is that of fscrypt.
_GET_FLAGS, _ENCRYPTED = 0x80086601, 0x00000800


def encryption_of(home: str, mounts: str = MOUNTS) -> str | None:
    """What locks the home folder, by name; None where nothing is known to. `mounts` is the kernel's list."""
    if os.path.exists(f"{home}/.identity"):
        return "systemd-homed"  # systemd-homed.service(8) keeps the user's record there
    kind = _mounted(os.path.realpath(home), mounts)
    if kind in _KINDS:
        return kind.removeprefix("fuse.")
    return "fscrypt" if _flags(home) & _ENCRYPTED else None


def _mounted(home: str, mounts: str) -> str:
    """The type of the file system that is mounted on the folder, or on the nearest one above it."""
    found = {}
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                _, _, _, _, point, *rest = line.split(" ")
                found[point] = rest[rest.index("-") + 1]
    except OSError:
        return ""
    while home not in found and home != "/":
        home = os.path.dirname(home)
    return found.get(home, "")


def _flags(folder: str) -> int:
    import fcntl

    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return int.from_bytes(fcntl.ioctl(fd, _GET_FLAGS, bytes(8))[:4], "little")
    except OSError:
        return 0  # a file system without such flags
    finally:
        os.close(fd)
