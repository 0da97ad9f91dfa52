"""The report of the last days: which slots ran, how each pipeline fares, what takes long and what fails."""

from __future__ import annotations

from tetra_orchestrator.core.freshness import freshness
from tetra_orchestrator.core.signs import PIPELINES
from tetra_orchestrator.core.spoken import about, duration
from tetra_orchestrator.report import trends
from tetra_orchestrator.report.calendar import calendar
from tetra_orchestrator.report.markup import NOTHING, Html, join, local, moment, run_id, tag
from tetra_orchestrator.report.page import Page, Section, render
from tetra_orchestrator.report.period import FAILURES, NO_MODE
from tetra_orchestrator.report.run_parts import alerts
from tetra_orchestrator.report.signs import shown, worded
from tetra_orchestrator.report.tables import Row, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.ports import PipelineSummary
    from tetra_orchestrator.report.period import Period
    from tetra_orchestrator.report.trends import Event

#: Rows of the slowest tasks, and trends of modes with the most runs.
SLOWEST, CHARTS = 15, 8
#: Unusual runs that a row names.
ODD = 2


def days_report(period: Period) -> str:
    """The page as HTML."""
    days = max(round((period.now - period.since).total_seconds() / 86400), 1)
    return render(
        Page(
            "Report of days",
            f"{period.title} · the last {days} days" if days > 1 else f"{period.title} · the last day",
            _head(period),
            [section for section in _sections(period) if section.body],
            period.now,
            "Times of day are in the zone of the machine that wrote it. It tells of what the store still had then: "
            "what `logs.keep` or `tetra prune` had removed is not in it.",
        )
    )


def _sections(period: Period) -> list[Section]:
    first, last = period.since.astimezone().date(), period.now.astimezone().date()
    slots = calendar(period.slots, first, last) if period.slots else tag("p", "No slot of a schedule was due.")
    begins = f"{period.since.astimezone():%H:%M} of {first}"
    newest = f"The newest {FAILURES:,}." if len(period.failures) == FAILURES else ""
    zone = "/".join(dict.fromkeys(f"{at.astimezone():%Z}" for at in (period.since, period.now)))
    return [
        Section(
            "calendar",
            "Calendar of slots",
            slots,
            "Each day shows the worst that became of its slots, and how many there were. Days are those of the machine "
            f"that wrote this ({zone}), whatever the zone of a schedule; slots count from {begins} on.",
        ),
        Section("pipelines", "Pipelines", _pipelines(period)),
        Section("durations", "Durations", _durations(period), trends.LEGEND),
        Section("alerts", "Alerts", alerts(period.alerts) or tag("p", "Nobody had to be told of anything.")),
        Section("failures", "Failures", _failures(period), newest),
        Section("slowest", "Slowest tasks", _slowest(period), "By the median of those that succeeded."),
        Section("due", "Due next", _due(period)),
        Section("runs", "Runs", _runs(period), "All that began in this time, also those that still run."),
    ]


def _head(period: Period) -> Html:
    counts: dict[str, int] = {}
    for run in period.runs:
        counts[run.state] = counts.get(run.state, 0) + 1
    first = f"Only the newest {len(period.runs):,} runs are in it. " if period.cut else ""
    states = [join((f"{count:,} ", shown(state))) for state, count in sorted(counts.items(), key=lambda one: -one[1])]
    events = trends.of_runs(period.runs)
    facts = {
        "from": local(period.since),
        "to": local(period.now),
        "runs": f"{len(period.runs):,}",
        "succeeded, of those over": trends.rate(events),
        "slots": f"{len(period.slots):,}",
        "open alerts": str(sum(one.resolved_at is None for one in period.alerts)),
    }
    items = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items())
    gone = (
        tag("p", f"{period.gone:,} runs of slots are not kept any more, and count for nothing below the calendar.")
        if period.gone
        else NOTHING
    )
    empty = tag("p", "Nothing ran in this time. ", tag("code", "tetra run --mode MODE"), " starts something.")
    states_line = tag("p", first, join(states, ", "), class_="verdict") if period.runs else empty
    return join((states_line, gone, tag("dl", *items, class_="facts")))


