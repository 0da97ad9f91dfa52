"""Starts the user's commands for what happens to a run and to its pipelines. Nothing about them changes the run."""

from __future__ import annotations

import os

from tetra_orchestrator.core import events
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.progress import FAILURES
from tetra_orchestrator.core.slots import GRACE_S
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.engine.conclusion import EXIT_CODES
from tetra_orchestrator.engine.environment import interpreter, surroundings
from tetra_orchestrator.engine.hook_story import Moment, recovered_from, story
from tetra_orchestrator.engine.secrets import given_secrets
from tetra_orchestrator.watch_ports import HookCall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.watching import Hooks
    from tetra_orchestrator.engine.start import World
    from tetra_orchestrator.ports import Reporter, Subject
    from tetra_orchestrator.watch_ports import HookRunner

#: Seconds between two looks whether the last hooks are over.
LOOK_S = 0.05
#: The hook for a state in which a run or pipeline ends; for one that was cancelled there is only `on_exit`.
OF_STATE = {
    RunState.SUCCEEDED: "on_success",
    RunState.PARTIAL: "on_partial",
    RunState.FAILED: "on_failure",
    RunState.TIMED_OUT: "on_failure",
    RunState.LOST: "on_failure",
}
#: How a pipeline has ended of whose tasks one has ended so; the first that there is.
_WORST = (
    (FAILURES, RunState.FAILED),
    ((TaskState.CANCELLED,), RunState.CANCELLED),
    ((TaskState.UPSTREAM_FAILED,), RunState.FAILED),
    ((TaskState.PARTIAL,), RunState.PARTIAL),
)


class Caller:
    """Calls the hooks of one run: those of the project, or (`pipeline`) of one pipeline."""

    def __init__(self, subject: Subject, world: World, hooks: HookRunner):
        assert subject.run is not None
        assert subject.project is not None
        self._subject = subject
        self._run = subject.run
        self._project = subject.project
        self._world = world
        self._hooks = hooks
        self._began: datetime | None = None

    def first(self, pipeline: str | None, at: datetime) -> None:
        """It has begun."""
        self._began = self._began or at
        self._call("on_start", pipeline, Moment(at))
        if (self._lateness_s() or 0.0) > GRACE_S:
            self._call("on_late", pipeline, Moment(at))

    def last(self, pipeline: str | None, moment: Moment) -> None:
        """It is over."""
        assert moment.state is not None
        if moment.state in OF_STATE:
            self._call(OF_STATE[moment.state], pipeline, moment)
        if moment.state is RunState.SUCCEEDED and self._argv("on_recovered", pipeline):
            before = recovered_from(self._run, pipeline, self._world.store)
            if before is not None:
                self._call("on_recovered", pipeline, moment._replace(recovered_from=before))
        self._call("on_exit", pipeline, moment)

    def _rule(self, pipeline: str | None) -> Hooks | None:
        found = self._project if pipeline is None else self._project.pipeline(pipeline)
        return found.hooks if found else None

    def _argv(self, hook: str, pipeline: str | None) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(self._rule(pipeline), hook, ())
        return found

    def _call(self, hook: str, pipeline: str | None, moment: Moment) -> None:
        argv, rule, project = self._argv(hook, pipeline), self._rule(pipeline), self._project
        if not argv or rule is None:
            return
        told = story(hook, pipeline, self._subject, moment._replace(lateness_s=self._lateness_s()))
        python = interpreter(project.root, project.python)
        env = surroundings(project, self._run, self._world.environ, python)
        name = f"{pipeline}.{hook}" if pipeline else hook
        secrets = self._subject.secrets if project.logs.redact else ()
        call = HookCall(
            pipeline or "", name, (python, *argv[1:]) if argv[0] == "python" else argv, {**env, **told.variables},
            project.root, told.document, f"{os.path.dirname(self._subject.log_of('', 0))}/hook.{name}.log",
            rule.timeout_s, given_secrets(secrets, secrets), tuple(each.encode() for each in project.logs.patterns),
        )  # fmt: skip
        self._hooks.start(call)

    def _lateness_s(self) -> float | None:
        """Seconds by which the run began after its slot, None where it has none."""
        if self._run.slot is None or self._began is None:
            return None
        return (self._began - self._run.slot).total_seconds()


