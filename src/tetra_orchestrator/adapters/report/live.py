"""The live view of a run on a terminal: a line per task with its state, elapsed time and what is left."""

from __future__ import annotations

from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tetra_orchestrator.adapters.report.narration import FAILED, last_lines
from tetra_orchestrator.core import events
from tetra_orchestrator.core.spoken import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Subject

#: state -> symbol and style; the state is always written out beside it
LOOKS = {
    "pending": ("·", "dim"),
    "submitted": ("▶", "cyan"),
    "waiting_retry": ("↻", "yellow"),
    "succeeded": ("✓", "green"),
    "partial": ("◐", "yellow"),
    "skipped": ("−", "dim"),
    "upstream_failed": ("−", "red"),
    "cancelled": ("■", "yellow"),
}
_FAILED_LOOK = ("✗", "bold red")
_WORDS = {"submitted": "running"}


class _Line:
    """What the view knows of one task; times are monotonic seconds."""

    def __init__(self, expected_s: float | None):
        self.state = "pending"
        self.attempt = 0
        self.began: float | None = None
        self.ended: float | None = None
        self.expected_s = expected_s
        self.note = ""


class LiveReporter:
    """Redraws in place while the run goes on; afterwards the final table stays, with the tail of each failed log."""

    def __init__(self, subject: Subject, stream: TextIO):
        self._subject = subject
        self._lines = {name: _Line(subject.expected_s.get(name)) for name in subject.tasks}
        self._console = Console(file=stream, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, get_renderable=self._table)
        self._failures: list[tuple[str, int]] = []
        self._verdict = ""

    def event(self, event: RunEvent) -> None:
        """Take the event in and redraw."""
        if event.event == events.RUN_STARTED:
            self._console.print(f"[bold]{self._subject.run_id}[/bold]  {self._subject.title}")
            self._live.start()
        elif event.event == events.RUN_FINISHED:
            self._verdict = _verdict(event)
        elif event.task in self._lines:
            self._update(self._lines[event.task], event)
        self._live.refresh()

    def tick(self) -> None:
        """Redraw, so that elapsed times move."""
        self._live.refresh()

    def close(self) -> None:
        """Leave the final table and say what failed and where all of it is."""
        self._live.stop()
        for task, attempt in self._failures:
            path = self._subject.log_of(task, attempt)
            self._console.print(Text(f"\n{task} failed; the end of its log:", style="bold red"))
            self._console.print(Text("\n".join(last_lines(self._subject.tail_of(path)))))
            self._console.print(Text(f"full log: {path}", style="dim"), soft_wrap=True)
        if self._verdict:
            self._console.print(f"\n{self._verdict}")
            self._console.print(Text(f"log {self._subject.log}", style="dim"), soft_wrap=True)

    def _update(self, line: _Line, event: RunEvent) -> None:
        line.state = event.state or line.state
        if event.event == events.ATTEMPT_STARTED:
            line.attempt = event.attempt or 0
            line.began, line.ended, line.note = line.began or monotonic(), None, ""
            return
        line.note = event.reason.text if event.reason and line.state != "succeeded" else ""
        if event.event == events.TASK_FINISHED:
            line.ended = monotonic()
            if line.state in FAILED:
                self._failures.append((event.task or "", event.attempt or 0))

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for overflow in ("fold", "fold", "fold", "ellipsis"):
            table.add_column(overflow=overflow, no_wrap=overflow == "ellipsis")
        for name, line in self._lines.items():
            symbol, style = LOOKS.get(line.state, _FAILED_LOOK)
            word = _WORDS.get(line.state, line.state).replace("_", " ")
            attempt = f" (attempt {line.attempt})" if line.attempt > 1 else ""
            table.add_row(
                Text(f"{symbol} {name}", style), Text(word + attempt, style), self._time(line), Text(line.note)
            )
        return table

    def _time(self, line: _Line) -> str:
        if line.began is None:
            return f"about {duration(line.expected_s)}" if line.expected_s else ""
        elapsed = (line.ended or monotonic()) - line.began
        if line.ended is None and line.expected_s and line.expected_s > elapsed:
            return f"{duration(elapsed)}, {duration(line.expected_s - elapsed)} to go"
        return duration(elapsed)


def _verdict(event: RunEvent) -> str:
    why = event.reason.text if event.reason else ""
    if event.state == "succeeded":
        return "[bold green]✓ succeeded[/bold green]"
    return f"[bold red]✗ {event.state}[/bold red]: {why}"
