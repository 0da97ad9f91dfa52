"""What `doctor` finds: how what a project rests on is, and what to do where it is not as it should be."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

#: In rising order: as it should be; something is done without; something is wrong.
OK, WARNING, ERROR = SEVERITIES = ("ok", "warning", "error")


class Diagnosis(Record):
    """One finding: a stable `code`, `ok`, `warning` or `error`, what was found, and what to do about it if anything."""

    code: str
    severity: str
    message: str
    remedy: str | None = None
