"""What is told of a run that is over, of a rule that holds, and of a finding: one line, what is known, what to do.

All texts are data of the user's: whoever files a title makes it one line, behind what keeps secrets out of it.
"""

from __future__ import annotations

from tetra_orchestrator.core.alerts import GOOD_NEWS, RULE, Cause
from tetra_orchestrator.core.failed_how import BAD, BAD_RUNS, end_of_log, first_ended, in_a_line, in_short, last
from tetra_orchestrator.core.findings import AS_ALERT, FINDINGS
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.rule_text import names_in
from tetra_orchestrator.core.spoken import duration, printable, to_second
from tetra_orchestrator.core.states import RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.core.gauges import Gauge
    from tetra_orchestrator.core.history import Attempt, Run, TaskRun
    from tetra_orchestrator.core.watching import AlertRule

FAILED, PARTIAL = "pipeline_failed", "pipeline_partial"
#: The code of the notice that a run is over; its subject is the run.
RUN_ENDED = "run_ended"
#: Findings that are over as soon as they are gone: only another run changes them.
PROMPT = frozenset((FAILED, PARTIAL, "data_not_moved"))
#: What is shown of the end of a log, in lines, and of a title, in characters.
LINES, TITLE = 20, 200
_UNDONE = frozenset(TaskState) - {TaskState.SUCCEEDED, TaskState.PARTIAL, TaskState.SKIPPED}


class Part(Record):
    """What a run that is over was for one pipeline. `state` is failed, partial or succeeded, None where that cannot be
    said: it did not come to it, or somebody has cancelled it."""

    run: Run
    pipeline: str
    tasks: Sequence[TaskRun]
    attempts: Sequence[Attempt]
    state: str | None


def parts(run: Run, tasks: Sequence[TaskRun], attempts: Sequence[Attempt]) -> list[Part]:
    """The run by pipelines, in the order of the plan."""
    names = list(dict.fromkeys(task.pipeline for task in tasks))
    own = {name: [task for task in tasks if task.pipeline == name] for name in names}
    states = {name: _state(run, own[name]) for name in names}
    if run.state in BAD_RUNS and TaskState.FAILED not in states.values():
        # a run that was lost, or ran out of time, where no task had failed: one of them stands for it
        blamed = next((name for name in names if any(task.state in _UNDONE for task in own[name])), names[0])
        states[blamed] = TaskState.FAILED.value
    of_task = {task.task_id: task.pipeline for task in tasks}
    return [
        Part(run, name, own[name], [one for one in attempts if of_task[one.task_id] == name], states[name])
        for name in names
    ]


def _state(run: Run, tasks: Sequence[TaskRun]) -> str | None:
    states = {task.state for task in tasks}
    if run.state == RunState.CANCELLED:
        return None
    if states & BAD:
        return TaskState.FAILED.value
    if states & {TaskState.CANCELLED, TaskState.UPSTREAM_FAILED} or not states - {TaskState.SKIPPED}:
        return None
    return TaskState.PARTIAL.value if TaskState.PARTIAL in states else TaskState.SUCCEEDED.value


def of_part(part: Part, config: str) -> Cause:
    """That a pipeline has failed, or ended partial, in a run. `config` is the option that names the file."""
    failed = part.state == TaskState.FAILED
    return Cause(
        FAILED if failed else PARTIAL,
        part.pipeline,
        AS_ALERT[FINDINGS[FAILED if failed else PARTIAL][0]],
        _title(part),
        _story(part),
        run_id=part.run.run_id,
        command=f"tetra show {part.run.run_id}{config}",
        prompt=True,
    )


def of_rule(rule: AlertRule, subject: str, values: Mapping[str, Gauge], part: Part | None, config: str) -> Cause:
    """That a rule holds for a pipeline, or for the host."""
    bad = part is not None and part.state in (TaskState.FAILED, TaskState.PARTIAL)
    if part is not None and bad and is_of_runs(rule):
        title, text = f"{rule.name}: {_title(part)}", _story(part)
        command = f"tetra show {part.run.run_id}{config}"
    else:
        shown = ", ".join(f"{name} is {_shown(values.get(name))}" for name in sorted(names_in(rule.condition)))
        title, text = f"{rule.name}: {subject}, {shown}", f"The condition `{rule.condition}` holds."
        command = f"tetra monitor{config}"
    return Cause(
        RULE,
        f"{subject}/{rule.name}",
        rule.severity,
        title,
        text,
        rule.channels,
        None if part is None else part.run.run_id,
        command,
        rule.for_s,
        prompt=is_of_runs(rule),
    )


