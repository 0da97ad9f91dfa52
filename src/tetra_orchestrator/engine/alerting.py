"""Judges what has happened: which alerts are raised, told and over because of it.

Each run and each look is judged in one commit, together with the letters that go out because of it. Whoever dies before
that has judged nothing, and the next command does it; after it nobody judges it again.
"""

from __future__ import annotations

from tetra_orchestrator.core import causes
from tetra_orchestrator.core.alerting import Look
from tetra_orchestrator.core.findings import FINDINGS, HOST_CODES, ON
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.retry import is_left
from tetra_orchestrator.core.states import TaskState
from tetra_orchestrator.core.told import FINDING_OF, HOST, key_of, speaks_of
from tetra_orchestrator.engine.filing import file
from tetra_orchestrator.engine.gauges import measure
from tetra_orchestrator.engine.past import Past

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Cause
    from tetra_orchestrator.core.causes import Part
    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.core.health import Health
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.watching import AlertRule
    from tetra_orchestrator.engine.filing import Desk, Values

DATABASE_DOWN = "database_down"
_STATES = {code: state for state, code in FINDING_OF.items()}


class Aloud(Record):
    """What has to be said to whoever is there, and in the log of the run that it is about."""

    text: str
    log: str | None


def judge_runs(desk: Desk, now: datetime, enough: Callable[[], bool] = lambda: False) -> list[Aloud]:
    """Judge the runs that are over and were not judged, oldest first; returns what has to be said aloud.

    What is left when there is `enough`, the next command judges. Raises `StoreError`.
    """
    aloud: list[Aloud] = []
    while runs := desk.store.alerts.untold():
        for run in runs:
            if enough():
                return aloud
            aloud += _judge_run(run, desk, now)
    return aloud


def _judge_run(run: Run, desk: Desk, now: datetime) -> list[Aloud]:
    store, told = desk.store, desk.told
    past = Past(store)
    tasks = past.tasks(run.run_id)
    if any(map(is_left, tasks)):
        file(desk, Look([], ()), now, {}, [run.run_id])  # what comes of it, the run of the next attempt tells
        return []
    parts = causes.parts(run, tasks, store.attempts(run.run_id))
    seen = [(part, _measured(part, past, desk, now)) for part in parts if part.state is not None]
    found: list[Cause] = []
    keys: list[str] = []
    for part, values in seen:
        rules = {rule: _holds(rule, values, desk) for rule in told.rules(part.pipeline)}
        found += _of_part(part, values, [rule for rule, holds in rules.items() if holds], desk)
        keys += [f"{code}:{part.pipeline}" for code in FINDING_OF.values()]
        keys += [key_of(rule, part.pipeline) for rule, holds in rules.items() if holds is not None]
    if channels := told.of_end(run):
        found.append(causes.of_end(run, parts, desk.project.name, channels, desk.config))
    failed = {part.pipeline: values for part, values in seen if part.state == TaskState.FAILED}
    # that one partition succeeds says nothing of another that has failed
    file(desk, Look(found, () if run.backfill else keys), now, failed, [run.run_id])
    return [Aloud(text, run.log) for text in told.escalations(failed, ())[1]]


def _measured(part: Part, past: Past, desk: Desk, now: datetime) -> Values:
    """What rules and escalations speak of, as of the run; what is measured of the host is unknown."""
    pipeline, told = desk.project.pipeline(part.pipeline), desk.told
    wanted = told.rules(part.pipeline) or told.on_failure(part.pipeline).escalate is not None
    if pipeline is None or not wanted:
        return {}
    return measure(pipeline, desk.store, part.run.finished_at or now, desk.project.monitor, part.run, past=past)


def _of_part(part: Part, values: Values, rules: Sequence[AlertRule], desk: Desk) -> list[Cause]:
    """What is wrong with a pipeline in a run: the rules that hold, and that it has failed."""
    found = [causes.of_rule(rule, part.pipeline, values, part, desk.config) for rule in rules]
    if part.state not in FINDING_OF:
        return found
    return _with_failure(found, rules, causes.of_part(part, desk.config), desk)