class HookedReporter:
    """The reporter of a run that also starts hooks. It is closed by `finish`, not with the run: locks are free then.

    Hooks of a pipeline are for those that have started: the last of them once none of its tasks is open any more.
    """

    def __init__(self, inner: Reporter, subject: Subject, world: World, hooks: HookRunner):
        assert subject.project is not None
        self._inner = inner
        self._world = world
        self._hooks = hooks
        self._caller = Caller(subject, world, hooks)
        self._faults: list[str] = []
        self._last: RunEvent | None = None
        self._verdict: RunEvent | None = None
        wanted = {pipeline.name for pipeline in subject.project.pipelines if pipeline.hooks}
        present = set(subject.tasks)
        of_task = {task.id: task.pipeline for task in subject.project.tasks() if task.pipeline in wanted}
        self._of_task = {name: pipeline for name, pipeline in of_task.items() if name in present}
        self._open = dict.fromkeys(wanted, 0)
        for pipeline in self._of_task.values():
            self._open[pipeline] += 1
        self._states: dict[str, set[str]] = {name: set() for name in wanted}
        self._started: set[str] = set()

    def event(self, event: RunEvent) -> None:
        """Hand the event on, and start the hooks that it calls for."""
        self._inner.event(event)
        self._last = event
        self._safely(lambda: self._see(event))

    def flush(self) -> None:
        """Have the reporter show what it was told."""
        self._inner.flush()

    def tick(self) -> None:
        """Hand the tick on."""
        self._inner.tick()

    def close(self) -> None:
        """Nothing yet: see `finish`."""

    def finish(self, exit_code: int) -> None:
        """The run is over and durable: start its last hooks, wait for all, and tell what went wrong with them."""
        if self._last is not None:
            self._safely(lambda: self._end(exit_code))
            self._await()
            for text in (*self._faults, *self._hooks.faults()):
                self._tell(self._last, text)
        self._inner.flush()
        self._inner.close()

    def _see(self, event: RunEvent) -> None:
        if event.event == events.RUN_STARTED:
            self._caller.first(None, event.ts)
        elif event.event == events.RUN_FINISHED:
            self._verdict = event
        elif event.task in self._of_task:
            self._see_task(event, self._of_task[event.task])

    def _see_task(self, event: RunEvent, pipeline: str) -> None:
        if event.event == events.ATTEMPT_STARTED and pipeline not in self._started:
            self._started.add(pipeline)
            self._caller.first(pipeline, event.ts)
        elif event.event in (events.TASK_FINISHED, events.TASK_SKIPPED):
            self._open[pipeline] -= 1
            self._states[pipeline].add(event.state or "")
            if pipeline in self._started and not self._open[pipeline]:
                state = _worst(self._states[pipeline])
                self._caller.last(pipeline, Moment(event.ts, state, EXIT_CODES[state]))

    def _end(self, exit_code: int) -> None:
        verdict = self._verdict
        if verdict is None:
            self._caller.last(None, Moment(self._world.clock.now(), RunState.FAILED, exit_code))
        else:
            moment = Moment(verdict.ts, RunState(verdict.state or RunState.FAILED), exit_code, verdict.reason)
            self._caller.last(None, moment)

    def _await(self) -> None:
        """Wait for the hooks; a signal ends them."""
        interrupts = self._world.interrupts
        while self._hooks.busy():
            if interrupts.take():
                self._hooks.kill()
            self._world.clock.wait([interrupts.fileno()], LOOK_S)

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # whatever it is, the run goes on
            self._faults.append(f"a hook was not started: {error}")

    def _tell(self, last: RunEvent, text: str) -> None:
        self._last = last._replace(
            event=events.HOOK_FAILED, seq=last.seq + 1, ts=self._world.clock.now(), task=None, attempt=None,
            state=None, reason=Reason("hook_failed", text),
        )  # fmt: skip
        self._inner.event(self._last)


def _worst(states: set[str]) -> RunState:
    return next((worst for some, worst in _WORST if states.intersection(some)), RunState.SUCCEEDED)
