"""What executes the ops of a job: a process for each that may run beside others, else one after the other."""

from __future__ import annotations

import dagster as dg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RETRIES: dict[str, Any] = {"retries": {"enabled": {}}}
#: What each process of an op would otherwise import anew, for seconds; one that does not exist is left out.
_PRELOADED = ["dagster._core.storage.sqlite_storage", "dagster._cli", "tetra_orchestrator.dagster.built"]
_FORKED: dict[str, Any] = {"start_method": {"forkserver": {"preload_modules": _PRELOADED}}}


def executor(most: int, widest: int) -> dg.ExecutorDefinition:
    """For a job of which `widest` ops could run at the same time and `most` may: a process for each costs seconds."""
    if min(most, widest) <= 1:
        return dg.in_process_executor

    @dg.executor(name="side_by_side")
    def side_by_side(context: dg.InitExecutorContext) -> dg.Executor:
        if context.instance.is_ephemeral:  # which only one process knows
            return _made(dg.in_process_executor, _RETRIES, context)
        return _made(dg.multiprocess_executor, {**_RETRIES, **_FORKED, "max_concurrent": most}, context)

    return side_by_side


def _made(inner: dg.ExecutorDefinition, config: dict[str, Any], context: dg.InitExecutorContext) -> dg.Executor:
    own = dg.InitExecutorContext(job=context.job, executor_def=inner, executor_config=config, instance=context.instance)
    make = inner.executor_creation_fn
    assert make is not None
    return make(own)
