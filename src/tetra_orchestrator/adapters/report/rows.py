"""The lines of the live view: one for each task, a second one under what runs, and one above all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tetra_orchestrator.adapters.report.narration import FAILED
from tetra_orchestrator.core.cells import cut_middle, padded
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.signs import STATES
from tetra_orchestrator.core.spoken import about, duration, size
from tetra_orchestrator.core.states import ACTIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.report.board import Board, Line
    from tetra_orchestrator.adapters.report.canvas import Row
    from tetra_orchestrator.adapters.report.glimpse import Window

#: Columns between two cells, and of a time; of names at least and at most, of states where there is room or not.
GAP, TIME = "  ", 11
NAME_MIN, STATE, SHORT_STATE, NARROW = 12, 15, 9, 59
#: What is left for the rest where there is room: `exited with code 1` has it, and `of about 30 min`.
NOTE = 18
#: Seconds after which an attempt gets its second line: short ones would only make the view jump.
SETTLED_S = 1.0
_WORDS = {"submitted": "running"}
_SHORT = {"waiting_retry": "retrying", "upstream_failed": "not run"}


class Layout(Record):
    """The widths of the columns for names and states."""

    name: int
    state: int


WIDE = Layout(NAME_MIN, STATE)


def layout(columns: int, longest: int) -> Layout:
    """The widths on a terminal with so many columns, for names up to that width."""
    state = STATE if columns >= NARROW else SHORT_STATE
    rest = columns - 2 - state - TIME - 2 * len(GAP)
    most = rest - (len(GAP) + NOTE if columns >= NARROW else 0)
    return Layout(min(longest, max(most, NAME_MIN)), state)


def task_row(name: str, board: Board, now: float, widths: Layout) -> Row:
    """Symbol, name, state, time, and what else there is to say of the task."""
    line = board.lines[name]
    sign = STATES[line.state]
    colour = sign.colour
    took = line.took_s(now)
    time = "" if took is None else _seconds(took) if line.ended is None else duration(took)
    return (
        (f"{sign.symbol} ", colour),
        (padded(cut_middle(name, widths.name), widths.name) + GAP, "dim" if colour == "dim" else ""),
        (padded(word(line.state, widths), widths.state) + GAP, colour),
        (f"{time:>{TIME}}", ""),
        (GAP + _rest(name, line, board, now), "dim" if line.state not in FAILED else ""),
    )[: 5 if widths.state == STATE else 4]


def detail_row(name: str, board: Board, window: Window) -> Row:
    """Which attempt it is, what it takes, the last line of its log; between two attempts, how the last one ended."""
    line = board.lines[name]
    if line.state == "waiting_retry":
        return ((f"  │ {_attempt(name, line, board)} {_why(line)}", "dim"),)
    parts = [_attempt(name, line, board)] if line.attempt > 1 else []
    seen = window.glimpse(name, line.attempt)
    if seen.cpu is not None and seen.rss_bytes is not None:
        parts.append(f"CPU {seen.cpu:.0%}, {size(seen.rss_bytes)}")
    parts.append(seen.line or "no output yet")
    return ((f"  │ {' · '.join(parts)}", "dim"),)


def head_row(board: Board, elapsed_s: float, left_s: float | None) -> Row:
    """How far the run has come, and when it will be over."""
    counts = [f"{board.done} of {len(board.lines)} done"]
    for text, states in (("failed", FAILED), ("not run", ("upstream_failed",))):
        if count := sum(board.counts[state] for state in states):
            counts.append(f"{count} {text}")
    when = "" if left_s is None or left_s < 1 else f"{GAP}about {about(left_s)} left, until {_clock(left_s)}"
    return ((f"{', '.join(counts)}{GAP}{_seconds(elapsed_s)}", "bold"), (when, ""))


def stopping_row(board: Board) -> Row:
    """What happens since somebody has asked the run to end."""
    running = [name for name, line in board.active.items() if line.state in ACTIVE]
    if not running:
        return (("stopping", "bold yellow"), (f" ({board.stopping})", ""))
    grace = max([task.kill_grace_s for name in running if (task := board.tasks.get(name))], default=None)
    have = "1 task has" if len(running) == 1 else f"{len(running)} tasks have"
    them = "it" if len(running) == 1 else "them"
    again = " again" if "SIGINT" in board.stopping else ""
    time = "some time" if grace is None else f"{grace:g} s"
    return (("stopping: ", "bold yellow"), (f"{have} {time} to end; Ctrl-C{again} ends {them} at once", ""))


def rest_row(board: Board, shown: list[str]) -> Row:
    """How many tasks are in which state that have no line of their own."""
    left = board.counts.copy()
    left.subtract(board.lines[name].state for name in shown)
    words = [f"{count} {word(state, WIDE)}" for state, count in left.most_common() if count > 0]
    return ((f"… {sum(left.values())} more: {', '.join(words)}", "dim"),)


def word(state: str, widths: Layout) -> str:
    """The state as people read it, in a column of that width."""
    found = _WORDS.get(state, state).replace("_", " ")
    return found if len(found) <= widths.state else _SHORT[state]


def _rest(name: str, line: Line, board: Board, now: float) -> str:
    usual = board.usual_s(name) or 0.0
    usual = usual if usual >= SETTLED_S else 0.0
    if line.state in ACTIVE:
        took = line.took_s(now) or 0.0
        return "" if not usual else f"of about {about(usual)}" if took <= usual else f"usually {about(usual)}"
    if line.state == "waiting_retry":
        return f"again in {about(max((line.due or now) - now, 0.0))}"
    if line.state == "pending":
        return f"about {about(usual)}" if usual else ""
    if line.state == "upstream_failed":
        return _why(line).replace("upstream failed", "not run")
    if line.state == "cancelled":
        return "" if line.attempt else "not started"
    tries = _attempt(name, line, board) if line.attempt > 1 else ""
    return ", ".join(part for part in (_why(line), tries) if part)


def _why(line: Line) -> str:
    return " ".join(line.note.partition("; next attempt in ")[0].split())


def _attempt(name: str, line: Line, board: Board) -> str:
    return f"attempt {line.attempt}{_of(name, board)}"


def _of(name: str, board: Board) -> str:
    task = board.tasks.get(name)
    return f" of {task.retry.max_attempts}" if task and task.retry.max_attempts > 1 else ""


def _seconds(seconds: float) -> str:
    """A time that goes on, in whole seconds, so that it changes no more often than they do."""
    return f"{seconds:.0f} s" if seconds < 9.5 else duration(int(seconds))


def _clock(left_s: float) -> str:
    end = (datetime.now(UTC) + timedelta(seconds=left_s)).astimezone()
    return end.strftime("%H:%M %Z" if left_s < 43_200 else "%a %H:%M %Z")