def _pipelines(period: Period) -> Html:
    if not period.summaries:
        return NOTHING
    events: dict[str, list[Event]] = {}
    for (name, _), own in period.pipelines.items():
        events.setdefault(name, []).extend(own)
    shown = (one for one in period.summaries if one.pipeline.enabled)
    rows = [_pipeline(one, events.get(one.pipeline.name, ()), period.now) for one in shown]
    columns = ("pipeline", "last run", "data", "last success", "#runs", "#succeeded")
    return table("pipeline", "Pipelines", columns, rows)


def _pipeline(one: PipelineSummary, events: Sequence[Event], now: datetime) -> Row:
    data = freshness(one.last_success_at, one.pipeline.max_data_age_s, now)
    age = "never" if one.last_success_at is None else f"{about((now - one.last_success_at).total_seconds())} ago"
    state = "running" if one.active else one.last_state
    cells = (
        one.pipeline.name,
        shown(state) if state else "never ran",
        worded(PIPELINES[data], data),
        age,
        f"{len(events):,}",
        trends.rate(events),
    )
    return Row(cells, state or "")


def _heading(mode: str) -> str:
    return "Runs without a mode" if mode == NO_MODE else f"Mode {mode}"


def _durations(period: Period) -> Html:
    modes = sorted(((name, trends.over(events)) for name, events in period.modes.items()), key=lambda one: -len(one[1]))
    charts = [trends.trend(_heading(name), events) for name, events in modes[:CHARTS] if len(events) > 1]
    if not charts:
        return NOTHING
    rows = [_spread(f"{name}, {mode}", events) for (name, mode), events in period.pipelines.items()]
    columns = ("pipeline, mode", "#runs", "#succeeded", "#median", "#longest", "trend", "unusual, latest last")
    return join((tag("div", *charts, class_="charts"), table("spread", "Durations of pipelines", columns, rows)))


def _spread(name: str, events: Sequence[Event]) -> Row:
    longest = max((event.took_s or 0.0 for event in events if event.is_good), default=None)
    figures = (f"{len(events):,}", trends.rate(events), trends.median_of(events), duration(longest))
    odd = [join((run_id(one.run_id), f" {duration(one.took_s)}")) for one in trends.odd(events)[-ODD:]]
    return Row((name, *figures, trends.small(name, events), join(odd, ", ")))


def _failures(period: Period) -> Html:
    rows = [
        Row(
            (
                one.task.task_id,
                shown(one.task.state),
                moment(one.task.finished_at),
                run_id(one.run.run_id),
                one.why,
            ),
            one.task.state,
        )
        for one in period.failures
    ]
    if not rows:
        return tag("p", "No task failed.") if period.runs else NOTHING
    return table("failure", "Failures", ("task", "state", "when", "run", "why"), rows)


def _slowest(period: Period) -> Html:
    known = {named: found for named, events in period.tasks.items() if (found := trends.usual(events))}
    slowest = sorted(known, key=lambda named: -known[named].middle_s)[:SLOWEST]
    rows = [_spread(f"{name}, {mode}", period.tasks[name, mode]) for name, mode in slowest]
    columns = ("task, mode", "#runs", "#succeeded", "#median", "#longest", "trend", "unusual, latest last")
    return table("slow", "Slowest tasks", columns, rows) if rows else NOTHING


def _due(period: Period) -> Html:
    rows = [Row((name, moment(at), f"in {about((at - period.now).total_seconds())}")) for name, at in period.due]
    return table("next", "Due next", ("schedule", "when", "that is"), rows) if rows else NOTHING


def _runs(period: Period) -> Html:
    rows = [
        Row(
            (
                run_id(run.run_id),
                run.mode or "-",
                shown(run.state),
                run.trigger.replace("_", " "),
                moment(run.started_at),
                duration(run.duration_s),
            ),
            run.state,
        )
        for run in period.runs
    ]
    return table("run", "Runs", ("run", "mode", "state", "trigger", "started", "#took"), rows) if rows else NOTHING
