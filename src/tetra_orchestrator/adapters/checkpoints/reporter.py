"""Leaves a checkpoint whenever a group of a run is over: after the store's own commit, and whatever becomes of it."""

from __future__ import annotations

from tetra_orchestrator.adapters.checkpoints import files
from tetra_orchestrator.core import events
from tetra_orchestrator.core.checkpoint import age, is_called, of_rows
from tetra_orchestrator.core.reasons import ALREADY_SUCCEEDED, IN_CHECKPOINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tetra_orchestrator.core.checkpoint import Keeping
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Subject

_OVER = (events.TASK_FINISHED, events.TASK_SKIPPED)
_EARLIER = (ALREADY_SUCCEEDED, IN_CHECKPOINT)
#: So much later than the one before is a checkpoint of the same run at least, also by a clock that was set back.
STEP_S = 0.001


class CheckpointReporter:
    """Writes one after each of the `groups` (task ids) in which a task has succeeded, and one that begins with what is
    carried over from an earlier run. `tell` is told once of files that cannot be written."""

    def __init__(
        self, subject: Subject, keeping: Keeping, groups: Sequence[Sequence[str]], tell: Callable[[str], None]
    ):
        self._subject = subject
        self._keeping = keeping
        self._tell = tell
        self._group = {name: place for place, group in enumerate(groups) for name in group}
        self._open = [len(group) for group in groups]
        self._is_due = False
        self._has_failed = False
        self._done = 0
        self._number = 0
        self._latest = 0.0
        self._kept: list[str] | None = None

    def event(self, event: RunEvent) -> None:
        """Take note of a task that is over."""
        self._now = event.ts.timestamp()
        if event.event in _OVER and event.task in self._group:
            place = self._group[event.task]
            self._open[place] -= 1
            carried = event.reason is not None and event.reason.code in _EARLIER
            self._is_due = self._is_due or not self._open[place] or carried

    def flush(self) -> None:
        """Write the checkpoint that is due."""
        if self._is_due:
            self._is_due = False
            self._save()

    def tick(self) -> None:
        """Nothing is due without news."""

    def close(self) -> None:
        """Nothing is open."""

    def _save(self) -> None:
        latest = max(self._now, self._latest + STEP_S)
        checkpoint = of_rows(self._keeping.name, self._subject.rows(), latest)
        if checkpoint is None or len(checkpoint.completed_stages) == self._done:
            return
        folder = self._keeping.folder
        try:
            path = files.save(folder, checkpoint, self._number + 1)
            self._number += 1
            self._latest, self._done = latest, len(checkpoint.completed_stages)
            self._prune(path)
        except OSError as error:
            if not self._has_failed:
                self._tell(f"the checkpoints in {folder} are incomplete: {error.strerror}")
            self._has_failed = True

    def _prune(self, path: str) -> None:
        """Remove what is too old of our own files of that name; the new one is the last to go."""
        if self._kept is None:
            self._kept = self._found(path)
        self._kept.append(path)
        while len(self._kept) > self._keeping.most:
            files.remove(self._kept.pop(0))

    def _found(self, path: str) -> list[str]:
        """Earlier files of that name, the oldest first. The folder is looked at once for each run."""
        folder, name = self._keeping.folder, self._keeping.name
        files.settle_in(folder, name, self._keeping.home)
        files.tidy(folder, self._now)
        kept = [each for each in files.look(folder).kept if is_called(each.checkpoint, name) and each.path != path]
        return [each.path for each in sorted(kept, key=age) if files.is_ours(each.path)]
