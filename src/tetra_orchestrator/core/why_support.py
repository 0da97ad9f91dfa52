"""What supports a cause: the run it was in, what it held up, what was usual before, what has changed, what to do."""

from __future__ import annotations

from tetra_orchestrator.core.failed_how import BAD, end_of_log, last
from tetra_orchestrator.core.failed_why import path_of
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import some
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, printable, size
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Attempt, Run, TaskRun
    from tetra_orchestrator.core.why import Case

    #: Writes an instant.
    Said = Callable[[datetime], str]

#: Lines of a log that are shown.
LINES = 10


class Past(Record):
    """What was before, of one task: the last run in which it succeeded, and what its successes took.

    `changed` are keys of the configuration that concern the task and are not as they were then, `elsewhere` others;
    `surroundings` says what else has changed. Seconds and bytes are those of its last successes, the least first.
    """

    run_id: str | None = None
    changed: Sequence[str] = ()
    elsewhere: Sequence[str] = ()
    surroundings: Sequence[str] = ()
    seconds: Sequence[float] = ()
    peaks_bytes: Sequence[int] = ()


def support(case: Case, root: TaskRun | None, held_up: Sequence[str], code: str) -> list[Reason]:
    """What is known besides the cause of that code, and what to do about it.

    `root` is the task that is behind it, `held_up` are those that were not run because of it.
    """
    attempt = last(root, case.attempts) if root else None
    found = [*_of_run(case), *_chain(case, root, held_up)]
    if root is not None:
        found += [*_attempt(attempt, case.past), *_past(root, case.past)]
    found += _log(attempt, root)
    return [*found, *_next(case, root, code)]


def why_begun(run: Run, said: Said) -> str:
    """What has started the run; `said` writes an instant."""
    slot = f" of {said(run.slot)}" if run.slot else ""
    texts = {
        "schedule": f"schedule {run.schedule} was due at {said(run.slot) if run.slot else '-'}",
        "catch_up": f"it makes up for the slot{slot} of schedule {run.schedule}",
        "backfill": f"backfill {run.backfill} asked for it",
        "resume": f"it goes on with run {run.resumes}",
        "retry": f"it does tasks of run {run.resumes} again",
    }
    return texts.get(run.trigger, "somebody started it by hand")


def _of_run(case: Case) -> Iterator[Reason]:
    run = case.run
    mode = f" ({run.mode})" if run.mode else ""
    when = f" at {case.said(run.started_at)}" if run.started_at else ""
    took = "" if run.duration_s is None else f" after {duration(run.duration_s)}"
    ended = "" if run.state in RUN_ACTIVE else f"; it ended {RunState(run.state).value.replace('_', ' ')}{took}"
    yield Reason("run", f"run {run.run_id}{mode} began{when}: {why_begun(run, case.said)}{ended}")


def _chain(case: Case, root: TaskRun | None, held_up: Sequence[str]) -> Iterator[Reason]:
    """What was not run because of it, and what has failed besides; without it, what was skipped."""
    if root is None and (skipped := [task.task_id for task in case.tasks if task.state == TaskState.SKIPPED]):
        yield Reason("skipped", f"skipped, `tetra why TASK` says why: {some(skipped)}")
    if root is None or root.state not in BAD:
        return
    if held_up:
        yield Reason("held_up", f"not run because of that: {some(held_up)}")
    others = [task.task_id for task in case.tasks if task.state in BAD and task.task_id != root.task_id]
    if others:
        yield Reason("failed_too", f"failed as well: {some(others)}")


def _attempt(attempt: Attempt | None, past: Past | None) -> Iterator[Reason]:
    if attempt is None:
        return
    seconds = past.seconds if past else ()
    if attempt.duration_s is not None and attempt.kind != "spawn_error":
        usual = f"; its last successes took {_span([duration(one) for one in seconds])}" if seconds else ""
        yield Reason("took", f"attempt {attempt.number} took {duration(attempt.duration_s)}{usual}")
    peak, peaks = attempt.facts.usage.peak_rss_bytes, past.peaks_bytes if past else ()
    if peak is not None:
        usual = f"; in its last successes it had {_span([size(one) for one in peaks])}" if peaks else ""
        yield Reason("memory", f"it had {size(peak)} of memory at most{usual}")
    if attempt.facts.note:
        yield Reason("note", printable(attempt.facts.note))
    if (path := path_of(attempt)) is not None:
        yield Reason("path", f"its PATH is {path}")


def _span(ordered: Sequence[str]) -> str:
    return ordered[0] if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"


def _past(root: TaskRun, past: Past | None) -> Iterator[Reason]:
    if past is None or root.state not in BAD:
        return
    if past.run_id is None:
        yield Reason("never_succeeded", f"{root.task_id} has not succeeded before")
        return
    yield Reason("last_success", f"it succeeded last in run {past.run_id}")
    if past.elsewhere:
        yield Reason("config_elsewhere", f"also changed in the configuration since then: {some(past.elsewhere)}")
    for text in past.surroundings:
        yield Reason("surroundings", text)
    if not past.changed and not past.elsewhere:
        yield Reason("config_same", "the configuration is as it was then")


