"""Leaves a file for others to read: whole, or as it was."""

from __future__ import annotations

import os
from contextlib import suppress

from tetra_orchestrator import failpoints
from tetra_orchestrator.errors import CannotWrite

#: It holds no secrets, and the exporter that reads it is another user.
_MODE = 0o644


def write(path: str, text: str) -> None:
    """Replace the file at once; nobody else may at the same time. Raises `CannotWrite`; then it is as it was."""
    # the collector takes every file that ends in .prom, so that the unfinished one must not; the next time takes one
    # that was left by a kill
    temporary = f"{path}.new"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _MODE), "wb") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(text.encode())
        failpoints.hit("textfile.write")
        os.replace(temporary, path)
        failpoints.hit("textfile.write.commit")
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        hint = "make the folder, and let the user of the monitor write to it, or change `monitor.textfile`"
        raise CannotWrite(f"cannot be written: {error.strerror}", hint=hint, where=path) from None
