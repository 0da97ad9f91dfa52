"""What an attempt may use at most, and which secrets it is given."""

from __future__ import annotations

from tetra_orchestrator.core.admission import grown
from tetra_orchestrator.core.facts import Bounds
from tetra_orchestrator.core.model import Resources
from tetra_orchestrator.core.outcome import LimitExceeded, Lost, OutputsInvalid, SpawnFailed
from tetra_orchestrator.engine.environment import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import AttemptFiles

#: More than any kernel lets a limit be.
_MOST = 1 << 62


def bounds(task: Task, number: int, root: str, files: AttemptFiles) -> Bounds | None:
    """The limits of the task's attempt `number`; None where it has none.

    Its work folder, of which `disk` speaks, is its `cwd`, else its checkpoint folder.
    """
    if task.resources is None and not task.log_limit_bytes:
        return None
    wanted = task.resources or Resources()
    made = Bounds(
        memory_bytes=grown(wanted.memory_bytes, wanted.grow, number, _MOST),
        cpu=wanted.cpu,
        processes=wanted.processes,
        open_files=wanted.open_files,
        disk_bytes=grown(wanted.disk_bytes, wanted.grow, number, _MOST),
        log_bytes=task.log_limit_bytes,
        folder=resolve(root, task.cwd) if task.cwd else files.checkpoint,
    )
    return made if any(made[:6]) else None


def given_secrets(secrets: tuple[str, ...], texts: Iterable[str]) -> tuple[bytes, ...]:
    """Those of the secrets that occur in what a process is given."""
    everything = "\0".join(texts)
    return tuple(each.encode(errors="surrogateescape") for each in secrets if each in everything)


def without_secrets(outcome: Outcome, secrets: Iterable[str]) -> Outcome:
    """The outcome with `***` for each secret that its text quotes, be it as it is or as `repr` writes it."""
    if not isinstance(outcome, SpawnFailed | OutputsInvalid | LimitExceeded | Lost):
        return outcome
    text = outcome.text
    for secret in sorted(secrets, key=len, reverse=True):
        for form in (secret, repr(secret)[1:-1]):
            text = text.replace(form, "***")
    return outcome._replace(text=text)
