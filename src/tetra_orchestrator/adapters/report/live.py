"""The live view of a run on a terminal: a line per task with its state, elapsed time and what is left."""

from __future__ import annotations

from collections import Counter
from time import monotonic

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.text import Text

from tetra_orchestrator.adapters.report.narration import FAILED, last_lines
from tetra_orchestrator.core import events
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.core.states import ACTIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.report.outlet import Outlet
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
GAP = 2  # columns between two cells
NAME_MIN = 12
AROUND = 2  # rows kept for the head line and the cursor


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
    """Redraws in place while the run goes on; afterwards the final table stays, with the tail of each failed log.

    A terminal that is stopped gets no drawings meanwhile, of which all but the last would be old.
    """

    def __init__(self, subject: Subject, stream: Outlet):
        self._subject = subject
        self._stream = stream
        self._lines = {name: _Line(subject.expected_s.get(name)) for name in subject.tasks}
        self._console = Console(file=stream, highlight=False)  # type: ignore[arg-type]
        self._closed = False
        self._live = Live(console=self._console, auto_refresh=False, get_renderable=self._table)
        self._failures: list[tuple[str, int]] = []
        self._verdict = ""

    def event(self, event: RunEvent) -> None:
        """Take the event in."""
        if event.event == events.RUN_STARTED:
            self._console.print(f"[bold]{self._subject.run_id}[/bold]  {self._subject.title}")
            self._live.start()
        elif event.event == events.RUN_FINISHED:
            self._verdict = _verdict(event)
        elif event.task in self._lines:
            self._update(self._lines[event.task], event)

    def flush(self) -> None:
        """Redraw."""
        self.tick()

    def tick(self) -> None:
        """Redraw, so that elapsed times move."""
        self._stream.flush()
        if not self._stream.behind:
            self._live.refresh()

    def close(self) -> None:
        """Leave the final table and say what failed and where all of it is."""
        self._closed = True
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

    def _table(self) -> Text:
        """The lines that fit the terminal: the note is cut first, then forecasts go, then long names are cut."""
        shown = self._shown()
        rows = [self._cells(name, self._lines[name]) for name in shown]
        width = self._console.width
        names, states, elapsed = (max((cell_len(row[i]) for row in rows), default=0) for i in range(3))
        forecasts = max((cell_len(row[2] + row[3]) for row in rows), default=0)
        room = width - states - 3 * GAP
        if room - forecasts >= min(names, width // 2):
            elapsed, rows = forecasts, [(*row[:2], row[2] + row[3], "", *row[4:]) for row in rows]
        names = min(names, max(room - elapsed, NAME_MIN))
        lines = []
        for name, state, time, _, note, style in rows:
            line = Text.assemble(
                _cell(_middle_cut(name, names), names, style), _cell(state, states, style), _cell(time, elapsed), note
            )
            line.rstrip()
            line.truncate(width, overflow="ellipsis")
            lines.append(line)
        if left := [line for name, line in self._lines.items() if name not in shown]:
            counts = Counter(_word(line.state) for line in left).most_common()
            summary = Text(f"… {len(left)} more: {', '.join(f'{count} {word}' for word, count in counts)}", "dim")
            summary.truncate(width, overflow="ellipsis")
            lines.append(summary)
        return Text("\n", no_wrap=True).join(lines)

    def _shown(self) -> list[str]:
        """The tasks that have a line, in the order of the plan: what matters most now, in the end all that failed."""
        room = max(self._console.height - AROUND, 2)
        if len(self._lines) <= room:
            return list(self._lines)
        chosen = set(sorted(self._lines, key=lambda name: _rank(self._lines[name].state))[: room - 1])
        if self._closed:
            chosen.update(name for name, line in self._lines.items() if line.state in FAILED)
        return [name for name in self._lines if name in chosen]

    def _cells(self, name: str, line: _Line) -> tuple[str, str, str, str, str, str]:
        """Name, state, elapsed time, forecast, note and style."""
        symbol, style = LOOKS.get(line.state, _FAILED_LOOK)
        attempt = f" (attempt {line.attempt})" if line.attempt > 1 else ""
        return (f"{symbol} {name}", _word(line.state) + attempt, *self._time(line), " ".join(line.note.split()), style)

    def _time(self, line: _Line) -> tuple[str, str]:
        """How long it took so far, and what is expected."""
        if line.began is None:
            return "", f"about {duration(line.expected_s)}" if line.expected_s and line.state == "pending" else ""
        elapsed = (line.ended or monotonic()) - line.began
        if line.ended is None and line.expected_s and line.expected_s > elapsed:
            return duration(elapsed), f", {duration(line.expected_s - elapsed)} to go"
        return duration(elapsed), ""


def _word(state: str) -> str:
    return _WORDS.get(state, state).replace("_", " ")


def _rank(state: str) -> int:
    """Which tasks are shown first where not all can be."""
    if state in ACTIVE:
        return 0
    return 1 if state in FAILED else {"waiting_retry": 2, "pending": 3}.get(state, 4)


def _middle_cut(name: str, width: int) -> str:
    """Names are often alike but for their ends."""
    tail = width // 3
    return name if cell_len(name) <= width else f"{name[: width - tail - 1]}…{name[-tail:]}"


def _cell(text: str, width: int, style: str = "") -> Text:
    cell = Text(text, style)
    cell.truncate(width, overflow="ellipsis", pad=True)
    return cell.append(" " * GAP)


def _verdict(event: RunEvent) -> str:
    why = event.reason.text if event.reason else ""
    if event.state == "succeeded":
        return "[bold green]✓ succeeded[/bold green]"
    return f"[bold red]✗ {event.state}[/bold red]: {why}"
