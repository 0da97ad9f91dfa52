"""Where we are: what tells the locks of one running kernel and one folder from those of another."""

from __future__ import annotations

import os
import socket

from tetra_orchestrator.core.spoken import printable

_BOOT = "/proc/sys/kernel/random/boot_id"
# The server keeps 63 bytes of a session's name, and all else in that of a run takes 43.
_LONGEST = 20


def place(folder: str) -> str:
    """Eight hexadecimal digits for this boot of this machine and the folder of its local locks.

    Two processes that are told the same share these locks, so one sees at once when the other has died. A copied
    machine or checkout, a container and a reboot are other places.
    """
    from hashlib import sha256

    try:
        found = os.stat(folder)
        where = f"{found.st_dev}:{found.st_ino}"
    except FileNotFoundError:
        where = ""  # nobody of this place has ever locked anything
    return sha256(f"{_boot()}/{where}".encode()).hexdigest()[:8]


def host() -> str:
    """This machine's name, short enough to be shown by the server."""
    return printable(socket.gethostname()).replace("/", "-")[:_LONGEST] or "an unnamed host"


def _boot() -> str:
    try:
        with open(_BOOT, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return socket.gethostname()
