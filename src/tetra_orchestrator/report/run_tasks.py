"""The tasks of a run: how each ended and why, its slack, and the drawing of what depends on what."""

from __future__ import annotations

from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.core.states import rank, word
from tetra_orchestrator.report.graph_drawing import MOST, Node, drawing, fits, folded
from tetra_orchestrator.report.markup import NOTHING, Html, hidden, join, tag
from tetra_orchestrator.report.signs import legend, shown
from tetra_orchestrator.report.tables import Row, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.graph import Graph
    from tetra_orchestrator.core.history import TaskRun
    from tetra_orchestrator.report.run_story import Story

#: Dependencies that a row names.
NAMED = 12


def tasks(story: Story) -> Html:
    """A row for each task."""
    critical = set(story.critical)
    columns = ("task", "state", "#attempts", "#took", "#slack", "after", "why")
    rows = [_row(task, at, story, task.task_id in critical) for at, task in enumerate(story.tasks)]
    return table("task", "Tasks", columns, rows)


def graph(story: Story, places: Mapping[str, int]) -> Html:
    """The drawing of the tasks, or of the pipelines where they are too many; none of a single task."""
    if story.graph is None:
        return tag("p", "What this run's tasks depended on is not known any more.")
    if len(story.graph) < 2:
        return NOTHING
    if fits(story.graph):
        nodes = _nodes(story, places)
        return _picture("The graph of the tasks", story.graph, nodes)
    pipelines = folded(story.graph, {task.task_id: task.pipeline for task in story.tasks})
    if len(pipelines) > 1 and fits(pipelines):
        note = tag("p", f"There are {len(story.graph):,} tasks; drawn are their {len(pipelines)} pipelines.")
        return join((note, _picture("The graph of the pipelines", pipelines, _of_pipelines(story))))
    why = f"The graph is not drawn, as it has more than {MOST} tasks or too many lines."
    return tag("p", f"{why} The tasks below name what each is after.")


def _picture(title: str, graph: Graph, nodes: Mapping[str, Node]) -> Html:
    signs = legend(node.state for node in nodes.values())
    return join((signs, drawing(title, graph, nodes)))


def _row(task: TaskRun, at: int, story: Story, critical: bool) -> Row:
    slack = "-" if story.slack_s is None or not task.attempts else duration(story.slack_s[task.task_id])
    mark = (
        join((Html("&nbsp;"), tag("span", "◆", class_="mark", aria_hidden="true"), hidden(" on the critical path")))
        if critical
        else None
    )
    upstream = list((story.graph or {}).get(task.task_id, ()))
    more = f" and {len(upstream) - NAMED} more" if len(upstream) > NAMED else ""
    cells = (
        join((task.task_id, mark)),
        shown(task.state),
        str(task.attempts),
        duration(story.took_s[task.task_id]) if task.attempts else "-",
        slack,
        ", ".join(upstream[:NAMED]) + more,
        story.why(task),
    )
    return Row(cells, task.state, f"t{at}")


def _nodes(story: Story, places: Mapping[str, int]) -> dict[str, Node]:
    critical = set(story.critical)
    return {
        task.task_id: Node(
            task.task_id,
            task.state,
            story.took_s[task.task_id] if task.attempts else None,
            f"#t{places[task.task_id]}",
            task.task_id in critical,
            f"{task.attempts} attempts" if task.attempts > 1 else "",
        )
        for task in story.tasks
    }


def _of_pipelines(story: Story) -> dict[str, Node]:
    groups: dict[str, list[TaskRun]] = {}
    for task in story.tasks:
        groups.setdefault(task.pipeline, []).append(task)
    first = {task.pipeline: at for at, task in reversed(list(enumerate(story.tasks)))}
    return {
        name: Node(
            name, word(rank(own)), None, f"#t{first[name]}", note=f"{len(own)} tasks" if len(own) > 1 else "1 task"
        )
        for name, own in groups.items()
    }
