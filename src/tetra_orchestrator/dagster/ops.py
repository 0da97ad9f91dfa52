"""The op of a task: one attempt by our engine, told to Dagster in its own words."""

from __future__ import annotations

import time

import dagster as dg

from tetra_orchestrator.dagster import child
from tetra_orchestrator.dagster.compute_log import Copied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from tetra_orchestrator.core.model import RetryPolicy, Task
    from tetra_orchestrator.dagster.plan import Job
    from tetra_orchestrator.dagster.settings import Settings

#: What an op emits: `DONE` when what wants the task succeeded may start, `OVER` whatever has become of it.
DONE, OVER = "result", "over"
#: The tag by which Dagster ends a run that takes longer.
MAX_RUNTIME = "dagster/max_runtime"
#: The tag by which a run tells the time that it is for.
SLOT = "tetra_slot"
#: Our states in the words of the documents that Dagster's users come from.
SKIPPED = "skipped"
STATUS = {"succeeded": "success", "partial": "partial", SKIPPED: "skipped"}


class Work:
    """What the op of one task in one job does. `decides` has it find out itself whether the task may start. One that is
    `judged` by an op behind it never fails, as others start however it ends."""

    def __init__(self, task: Task, job: Job, source: Mapping[str, Any], *, decides: bool, judged: bool):
        self.task = task
        self.decides = decides
        self.judged = judged
        self._order = {**source, "task": task.id, "mode": job.mode, "pipelines": list(job.pipelines)}

    def perform(self, context: dg.OpExecutionContext, settings: Settings) -> Iterator[dg.Output[None]]:
        """One attempt. Raises `RetryRequested` or `Failure` where it failed."""
        if not self.task.enabled and not self.decides:
            context.log.info(f"{self.task.id} is skipped: `enabled: false`")
            return
        end = self._attempt(context, settings)
        metadata = described(end, self.task)
        context.log.info(f"{self.task.id} {_words(end)}")
        if end["satisfied"]:
            yield dg.Output(None, OVER if self.decides else DONE, metadata=metadata)
            return
        if end["state"] != SKIPPED:
            self._fail(context, end, metadata)
        if self.decides:
            yield dg.Output(None, OVER, metadata=metadata)

    def _attempt(self, context: dg.OpExecutionContext, settings: Settings) -> Mapping[str, Any]:
        with Copied() as copied:

            def hear(row: Mapping[str, Any]) -> None:
                if row.get("schema") == child.TASK:
                    copied.follow(row["attempt_log"])

            order = {**self._order, **_of_run(context), **settings.options, "state": settings.state}
            order["before"] = context.retry_number
            end = child.attempt(order, self.task.kill_grace_s, hear, copied.copy)
        if end.get("schema") != child.TASK or "state" not in end:
            hint = f"\nhint: {end['hint']}" if end.get("hint") else ""
            text = f"{end.get('message') or end['said'] or 'the command ended without a word'}{hint}"
            raise dg.Failure(text, {"exit_code": end["exit"]}, allow_retries=False)
        return end

    def _fail(self, context: dg.OpExecutionContext, end: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        failure = dg.Failure(f"{self.task.id} {_words(end)}", dict(metadata), allow_retries=False)
        if end["retry_in_s"] is not None and context.retry_number < self.task.retry.max_attempts - 1:
            context.log.warning(f"{failure.description}; next attempt in {end['retry_in_s']:g} s")
            raise dg.RetryRequested(self.task.retry.max_attempts - 1, end["retry_in_s"]) from failure
        if not self.judged:
            raise failure
        context.log.error(failure.description)


def _words(end: Mapping[str, Any]) -> str:
    reason = f": {end['reason']['text']}" if end["reason"] else ""
    return f"is {end['state'].replace('_', ' ')}{reason}; run {end['run_id']}, log {end['attempt_log'] or end['log']}"


def _of_run(context: dg.OpExecutionContext) -> dict[str, Any]:
    """What the order has of Dagster's run: its id and those before it, when it is due and how long it has left."""
    jobs, run = [context.run_id], context.run
    while run.parent_run_id and len(jobs) < 100:
        found = context.instance.get_run_by_id(run.parent_run_id)
        jobs.append(run.parent_run_id)
        if found is None:
            break
        run = found
    return {"jobs": jobs, "slot": context.run.tags.get(SLOT), "left_s": _left_s(context)}


def _left_s(context: dg.OpExecutionContext) -> float | None:
    most = context.run.tags.get(MAX_RUNTIME)
    record = context.instance.get_run_record_by_id(context.run_id) if most else None
    if most is None or record is None or record.start_time is None:
        return float(most) if most else None
    return max(0.001, float(most) - (time.time() - record.start_time))


def described(end: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """How a task stands, as metadata of Dagster."""
    tags = dict(task.tags)
    found = {
        "tenant_id": task.tenant,
        "connector_type": tags.get("connector_type"),
        # a task that is unchanged is skipped, and all is well with it
        "status": "success" if end["satisfied"] and end["state"] == SKIPPED else STATUS.get(end["state"], "failure"),
        "state": end["state"],
        "reason": end["reason"]["text"] if end["reason"] else None,
        "execution_time_seconds": end["duration_s"],
        "attempt": end["attempt"],
        "run_id": end["run_id"],
        "records_processed": end["outputs"].get("records_processed"),
        "outputs": dg.MetadataValue.json(end["outputs"]) if end["outputs"] else None,
        "log": dg.MetadataValue.path(end["attempt_log"]) if end["attempt_log"] else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def retry_policy(policy: RetryPolicy) -> dg.RetryPolicy | None:
    """Ours as Dagster shows it; the op itself asks for each wait, which is exactly ours."""
    if policy.max_attempts <= 1:
        return None
    backoff = dg.Backoff.EXPONENTIAL if policy.backoff > 1 else None
    jitter = dg.Jitter.PLUS_MINUS if policy.jitter else None
    return dg.RetryPolicy(policy.max_attempts - 1, policy.delay_s or None, backoff, jitter)
