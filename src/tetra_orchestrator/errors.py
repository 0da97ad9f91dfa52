"""Every error a user can meet, and the one table of exit codes (DESIGN.md section 6)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Exit:
    """Exit codes of every command, in the manner of sysexits(3)."""

    OK = 0
    PARTIAL = 1
    FAILED = 2
    USAGE = 64
    UNAVAILABLE = 69
    BUG = 70
    CANNOT_WRITE = 73
    NOT_NOW = 75
    PERMISSION = 77
    CONFIG = 78
    INTERRUPTED = 130
    TERMINATED = 143


class TetraError(Exception):
    """A fault with its cause, its place and its remedy.

    `message` says what is wrong, `hint` what to do about it, `where` is a file, `file:line:column` or a name.
    `code` is a stable word for programs; `exit_code` is one of `Exit`.
    """

    exit_code = Exit.USAGE
    code = "usage"

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None, code: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.message}{hint}"


class UsageError(TetraError):
    """The command line asks for something that does not exist or does not fit."""


class ConfigError(TetraError, ValueError):
    """The configuration cannot be used; `problems` holds every fault found, in file order."""

    exit_code = Exit.CONFIG
    code = "config"

    def __init__(self, message: str, *, problems: tuple[object, ...] = (), **details: str | None):
        super().__init__(message, **details)
        self.problems = problems

    @property
    def first(self) -> str:
        """The first fault with its place, in one line."""
        if len(self.problems) > 1:
            one: Any = self.problems[0]
            return f"{one.file}:{one.line}:{one.column}: {one.message}"
        return f"{self.where}: {self.message}" if self.where else self.message


class StoreError(TetraError):
    """The state store is unavailable, damaged, or was written by a newer program."""

    exit_code = Exit.UNAVAILABLE
    code = "store_unavailable"


class StateConflict(StoreError):
    """A compare-and-set found another state than expected: somebody else has moved the row."""

    code = "state_conflict"


class CannotWrite(TetraError):
    """A folder or file that must be written cannot be."""

    exit_code = Exit.CANNOT_WRITE
    code = "cannot_write"


class NotNow(TetraError):
    """The request is sound but cannot be served at this moment, because something else is running."""

    exit_code = Exit.NOT_NOW
    code = "busy"


class Forbidden(TetraError):
    """The operating system does not let us do this."""

    exit_code = Exit.PERMISSION
    code = "permission"