def _with_failure(found: list[Cause], rules: Sequence[AlertRule], failure: Cause, desk: Desk) -> list[Cause]:
    """The causes of rules with that of a failure. Where a rule speaks of that, both are one alert."""
    name = failure.subject
    place = next((place for place, rule in enumerate(rules) if speaks_of(rule, failure.code)), None)
    channels = desk.told.of_failure(name, _STATES[failure.code], by_rule=place is not None)
    if place is not None:
        found[place] = found[place]._replace(channels=tuple(dict.fromkeys([*found[place].channels, *channels])))
        return found
    if channels or desk.told.on_failure(name).escalate is not None:
        found.append(failure._replace(channels=channels))
    return found


def _holds(rule: AlertRule, values: Values, desk: Desk) -> bool | None:
    """Whether a rule holds; unknown where it speaks of how a run has ended that never came to the pipeline."""
    if causes.is_of_runs(rule) and _is_of_others(values):
        return None
    return desk.holds(rule.condition, values)


def _is_of_others(values: Values) -> bool:
    """Whether the last run never came to the pipeline, or somebody has ended it: another's failure, or none."""
    return values.get("state") in (TaskState.CANCELLED, TaskState.UPSTREAM_FAILED)


def judge_health(desk: Desk, health: Health, now: datetime) -> None:
    """Judge what the monitor has seen: its findings, and the rules by the values of this moment.

    What it does not find any more is away. Raises `StoreError`.
    """
    open_ = [alert.key for alert in desk.store.alerts.open()]
    failed: dict[str, Values] = {}
    others = [each for each in health.findings if each.code not in _STATES]
    found = [cause for each in others for cause in _of_finding(each, desk)]
    hidden = _hidden(health)
    looked = [key for key in open_ if key not in hidden and _is_looked_at(key, health)]
    gauges = {each.subject: health.host for each in health.findings if each.code in _STATES}
    gauges |= {name: {**values, **health.host} for name, values in health.gauges.items()}
    for name, values in {HOST: health.host, **gauges}.items():
        rules = {rule: _holds(rule, values, desk) for rule in desk.told.rules(name)}
        holding = [rule for rule, holds in rules.items() if holds]
        own = [causes.of_rule(rule, name, values, None, desk.config) for rule in holding]
        failure = _failure(name, values, health, open_)
        if failure is not None and failure.code == causes.FAILED:
            failed[name] = values
        found += (
            own if failure is None else _with_failure(own, holding, causes.of_finding(failure, (), desk.config), desk)
        )
        looked += [key_of(rule, name) for rule, holds in rules.items() if holds is not None]
    file(desk, Look(found, looked, at=health.at), now, failed)


def _is_looked_at(key: str, health: Health) -> bool:
    """Whether the look would have found it: what is so on another host, only that one sees."""
    code = key.partition(":")[0]
    there = code in HOST_CODES and health.place is not None and ON in key
    return code in FINDINGS and (not there or key.endswith(f"{ON}{health.place}"))


def _hidden(health: Health) -> set[str]:
    """What cannot be told of data that could not be seen: it may be as old, and as it was before, as ever."""
    unseen = [each.subject for each in health.findings if each.code == "data_unknown"]
    return {f"{code}:{subject}" for code in ("data_stale", "data_not_moved") for subject in unseen}


def _failure(pipeline: str, values: Values, health: Health, open_: Collection[str]) -> Finding | None:
    """That the pipeline has failed or is partial; not where that is another's failure, or somebody has ended it."""
    own = next((each for each in health.findings if each.code in _STATES and each.subject == pipeline), None)
    if own is None or (_is_of_others(values) and f"{own.code}:{pipeline}" not in open_):
        return None
    return own


def _of_finding(finding: Finding, desk: Desk) -> list[Cause]:
    channels = desk.told.of_finding(finding.code, desk.told.pipeline_of(finding.subject))
    return [causes.of_finding(finding, channels, desk.config)] if channels else []


def judge_time(desk: Desk, now: datetime) -> None:
    """Judge that time has passed: what is over, who is told again, or in the end. Raises `StoreError`."""
    file(desk, Look(()), now)


def judge_store(desk: Desk, finding: Finding | None, now: datetime) -> None:
    """Judge whether the project's own store is there, in another one. Raises `StoreError`."""
    channels = desk.told.of_finding(DATABASE_DOWN, None) if finding else ()
    found = [causes.of_finding(finding, channels, desk.config)] if finding and channels else []
    looked = [alert.key for alert in desk.store.alerts.open() if alert.code == DATABASE_DOWN]
    file(desk, Look(found, looked), now)
