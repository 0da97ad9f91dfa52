"""The live view of a run on a terminal: how far it has come, a line per task, and below what runs what it is doing."""

from __future__ import annotations

from time import monotonic

from tetra_orchestrator.adapters.report import rows
from tetra_orchestrator.adapters.report.board import Board
from tetra_orchestrator.adapters.report.epilogue import epilogue
from tetra_orchestrator.adapters.report.glimpse import Window
from tetra_orchestrator.adapters.report.narration import texts
from tetra_orchestrator.adapters.report.pace import FIRST_S, Pace
from tetra_orchestrator.core import events
from tetra_orchestrator.core.cells import cells, cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.adapters.report.canvas import Canvas, Row
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Subject

#: Seconds between two drawings at least; and how many times as long as the last one took.
PAUSE_S, SHARE = 0.1, 20
#: What people are told besides the state of a task.
TOLD = (events.HOOK_FAILED, events.RECOVERY_STEP, events.TASK_SLOW)


class LiveReporter:
    """Draws in place while the run goes on, and leaves a summary. `now` tells seconds that never jump.

    Drawing takes one part in twenty of the time at most, however many tasks there are. A terminal that is stopped gets
    no drawings meanwhile, of which all but the last would be old.
    """

    def __init__(self, subject: Subject, canvas: Canvas, now: Callable[[], float] = monotonic):
        self._subject = subject
        self._canvas = canvas
        self._now = now
        self._board = Board(subject)
        self._window = Window(subject)
        self._longest = max(map(cells, subject.tasks), default=0)
        self._pace = Pace(self._board)
        self._notices: list[str] = []
        self._began = self._due = now()
        self._ended: float | None = None
        self._height = 0

    def event(self, event: RunEvent) -> None:
        """Take the event in."""
        if event.event == events.RUN_STARTED:
            self._began = self._now()
            title = cut(f"  {self._subject.title}", self._canvas.columns - cells(self._subject.run_id))
            self._canvas.write([((self._subject.run_id, "bold"), (title, ""))])
        elif event.event == events.RUN_FINISHED:
            self._ended = self._now()  # hooks may go on
        if event.event in TOLD:
            self._notices += texts(event, self._subject)
        self._board.take(event, self._now())
        if event.task is not None:
            self._pace.moved(event.task)

    def flush(self) -> None:
        """Draw what has changed, unless that was just done."""
        self.tick()

    def tick(self) -> None:
        """Draw, so that times move."""
        now = self._now()
        if now < self._due or self._canvas.behind:
            return
        self._canvas.draw(self._frame(now))
        self._due = now + max(PAUSE_S, SHARE * (self._now() - now))

    def close(self) -> None:
        """Leave the tasks as they ended, and say what became of the run."""
        now = self._now()
        self._canvas.draw(self._last_frame(now))
        self._canvas.write(epilogue(self._board, self._notices, (self._ended or now) - self._began))

    def _frame(self, now: float) -> list[Row]:
        """As many rows as there were, or more: what is below keeps its place."""
        board, most = self._board, self._canvas.rows
        head = (
            rows.stopping_row(board) if board.stopping else rows.head_row(board, now - self._began, self._left_s(now))
        )
        busy = self._busy(now, most // 3)
        shown = board.window(max(most - 1 - len(busy), 1))
        if len(shown) < len(board.lines):
            shown = board.window(max(most - 2 - len(busy), 1))
        found = [head, *self._rows(shown, busy, now)]
        self._height = min(max(self._height, len(found)), most)
        return [*found, *((),) * (self._height - len(found))][:most]

    def _last_frame(self, now: float) -> list[Row]:
        shown = list(self._board.lines)
        return self._rows(shown, {}, now) if len(shown) < self._canvas.rows else []

    def _rows(self, shown: list[str], busy: dict[str, Row], now: float) -> list[Row]:
        board, widths, found = self._board, rows.layout(self._canvas.columns, self._longest), []
        for name in shown:
            found.append(rows.task_row(name, board, now, widths))
            if name in busy:
                found.append(busy[name])
        return found if len(shown) == len(board.lines) else [*found, rows.rest_row(board, shown)]

    def _busy(self, now: float, most: int) -> dict[str, Row]:
        """The second lines: of attempts that have run for a while, and of what waits for its next one."""
        since = now - rows.SETTLED_S
        settled = [name for name, line in self._board.active.items() if line.since is None or line.since <= since]
        if settled:
            self._window.look()
        return {name: rows.detail_row(name, self._board, self._window) for name in settled[:most]}

    def _left_s(self, now: float) -> float | None:
        """Seconds until the run is over, as far as its history tells."""
        return self._pace.left_s(now) if now - self._began >= FIRST_S else None