def _log(attempt: Attempt | None, root: TaskRun | None) -> Iterator[Reason]:
    if attempt is None or root is None or root.state not in (*BAD, TaskState.PARTIAL):
        return
    if lines := end_of_log(attempt, LINES):
        yield Reason("log", "\n".join([f"the end of {attempt.log}:", *(f"  {line}" for line in lines)]))
    elif _is_silent(attempt):
        yield Reason("log", f"nothing is in {attempt.log}")


def _is_silent(attempt: Attempt | None) -> bool:
    """Whether it ran and has left nothing in its log."""
    return attempt is not None and attempt.tail == "" and attempt.kind in ("exited", "signalled", "timed_out")


def _next(case: Case, root: TaskRun | None, code: str) -> Iterator[Reason]:
    run = case.run
    advice = ADVICE.get(code)
    if root is not None and code == "exit_code" and _is_silent(last(root, case.attempts)):
        advice = BY_HAND
    if advice:
        names = {"task": root.task_id, "pipeline": root.pipeline} if root else {"task": "TASK", "pipeline": "PIPELINE"}
        yield Reason("next", advice.format(run=run.run_id, **names))
    is_skipped = root is not None and root.state == TaskState.SKIPPED
    if run.state not in RUN_ACTIVE and run.state != RunState.SUCCEEDED and not is_skipped:
        yield Reason("next", f"{'then ' if advice else ''}go on where it ended: tetra resume {run.run_id}")


#: What to do where a log that should say why is empty.
BY_HAND = "start it by hand, as its log is empty: tetra run --dry-run -p {pipeline} shows its command"
#: What to do, by the code of the cause.
ADVICE = {
    "exit_code": "read its log: tetra logs --run {run} -p {pipeline}",
    "missing_program": "install it, write its whole path, or set PATH in `env` of {pipeline}; tetra doctor looks, too",
    "not_executable": "make it executable (chmod +x), or start it by its interpreter",
    "cannot_start": "tetra validate and tetra doctor look at what it needs",
    "missing_file": "see what should have made that file: tetra logs --run {run} -p {pipeline}",
    "exception": "read its log: tetra logs --run {run} -p {pipeline}",
    "continued": "read its log: tetra logs --run {run} -p {pipeline}",
    "signal": "read its log, and the system's (journalctl, dmesg): tetra logs --run {run} -p {pipeline}",
    "no_folder": "make that folder, or change `cwd` of {task}",
    "out_of_memory": "raise `resources: memory` of {task}, or let attempts grow (`grow`)",
    "host_out_of_memory": "have fewer tasks run at a time (`host: memory`, `max_parallel`), or give {task} a limit",
    "limit": "raise that limit in `resources` of {task}, or find out why it takes more",
    "timeout": "raise `timeout` of {task}, or find out why it takes longer: tetra logs --run {run} -p {pipeline}",
    "run_timeout": "raise `timeout` of the run or its mode",
    "unkillable": "look at that process; it may wait for a disk or a network share",
    "outputs_invalid": "look at what it writes into TETRA_OUTPUT",
    "lost": "look into the system's log for what ended the process: journalctl, dmesg",
    "owner_died": "look into the system's log for what ended the process: journalctl, dmesg",
    "disk_full": "free some space: df -h tells which disk, tetra prune removes old runs",
    "store_failed": "free some space or mend the disk of the state store; tetra doctor looks at it",
    "no_memory": "raise `resources: memory` of {task}, or the machine's memory",
    "too_many_files": "raise `resources: open_files` of {task} or ulimit -n, or close files in the program",
    "module_missing": "install it into the interpreter of `python:`; tetra doctor says which that is",
    "no_connection": "see whether it can be reached from here, then try again: tetra retry {run} --task {task}",
    "no_permission": "see which user it runs as, and what that may do",
    "paused": "end that: tetra unpause {pipeline}",
    "disabled": "switch it on: remove `enabled: false`",
    "unchanged": "have it run all the same: tetra run -p {pipeline} --no-cache",
    "already_succeeded": "have it run all the same: tetra retry {run} --task {task}",
    "not_selected": "run the whole mode, or leave out --only, --from and --until",
    "condition_not_met": "change `run_if` of {task}, if it should have run",
    "running": "follow it: tetra logs --run {run} --follow",
    "retry_scheduled": "follow it: tetra logs --run {run} --follow",
    "failure_limit": "raise `stop_after`, or mend what failed first",
    "level_failed": "mend what failed first; `barriers: false` lets later levels start",
    "queued": "wait, or end the other: tetra cancel RUN",
    "no_place": "raise `max_parallel`, `pools` or `host`, or wait",
}
