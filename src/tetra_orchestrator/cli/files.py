"""Writing a file that somebody asked for, without harming one that is there."""

from __future__ import annotations

import os
from contextlib import suppress

from tetra_orchestrator.errors import CannotWrite, UsageError


def write_new(path: str, text: str, *, force: bool) -> str:
    """Write a file, its folders included, and return its absolute path.

    Raises `UsageError` for one that is there unless `force`, `CannotWrite` where it cannot be written.
    """
    path = os.path.abspath(path)
    temporary = f"{path}.{os.getpid()}"
    if not force and os.path.lexists(path):
        raise UsageError(f"{path} is there already", hint="add --force to write over it, or name another file")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise CannotWrite(f"cannot be written: {error.strerror}", hint="name another place", where=path) from None
    return path
