"""What is said of a run on a terminal when it is over: what failed and why, what that kept from running, and how to
go on."""

from __future__ import annotations

import os

from tetra_orchestrator.adapters.report.glimpse import final
from tetra_orchestrator.adapters.report.narration import FAILED, config_option, last_lines
from tetra_orchestrator.core.cells import cut
from tetra_orchestrator.core.signs import STATES
from tetra_orchestrator.core.spoken import about, duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.adapters.report.board import Board, Line
    from tetra_orchestrator.adapters.report.canvas import Row

#: So many failures are shown with the end of their log, and so many at all.
WITH_LOG, NAMED = 3, 10
#: Columns of a line of a log, which may have no end for a megabyte.
LONGEST = 300
#: What is worth a word: a task that took so many times as long as usual, and so many seconds more.
TIMES, MORE_S = 1.5, 5.0
_PHRASES = {"timed_out": "timed out"}
_LABEL = 12


def epilogue(board: Board, notices: Sequence[str], took_s: float) -> Iterator[Row]:
    """The rows that stay."""
    yield from (((f"! {text}", "yellow"),) for text in notices)
    for name in board.failures[:WITH_LOG]:
        yield from _failure(name, board)
    for name in board.failures[WITH_LOG:NAMED]:
        yield (_headline(name, board),)
    if more := len(board.failures[NAMED:]):
        yield ((f"✗ … and {more} more failed", "bold red"),)
    if kept := _names(board, "upstream_failed"):
        cause = "that" if len(board.failures) == 1 else "these"
        yield ((f"− not run because of {cause}: {kept}", "red"),)
    yield from _verdict(board, took_s)


def _failure(name: str, board: Board) -> Iterator[Row]:
    path = board.subject.log_of(name, board.lines[name].attempt)
    yield ()
    yield (_headline(name, board),)
    if board.lines[name].attempt:
        said = last_lines(board.subject.tail_of(path))
        yield from ((("  │ ", "red"), (cut(final(text), LONGEST), "")) for text in said)
        yield ((f"  {'full log' if said else 'nothing in its log'}: {path}", "dim"),)


def _headline(name: str, board: Board) -> tuple[str, str]:
    line = board.lines[name]
    what = _PHRASES.get(line.state, line.state)
    tries = "" if line.attempt == 1 else f" after {line.attempt} attempts" if line.attempt else ""
    return f"✗ {name} {what}{tries}: {' '.join(line.note.split())}", "bold red"


def _names(board: Board, state: str) -> str:
    names = [name for name, line in board.lines.items() if line.state == state]
    more = f", … and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _verdict(board: Board, took_s: float) -> Iterator[Row]:
    verdict, subject = board.verdict, board.subject
    if verdict is None or verdict.state is None:
        return
    sign, option = STATES[verdict.state], config_option(subject)
    untold = verdict.state != "succeeded" and not board.failures
    why = verdict.reason.text if verdict.reason and (untold or verdict.state in ("cancelled", "timed_out")) else ""
    text = f"{sign.symbol} {verdict.state.replace('_', ' ')} after {duration(took_s)}"
    yield ()
    yield ((text, f"bold {sign.colour}"), (f": {', '.join(part for part in (why, _counts(board)) if part)}", ""))
    if slow := [text for name, line in board.lines.items() if (text := _slow(name, line, board))]:
        yield _labelled("slower", ", ".join(slow[:NAMED]))
    if verdict.state == "succeeded":
        yield _labelled("outputs", f"tetra show {subject.run_id}{option}")
        yield _labelled("logs", os.path.dirname(subject.log_of("", 1)))
        return
    yield _labelled("go on", f"tetra resume {subject.run_id}{option}")
    yield _labelled("find out", f"tetra why {subject.run_id}{option}")
    yield _labelled("run's log", subject.log)


def _counts(board: Board) -> str:
    total = len(board.lines)
    if board.counts["succeeded"] == total:
        return "1 task" if total == 1 else f"{total} tasks"
    states = ("succeeded", "partial", *FAILED, "cancelled", "upstream_failed", "skipped")
    words = {"upstream_failed": "not run", **_PHRASES}
    return ", ".join(f"{board.counts[state]} {words.get(state, state)}" for state in states if board.counts[state])


def _slow(name: str, line: Line, board: Board) -> str:
    """Of a task whose last attempt succeeded: how long it took, where that is notable."""
    usual = board.usual_s(name)
    if line.state != "succeeded" or usual is None or line.ended is None or line.since is None:
        return ""
    took = line.ended - line.since
    return f"{name} {duration(took)} (usually {about(usual)})" if took > max(usual * TIMES, usual + MORE_S) else ""


def _labelled(label: str, text: str) -> Row:
    return ((f"  {label:<{_LABEL}}", "dim"), (text, ""))
