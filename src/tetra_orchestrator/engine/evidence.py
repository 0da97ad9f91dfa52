"""What an attempt's files tell besides its exit: words in its log, a reported error, that a service is ready."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.condition import found_in
from tetra_orchestrator.core.outcome import OutputsInvalid, succeeded
from tetra_orchestrator.engine.attempt import check_outputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.file_ports import Workspace
    from tetra_orchestrator.ports import AttemptFiles

#: How much of the end of a log is searched.
SEARCHED_BYTES = 64 * 1024


def is_ready(task: Task, files: AttemptFiles, workspace: Workspace) -> bool:
    """True when the service has said so: by `ready_when` in its log, or by `{"ready": true}` among its outputs."""
    pattern = task.service.ready_when if task.service else None
    if pattern is not None and found_in(workspace.tail(files.log, SEARCHED_BYTES), (pattern,)):
        return True
    return left_behind(files, workspace).get("ready") is True


def searched_log(files: AttemptFiles, outcome: Outcome, workspace: Workspace) -> tuple[str, str | None]:
    """The end of the log, and the error that a failed attempt reported: the class's name and those of its bases."""
    reported = {} if succeeded(outcome) else left_behind(files, workspace)
    bases = reported.get("error_classes")
    names = bases if isinstance(bases, list) else [reported.get("error_class")]
    return workspace.tail(files.log, SEARCHED_BYTES), " ".join(name for name in names if isinstance(name, str)) or None


def checked_outputs(
    task: Task, outcome: Outcome, files: AttemptFiles, workspace: Workspace
) -> tuple[Outcome, Mapping[str, Json]]:
    """What an attempt that succeeded hands on; that it failed where that is not what its task declares."""
    try:
        outputs = workspace.outputs(files)
        check_outputs(task, outputs)
    except ValueError as error:
        return OutputsInvalid(str(error)), {}
    failpoints.hit("outputs.read")
    return outcome, outputs


def left_behind(files: AttemptFiles, workspace: Workspace) -> Mapping[str, Json]:
    """The outputs of an attempt that need not have any; none where they cannot be read, or not yet."""
    try:
        return workspace.outputs(files)
    except ValueError:
        return {}
