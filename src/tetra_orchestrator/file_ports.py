"""What the engine asks of the files of runs, as `ports` has what it asks of everything else."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Protocol

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.retention import Stray
    from tetra_orchestrator.ports import AttemptFiles

    class Workspace(Protocol):
        """The files of attempts: log, input, outputs, checkpoint."""

        # Makes the attempt's folders, that of its owner and its input file, and says where everything is. `CannotWrite`
        # when it cannot.
        def prepare(
            self, run_id: str, task_id: str, number: int, given: Mapping[str, Json], tenant: str | None = None
        ) -> AttemptFiles: ...

        # Where the attempt's files are, whether or not they exist.
        def files(self, run_id: str, task_id: str, number: int) -> AttemptFiles: ...

        # Removes what the attempt was given and what it handed on, once that is known; it may hold secrets.
        def clear(self, files: AttemptFiles) -> None: ...

        # What the task appended as JSON lines, later keys winning. `ValueError` with the line when it cannot be read.
        def outputs(self, files: AttemptFiles) -> Mapping[str, Json]: ...

        # The same without secrets, as its wrapper has left it.
        def masked_outputs(self, files: AttemptFiles) -> Mapping[str, Json]: ...

        # Gives the new run the checkpoint folders of the first of the earlier runs that has some, or that of the `task`
        # of the first that has left something in it; returns which that is. `CannotWrite` when it cannot.
        def carry_over(self, earlier: Sequence[str], run_id: str, task: str | None = None) -> str | None: ...

        # Where the attempt's log is, whether or not it exists.
        def log_path(self, run_id: str, task_id: str, number: int) -> str: ...

        # Makes the run's own new log file, `orchestrator_YYYYmmdd_HHMMSS[_n].log`, and points `latest` at it.
        def open_log(self, now: datetime) -> str: ...

        # Bytes of all files of the run, as far as they can be seen.
        def size(self, run: Run) -> int: ...

        # Removes all files of the run. `CannotWrite` when one stays.
        def remove(self, run: Run) -> None: ...

        # What the run found around itself, as `core.around` reads it; "" where it has noted nothing.
        def around(self, run_id: str) -> str: ...

        # The last lines of the log as text, at most `limit` bytes of it.
        def tail(self, log: str, limit: int = 4096) -> str: ...

    class Strays(Protocol):
        """Files that are called like those of runs and belong to none, and what was left half made."""

        # Unchanged since `idle_since`, runs' own logs also since `logs_since`. `runs` are all there are.
        def find(self, runs: Iterable[Run], idle_since: datetime, logs_since: datetime) -> list[Stray]: ...

        # `CannotWrite` when it stays.
        def remove(self, stray: Stray) -> None: ...
