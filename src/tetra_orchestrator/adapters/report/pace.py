"""When a run will be over, by how long its tasks have taken before."""

from __future__ import annotations

from tetra_orchestrator.core.countdown import Countdown
from tetra_orchestrator.core.selection import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.report.board import Board

#: Seconds of a run before anything is said: most are over by then.
FIRST_S = 1.0


class Pace:
    """Tells of one run how much of it is left; it is told of every task that something has happened to."""

    def __init__(self, board: Board):
        self._board = board
        self._moved: list[str] = []
        self._countdown: Countdown | None = None

    def moved(self, task: str) -> None:
        """Something has happened to the task."""
        self._moved.append(task)

    def left_s(self, now: float) -> float | None:
        """Seconds until the run is over; None where that is not known."""
        board = self._board
        if len(board.tasks) < len(board.lines):
            return None
        if self._countdown is None:
            self._countdown = self._begun()
        for name in self._moved:
            line = board.lines.get(name)
            if line is not None and line.ended is not None:
                self._countdown.ended(name)
            elif line is not None:
                self._countdown.started(name)
        self._moved.clear()
        return self._countdown.left_s(
            {name: now - (line.due or now if line.since is None else line.since) for name, line in board.active.items()}
        )

    def _begun(self) -> Countdown:
        board, project, run = self._board, self._board.subject.project, self._board.subject.run
        mode = project.mode(run.mode) if project and run and run.mode else None
        inside = [task for name in board.lines if (task := board.tasks.get(name))]
        return Countdown(inside, board.subject.expected_s, places(project, mode) if project else 1)
