"""How old the data is that is watched, whether or not anything has run."""

from __future__ import annotations

from tetra_orchestrator.core.data_age import (
    STALE,
    UNKNOWN,
    WORST_STATES,
    aged,
    mark_of,
    mark_text,
    marked,
    stood_still,
)
from tetra_orchestrator.core.findings import Finding, finding
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.data_age import Aged, Mark, Seen
    from tetra_orchestrator.core.model import Pipeline
    from tetra_orchestrator.core.watching import DataSource
    from tetra_orchestrator.engine.past import Past
    from tetra_orchestrator.watch_ports import Watcher

#: How the marks of sources begin.
MARK = "data:"


class DataHealth(Record):
    """The worst of a pipeline's sources: how it is and from when; `state` is None where nothing is watched."""

    state: str | None = None
    at: datetime | None = None
    findings: tuple[Finding, ...] = ()


class DataWatch:
    """Looks at all sources at once. `marks` are those of the look before, `new` those that are to be kept."""

    def __init__(self, pipelines: Sequence[Pipeline], watcher: Watcher, marks: Mapping[str, str], now: datetime):
        watched = [(pipeline.name, source) for pipeline in pipelines for source in pipeline.data]
        seen = watcher.look([source for _, source in watched]) if watched else []
        self._seen = {(name, source.name): found for (name, source), found in zip(watched, seen, strict=True)}
        self._now = now
        self._before = marks
        self.new: dict[str, str | None] = {}

    def of(self, pipeline: Pipeline, past: Past) -> DataHealth:
        """What is to be said of the pipeline's data. Raises `StoreError`."""
        if not pipeline.data:
            return DataHealth()
        looks = [self._look(pipeline, source, past) for source in pipeline.data]
        worst = max((age for age, _ in looks), key=lambda age: WORST_STATES.index(age.state))
        known = [age.at for age, _ in looks if age.at]
        return DataHealth(worst.state, min(known, default=None), tuple(one for _, found in looks for one in found))

    def _look(self, pipeline: Pipeline, source: DataSource, past: Past) -> tuple[Aged, list[Finding]]:
        name = f"{MARK}{pipeline.name}.{source.name}"
        seen = self._seen[pipeline.name, source.name]
        mark = marked(mark_of(self._before.get(name)), seen, self._now)
        if mark is not None:
            self.new[name] = mark_text(mark)
        age = aged(source, seen, mark, self._now)
        return age, _findings(pipeline, source, age, self._stood_still(pipeline, source, seen, mark, past))

    def _stood_still(
        self, pipeline: Pipeline, source: DataSource, seen: Seen, mark: Mark | None, past: Past
    ) -> str | None:
        """The run that succeeded and left the data as it was; None where it did not."""
        last = next((part for part in past.parts(pipeline.name) if part.is_over), None)
        if last is None or last.state != TaskState.SUCCEEDED or seen.error is not None:
            return None
        return last.run.run_id if stood_still(source, mark, last.began_at, last.ended_at) else None


def _findings(pipeline: Pipeline, source: DataSource, age: Aged, unmoved_in: str | None) -> list[Finding]:
    subject = f"{pipeline.name}.{source.name}"
    found = []
    if age.fault is not None:
        code = {STALE: "data_stale", UNKNOWN: "data_unknown"}[age.state]
        text = f"{_about(source)} of {pipeline.name}: {age.fault}"
        found.append(finding(code, subject, text, "tetra monitor"))
    if unmoved_in is not None:
        text = f"{pipeline.name} succeeded in its last run, and {_about(source)} is as it was before"
        found.append(finding("data_not_moved", subject, text, f"tetra show {unmoved_in}"))
    return found


def _about(source: DataSource) -> str:
    return f"the data {source.name!r}"
