"""The smaller sections of a run's report. Each is empty where there is nothing to tell."""

from __future__ import annotations

from json import dumps

from tetra_orchestrator.core.alerts import state_of
from tetra_orchestrator.core.signs import ALERTS
from tetra_orchestrator.core.states import RUN_TERMINAL, SATISFIED, TERMINAL, TaskState
from tetra_orchestrator.report.gantt import anchor
from tetra_orchestrator.report.markup import NOTHING, Html, join, local, moment, tag
from tetra_orchestrator.report.signs import shown, worded
from tetra_orchestrator.report.tables import Row, folded, table
from tetra_orchestrator.report.words import LETTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.alerts import Alert
    from tetra_orchestrator.core.history import Attempt, TaskRun
    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.report.run_story import Story

#: Log excerpts of a page; characters of a value that a task handed on.
EXCERPTS, VALUE = 60, 2000
#: So many tasks that went wrong are told of at the top.
WRONG = 20
#: What is no fault of the task itself.
_NO_FAULT = SATISFIED | {TaskState.SKIPPED, TaskState.UPSTREAM_FAILED}


def ended(story: Story, places: Mapping[str, int]) -> Html:
    """Each task that did not do what it should have done itself, with why."""
    wrong = [task for task in story.tasks if task.state in TERMINAL and task.state not in _NO_FAULT]
    if not wrong:
        return NOTHING
    logs = {attempt.task_id: attempt for attempt in _logged(story)[:EXCERPTS]}
    items = [tag("li", _fault(task, story.why(task), logs.get(task.task_id), places)) for task in wrong[:WRONG]]
    more = tag("p", f"and {len(wrong) - WRONG} more, which the tasks below tell") if len(wrong) > WRONG else NOTHING
    blocked = sum(task.state == TaskState.UPSTREAM_FAILED for task in story.tasks)
    behind = tag("p", f"{blocked} more did not run because of that.") if blocked else NOTHING
    command = f"tetra resume {story.run.run_id}"
    go_on = tag("p", "Go on where it ended: ", tag("code", command)) if story.run.state in RUN_TERMINAL else NOTHING
    return join((tag("ul", *items, class_="faults"), more, behind, go_on))


def _fault(task: TaskRun, reason: str, last: Attempt | None, places: Mapping[str, int]) -> Html:
    place = places[task.task_id]
    why = f": {reason}" if reason else ""
    log = tag("a", "its log", href=f"#l{anchor(place, last.number)}") if last else NOTHING
    name = tag("a", task.task_id, href=f"#t{place}")
    return join((shown(task.state), " ", name, why, " (" if log else "", log, ")" if log else ""))


def logs(story: Story, places: Mapping[str, int]) -> Html:
    """The end of each log that the store has, which is without secrets."""
    told = _logged(story)
    parts = [_excerpt(attempt, places[attempt.task_id], is_open=len(told) <= 3) for attempt in told[:EXCERPTS]]
    if len(told) > EXCERPTS:
        text = (
            f"{len(told) - EXCERPTS} more are not shown; `tetra logs --run {story.run.run_id} --pipeline NAME` has them"
        )
        parts.append(tag("p", text))
    return join(parts)


def _logged(story: Story) -> list[Attempt]:
    return [attempt for attempt in story.attempts if attempt.tail]


def _excerpt(attempt: Attempt, place: int, *, is_open: bool) -> Html:
    tail = (attempt.tail or "").replace("\r\n", "\n").rstrip()
    cut = len(tail) > LETTERS
    text = tail[-LETTERS:].split("\n", 1)[-1] if cut and "\n" in tail[-LETTERS:] else tail[-LETTERS:]
    note = "Cut: only the last part of what is stored is shown. " if cut else ""
    title = f"{attempt.task_id}, attempt {attempt.number}: {_outcome(attempt)}"
    body = join(
        (
            tag("p", f"{note}The whole log: ", tag("code", attempt.log), class_="note"),
            tag(
                "pre",
                text,
                tabindex="0",
                role="group",
                aria_label=f"Log of {attempt.task_id}, attempt {attempt.number}",
            ),
        )
    )
    return tag("div", folded(title, body, is_open=is_open), id=f"l{anchor(place, attempt.number)}")


def _outcome(attempt: Attempt) -> str:
    kind = (attempt.kind or attempt.state).replace("_", " ")
    if attempt.exit_code is not None:
        return f"{kind} with code {attempt.exit_code}"
    return f"{kind} by signal {attempt.signal}" if attempt.signal is not None else kind


def outputs(story: Story) -> Html:
    """What tasks handed on."""
    rows = [
        Row((task.task_id, key, tag("code", _value(value))))
        for task in story.tasks
        for key, value in (task.outputs or {}).items()
    ]
    return table("outputs", "Outputs of tasks", ("task", "key", "value"), rows) if rows else NOTHING


def _value(value: Json) -> str:
    text = value if isinstance(value, str) else dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE else f"{text[:VALUE]} ... ({len(text) - VALUE} characters more)"


def changes(story: Story) -> Html:
    """What changed since the last success of the same mode."""
    found = story.beside.changes
    if found is None:
        return NOTHING
    since = tag("p", "The last success before was run ", tag("code", found.since), ".")
    if not found.lines:
        return join((since, tag("p", "Nothing of the configuration has changed since.")))
    text = "\n".join(found.lines)
    return join((since, tag("pre", text, tabindex="0", role="group", aria_label="Changes of the configuration")))


def alerts(found: Sequence[Alert]) -> Html:
    """Alerts, what is open first."""
    rows = [
        Row((one.title, _standing(one), one.severity, moment(one.raised_at or one.seen_at), one.text))
        for one in sorted(found, key=lambda one: one.resolved_at is not None)
    ]
    columns = ("alert", "standing", "severity", "since", "what is known")
    return table("alerts", "Alerts", columns, rows) if rows else NOTHING


def _standing(one: Alert) -> Html:
    state = state_of(one)
    since = f" since {local(one.resolved_at)}" if one.resolved_at else ""
    by = f" by {one.acked_by}" if state == "acknowledged" and one.acked_by else ""
    return join((worded(ALERTS[state], state), since, by))
