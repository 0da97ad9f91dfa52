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
    if not force and os.path.lexists(path):
        raise UsageError(f"{path} is there already", hint="add --force to write over it, or name another file")
    return _put(path, text, 0o666)


def write_private(path: str, text: str, *, mark: str, force: bool) -> str:
    """Write a file for its owner's eyes only, at once or not at all, and return its absolute path.

    One that is there is replaced where it begins with `mark`, as ours do; any other is a `UsageError` unless `force`.
    Raises `CannotWrite` where it cannot be written.
    """
    path = os.path.abspath(path)
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder", hint="name a file in it")
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe or a device, which a file cannot take the place of
        raise UsageError(f"{path} is no file", hint="- is standard output")
    if not force and os.path.lexists(path) and not _begins_with(path, mark):
        raise UsageError(f"{path} is there already", hint="add --force to write over it, or name another file")
    return _put(path, text, 0o600)


def _put(path: str, text: str, mode: int) -> str:
    """Have the text be the file's content, at once or not at all, in folders that are made where they are missing."""
    temporary = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise CannotWrite(f"cannot be written: {error.strerror}", hint="name another place", where=path) from None
    return path


def _begins_with(path: str, mark: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(mark.encode())) == mark.encode()
    except OSError:
        return False
