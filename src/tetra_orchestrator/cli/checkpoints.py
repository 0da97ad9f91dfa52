"""What `run --checkpoint-dir`, `--no-checkpoint`, `--keep-checkpoints` and `--resume` mean for a run."""

from __future__ import annotations

import os
import sys

from tetra_orchestrator import wire
from tetra_orchestrator.core.checkpoint import FOLDER, KEPT, Keeping, name_of, newest
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.engine.from_checkpoint import FromCheckpoint
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.checkpoint import Checkpoint, Holdings
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.start import Request


class Choice(Record):
    """What the command line says of checkpoints. `keep` is at least 1."""

    folder: str | None = None
    off: bool = False
    keep: int | None = None
    resume: bool = False


def folder_of(named: str | None) -> str:
    """The folder of checkpoints as an absolute path: the one that is named, else `checkpoints` where we are called."""
    return os.path.abspath(named or FOLDER)


def keeping(request: Request, choice: Choice) -> Keeping | None:
    """Which checkpoints the run leaves, if any."""
    if choice.off:
        return None
    name = name_of(request.project, request.selection, request.partition)
    return Keeping(folder_of(choice.folder), name, choice.keep or KEPT, request.project.file)


def resuming(request: Request, choice: Choice) -> Request:
    """The run that goes on from the newest checkpoint of its name.

    Raises `UsageError` where there is none, or where that lists stages which the file does not have.
    """
    if choice.off:
        hint = "leave out one of them; `tetra resume` goes on after the newest run without checkpoints"
        raise UsageError("--resume needs checkpoints, and --no-checkpoint leaves them out", hint=hint)
    folder, name = folder_of(choice.folder), name_of(request.project, request.selection, request.partition)
    holdings = wire.checkpoints_in(folder)
    warn_of_broken(holdings)
    found = newest(holdings.kept, name)
    if found is None:
        names = dict.fromkeys(printable(each.checkpoint.pipeline_name) for each in holdings.kept)
        there = f"it has those of {', '.join(names)}; " if names else ""
        hint = f"{there}name another folder with --checkpoint-dir, or start anew without --resume"
        raise UsageError(f"Checkpoint not found: there is none of '{name}' in {folder}", hint=hint)
    _check_stages(found.checkpoint, found.path, request.project)
    return request._replace(again=FromCheckpoint(found.path, found.checkpoint), trigger="resume")


def is_done(request: Request) -> bool:
    """Whether the checkpoint that the run would go on from leaves nothing to be done."""
    source, tasks = request.again, [task.id for task in request.selection.tasks if task.enabled]
    return isinstance(source, FromCheckpoint) and len(source.reasons(tasks)) == len(tasks)


def nothing_left(request: Request, *, as_json: bool) -> int:
    """Say so, and return the exit code."""
    source = request.again
    assert isinstance(source, FromCheckpoint)
    if not as_json:
        print(f"the checkpoint {source.path} has every stage: there is nothing to resume")
    return Exit.OK


def warn_of_broken(holdings: Holdings) -> None:
    """Say which files in the folder are no checkpoints."""
    for path, why in holdings.broken:
        print(f"warning: {path}: not a checkpoint, left out: {printable(why)}", file=sys.stderr)


def _check_stages(checkpoint: Checkpoint, path: str, project: Project) -> None:
    known = [task.id for task in project.tasks()]
    gone = [name for name in checkpoint.completed_stages if name not in set(known)]
    if gone:
        stages = ", ".join(f"'{printable(name)}'" for name in gone)
        hint = (
            f"{suggest(gone[0], known, 'stages')}; "
            "correct its completed_stages and stage_outputs, or start anew without --resume"
        )
        message = f"the checkpoint has completed {stages}, which {project.file} does not have"
        raise UsageError(message, hint=hint, where=path)
