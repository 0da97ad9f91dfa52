"""Checkpoint files, in the form of the stages guide: what a run had done, for another one to go on from.

A file is a JSON object with the keys `pipeline_id`, `pipeline_name`, `completed_stages`, `stage_outputs` and
`timestamp`; others are ignored.
"""

from __future__ import annotations

import json
import re
from _blake2 import blake2s
from math import isfinite

from tetra_orchestrator.core.reasons import CARRIED_OVER
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tetra_orchestrator.core.history import Partition, TaskRun
    from tetra_orchestrator.core.model import Json, Project
    from tetra_orchestrator.core.selection import Selection

#: How many checkpoints of a pipeline are kept unless somebody says otherwise.
KEPT = 5
#: The folder for them, where the command is called, unless somebody says otherwise.
FOLDER = "checkpoints"
#: The longest list of tasks, in characters, that is part of a name as it is.
LONGEST = 100

_TEXTS = ("pipeline_id", "pipeline_name")


class Checkpoint(Record):
    """What the run `pipeline_id` of `pipeline_name` had done at `timestamp` (seconds since 1970 in UTC).

    `stage_outputs` maps ids of completed stages to what each of them handed on; one that is not there left nothing.
    """

    pipeline_id: str
    pipeline_name: str
    completed_stages: tuple[str, ...]
    stage_outputs: Mapping[str, Mapping[str, Json]]
    timestamp: float


class Kept(Record):
    """A checkpoint, and the path of its file."""

    path: str
    checkpoint: Checkpoint


class Holdings(Record):
    """What is in a folder: checkpoints, the newest first, and by path why another file is none.

    `homes` maps names of pipelines to the configuration files of those that left checkpoints.
    """

    kept: tuple[Kept, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
    homes: Mapping[str, str] = {}


class Keeping(Record):
    """Which checkpoints a run leaves: in which folder, under which name, the newest `most` of that name."""

    folder: str
    name: str
    most: int
    home: str


class Summary(Record):
    """How many `checkpoints` of one run there are, and when the newest was made (seconds since 1970 in UTC)."""

    pipeline_id: str
    pipeline_name: str
    checkpoints: int
    latest: float


def parse(text: str) -> Checkpoint:
    """The checkpoint in a file's text; raises `ValueError` with what keeps it from being one."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    for key in Checkpoint._fields:
        if key not in found:
            raise ValueError(f"it has no '{key}'")
    for key in _TEXTS:
        if not isinstance(found[key], str) or not found[key] or not found[key].isprintable():
            raise ValueError(f"'{key}' is no line of text")
    run_id, name, stages, outputs, timestamp = (found[key] for key in Checkpoint._fields)
    if not isinstance(stages, list) or not all(isinstance(each, str) for each in stages):
        raise ValueError("'completed_stages' is no list of stage ids")
    if not isinstance(outputs, dict) or not all(isinstance(each, dict) for each in outputs.values()):
        raise ValueError("'stage_outputs' does not map stage ids to outputs")
    return Checkpoint(run_id, name, tuple(dict.fromkeys(stages)), outputs, _seconds(timestamp))


def _seconds(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("'timestamp' is no number")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = float("inf")
    if not isfinite(seconds):
        raise ValueError("'timestamp' is no number of seconds")
    return seconds


def text_of(checkpoint: Checkpoint) -> str:
    """The text of its file."""
    return json.dumps(checkpoint._asdict(), indent=2) + "\n"


def of_rows(name: str, rows: Sequence[TaskRun], timestamp: float) -> Checkpoint | None:
    """The checkpoint of a run with these tasks, None where none of them has succeeded yet."""
    done = [row for row in rows if is_done(row)]
    if not done:
        return None
    outputs = {row.task_id: row.outputs or {} for row in done}
    return Checkpoint(done[0].run_id, name, tuple(outputs), outputs, timestamp)


def is_done(row: TaskRun) -> bool:
    """Whether a run that goes on from this one need not do the task again."""
    carried = row.reason is not None and row.reason.code in CARRIED_OVER
    return row.state == TaskState.SUCCEEDED or (row.state == TaskState.SKIPPED and carried)


def name_of(project: Project, selection: Selection, partition: Partition | None) -> str:
    """Under which name runs of the selection leave checkpoints, and look for them.

    That of the whole file is the project's. A mode, what of it is selected, and dates are part of it, so that no run
    takes for done what was done for another purpose.
    """
    mode = selection.mode.name if selection.mode else None
    parts = [project.name, *([mode] if mode and mode != project.name else [])]
    chosen = [task.id for task in selection.tasks]
    if len(chosen) < len(select(project, mode).tasks):
        parts.append(_short("+".join(chosen)))
    parts += [f"{partition.start}_{partition.end}"] if partition else []
    return ".".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else blake2s(text.encode(), digest_size=8).hexdigest()


def is_called(checkpoint: Checkpoint, name: str) -> bool:
    """Whether it is of that name, in which other characters than letters, digits, `_` and `-` do not matter."""
    return _plain(checkpoint.pipeline_name) == _plain(name)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).lstrip("-")


def newest(kept: Iterable[Kept], name: str) -> Kept | None:
    """The newest of that name; None where there is none."""
    return max((each for each in kept if is_called(each.checkpoint, name)), key=age, default=None)


def age(kept: Kept) -> tuple[float, str]:
    """What sorts checkpoints, the oldest first."""
    return kept.checkpoint.timestamp, kept.path


def summaries(kept: Iterable[Kept]) -> list[Summary]:
    """One for each run, the run with the newest checkpoint first."""
    found: dict[str, list[Checkpoint]] = {}
    for each in sorted(kept, key=age, reverse=True):
        found.setdefault(each.checkpoint.pipeline_id, []).append(each.checkpoint)
    return [Summary(run_id, own[0].pipeline_name, len(own), own[0].timestamp) for run_id, own in found.items()]