def of_finding(finding: Finding, channels: Sequence[str], config: str) -> Cause:
    """That the monitor has found something."""
    command = finding.command or "tetra monitor"
    if command.startswith("tetra "):  # who reads it may be anywhere
        command += config
    severity = AS_ALERT.get(finding.severity, finding.severity)
    text = printable(finding.text)
    return Cause(
        finding.code,
        finding.subject,
        severity,
        text,
        text,
        tuple(channels),
        command=command,
        prompt=finding.code in PROMPT,
    )


def of_end(run: Run, all_parts: Sequence[Part], project: str, channels: Sequence[str], config: str) -> Cause:
    """That a run is over, however it ended: told once."""
    bad = run.state not in (RunState.SUCCEEDED, RunState.CANCELLED)
    blamed = [part for part in all_parts if part.state in (TaskState.FAILED, TaskState.PARTIAL)] if bad else []
    causes = "; ".join(f"{part.pipeline}: {_how(part)}" for part in blamed)
    name = run.mode or ", ".join(one.pipeline for one in all_parts)
    what = f"{name} of {project}{_dates(run)}"
    ended = RunState(run.state).value.replace("_", " ")
    title = f"{what} {ended} after {duration(run.duration_s)}" + (f": {causes}" if causes else "")
    return Cause(
        RUN_ENDED,
        run.run_id,
        AS_ALERT[FINDINGS[PARTIAL if run.state == RunState.PARTIAL else FAILED][0]] if bad else GOOD_NEWS,
        title,
        "\n\n".join([f"It was {_of_run(run)}.", *map(_story, blamed)]),
        tuple(channels),
        run.run_id,
        f"tetra show {run.run_id}{config}",
        lasting=False,
    )


def is_of_runs(rule: AlertRule) -> bool:
    """Whether a rule speaks only of how runs end, which nothing but another run changes."""
    return names_in(rule.condition) <= {"pipeline", "pipeline_status", "state", "reason", "mode", "tenant", "failures"}


def line(text: str) -> str:
    """Text as one line of at most 200 characters, which nothing can break or rearrange."""
    return in_a_line(text, TITLE)


def _title(part: Part) -> str:
    where = (f" in {part.run.mode}" if part.run.mode else "") + _dates(part.run)
    word = "ended partial" if part.state == TaskState.PARTIAL else "failed"
    return f"{part.pipeline} {word}{where}: {_how(part)}"


def _how(part: Part) -> str:
    """Why, in one clause: `exit code 3`, with the task where that has another name than the pipeline."""
    task = _blamed(part)
    if task is None:
        return RunState(part.run.state).value.replace("_", " ")
    text = in_short(task, last(task, part.attempts))
    return text if task.task_id == part.pipeline else f"{task.task_id}, {text}"


def _blamed(part: Part) -> TaskRun | None:
    """The task that failed first; else the first that is partial, or was not done."""
    bad = [task for task in part.tasks if task.state in BAD]
    if bad:
        return first_ended(bad)
    wanted = (TaskState.PARTIAL,) if part.state == TaskState.PARTIAL else _UNDONE
    return next((task for task in part.tasks if task.state in wanted), None)


def _story(part: Part) -> str:
    """Several lines: the run, the task with its last attempt, what was not run because of it, the end of its log."""
    word = "is partial" if part.state == TaskState.PARTIAL else "failed"
    lines = [f"Pipeline {part.pipeline} {word} in {_of_run(part.run)}."]
    task = _blamed(part)
    if task is None:
        return lines[0]
    attempt = last(task, part.attempts)
    when = f" at {to_second(task.finished_at)}" if task.finished_at else ""
    number = f" in attempt {attempt.number}" if attempt else ""
    lines.append(f"Task {task.task_id}: {in_short(task, attempt)}{number}{when}.")
    if tail := end_of_log(attempt, LINES):
        lines += ["", "The end of its log:", *(f"  {each}" for each in tail)]
    return "\n".join(lines)


def _of_run(run: Run) -> str:
    took = "" if run.duration_s is None else f", which took {duration(run.duration_s)}"
    mode = f" ({run.mode})" if run.mode else ""
    return f"run {run.run_id}{mode}{_dates(run)}{took}"


def _dates(run: Run) -> str:
    """For which dates the run was, if for any."""
    if run.partition is None:
        return ""
    start, end = run.partition.start, run.partition.end
    return f" for {start}" if start == end else f" for {start} to {end}"


def _shown(value: Gauge) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return "unknown" if value is None else str(value)
