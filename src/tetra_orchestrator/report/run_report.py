"""The report of one run: what happened when, why it ended as it did, and what it took."""

from __future__ import annotations

from tetra_orchestrator.core.spoken import duration, params
from tetra_orchestrator.report import run_parts as parts
from tetra_orchestrator.report.gantt import gantt
from tetra_orchestrator.report.markup import NOTHING, Html, join, local, tag
from tetra_orchestrator.report.page import Page, Section, render
from tetra_orchestrator.report.run_resources import resources
from tetra_orchestrator.report.run_tasks import graph, tasks
from tetra_orchestrator.report.signs import shown, sign
from tetra_orchestrator.report.trends import earlier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.report.run_story import Story


def run_report(story: Story) -> str:
    """The page as HTML."""
    run = story.run
    return render(
        Page(
            "Run report",
            f"{story.beside.title} · {run.mode or 'selection'} · {run.run_id}",
            _head(story),
            [section for section in _sections(story) if section.body],
            story.now,
            f"It shows the run as it was then; `tetra show {run.run_id}` tells how it is now.",
        )
    )


def _sections(story: Story) -> list[Section]:
    places = {task.task_id: at for at, task in enumerate(story.tasks)}
    timeline = gantt(story.bars, story.total_s, places) if story.bars else NOTHING
    return [
        Section("ended", "What went wrong", parts.ended(story, places)),
        Section("timeline", "Timeline", timeline, "One row for each attempt, in the order of the plan."),
        Section("graph", "Graph", graph(story, places), "What depends on what, from left to right. " + _thick(story)),
        Section("tasks", "Tasks, critical path and slack", tasks(story), _slack(story)),
        Section("resources", "Resources", resources(story)),
        Section("logs", "Log excerpts", parts.logs(story, places), "The last lines of attempts that did not succeed."),
        Section("outputs", "Outputs", parts.outputs(story)),
        Section("changes", "Configuration since the last success", parts.changes(story)),
        Section("alerts", "Alerts of this run", parts.alerts(story.alerts)),
        Section("earlier", "Earlier runs", earlier(story.run, story.earlier)),
    ]


def _thick(story: Story) -> str:
    if not story.critical:
        return ""
    took = sum(story.took_s[task] for task in story.critical)
    return (
        "A thick border marks the critical path, the chain of tasks that took the longest: "
        f"{duration(took)} of the run's {duration(story.total_s)}."
    )


def _slack(story: Story) -> str:
    if story.slack_s is None:
        return "Without the graph, neither the critical path nor slack is known."
    return (
        "Slack is how much longer a task could have taken without the whole taking longer, by the dependencies alone; "
        "it is 0 on the critical path (◆). A task took from its first start to its last end, waits between "
        "attempts included."
    )


def _head(story: Story) -> Html:
    run = story.run
    span = f"{run.partition.start} to {run.partition.end}" if run.partition else None
    facts = {
        "run": run.run_id,
        "project": run.project,
        "mode": run.mode or "a selection of pipelines",
        "trigger": run.trigger.replace("_", " "),
        "schedule": run.schedule,
        "slot": local(run.slot) if run.slot else None,
        "partition": span,
        "parameters": params(run.params),
        "resumes": run.resumes,
        "backfill": run.backfill,
        "started": local(run.started_at),
        "took" if run.finished_at else "takes so far": duration(story.total_s),
        "tasks": f"{len(story.tasks):,}",
        "attempts": f"{len(story.attempts):,}",
        "configuration": run.config_hash,
        "tags": ", ".join(run.tags) or None,
    }
    items = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items() if value)
    verdict = tag(
        "p", shown(run.state), " · ", tag("span", _verdict(story)), class_=f"verdict {sign(run.state).colour}"
    )
    return join((verdict, tag("dl", *items, class_="facts")))


def _verdict(story: Story) -> str:
    counts: dict[str, int] = {}
    for task in story.tasks:
        counts[task.state] = counts.get(task.state, 0) + 1
    told = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in counts.items())
    tasks = "1 task" if len(story.tasks) == 1 else f"{len(story.tasks):,} tasks"
    return f"{tasks}: {told}" if told else "no task"
