"""One look at everything: pipelines, their data, slots, timers, the host. It changes nothing but its own marks."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.findings import finding
from tetra_orchestrator.core.health import Health, PipelineHealth, verdict, worst_first
from tetra_orchestrator.core.history import DISABLED, SCHEDULE
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.schedule import next_slots
from tetra_orchestrator.core.watching import Monitoring
from tetra_orchestrator.engine import monitor_host
from tetra_orchestrator.engine.monitor_data import MARK, DataWatch
from tetra_orchestrator.engine.monitor_letters import of_letters
from tetra_orchestrator.engine.monitor_pipelines import Viewer, without_echoes
from tetra_orchestrator.engine.monitor_slots import of_slots
from tetra_orchestrator.engine.monitor_timers import TimerWatch
from tetra_orchestrator.engine.monitor_usage import with_usage
from tetra_orchestrator.engine.past import Past

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.core.model import Pipeline, Project
    from tetra_orchestrator.engine.monitor_host import HostHealth
    from tetra_orchestrator.engine.monitor_pipelines import Viewed
    from tetra_orchestrator.engine.monitor_timers import TimersHealth
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.engine.timers import Site
    from tetra_orchestrator.errors import TetraError
    from tetra_orchestrator.ports import Clock
    from tetra_orchestrator.watch_ports import Probe, Watcher

__all__ = ["Health", "PipelineHealth", "Sight", "check", "check_without"]

#: Whoever wakes guards is given so long after a start of the machine, and until the look after one that it slept
#: before, for longer than this. Seconds.
SETTLING_S, NAP_S = 300.0, 1.0
#: What is kept of its sleep from look to look.
SLEEP_MARK = "host:slept"


class Sight(Record):
    """What there is to look at and with what. `sites` are the project's timers at each scheduler of this machine.

    A loop in the foreground may stand for those (`watched`). `faults` were found on the way here. `place` is the host's
    name where others share the store.
    """

    project: Project
    clock: Clock
    probe: Probe
    watcher: Watcher
    sites: Sequence[Site] = ()
    watched: bool = False
    faults: tuple[Finding, ...] = ()
    place: str | None = None

    @property
    def monitoring(self) -> Monitoring:
        """What the file says of the monitor."""
        return self.project.monitor or Monitoring()

    def pipelines(self) -> list[Pipeline]:
        """Those that are looked at."""
        return [pipeline for pipeline in self.project.pipelines if pipeline.enabled]

    def channels(self) -> dict[str, bool]:
        """The channels by which somebody is told, and whether they are switched on."""
        alerting = self.project.alerting
        return {one.name: one.enabled for one in alerting.channels} if alerting else {}

    def timers(self, off: Collection[str] | None, now: datetime, *, awake: bool) -> TimersHealth:
        """How the timers fare; those in `off` are not meant to wait."""
        booted_at = now - timedelta(seconds=self.clock.elapsed())
        return TimerWatch(self.project, self.sites, off, now, booted_at, awake, self.watched).look()

    def own(self, mark: str) -> str:
        """The name of such a mark of this host."""
        return mark if self.place is None else f"{mark}:{self.place}"

    def slept_s(self) -> float:
        """Seconds that the machine has slept since its start."""
        return self.clock.elapsed() - self.clock.monotonic()

    def is_awake(self, mark: str | None = None) -> bool:
        """Whether the machine is up for long, and has not slept since the look of which `mark` is left."""
        return self.clock.elapsed() > SETTLING_S and self.slept_s() - _seconds(mark, self.slept_s()) < NAP_S


def _seconds(mark: str | None, otherwise: float) -> float:
    try:
        return float(mark or "")
    except ValueError:
        return otherwise


def check(sight: Sight, scene: Scene) -> Health:
    """Look at everything once, and keep in the store what was seen of data. Raises `StoreError`."""
    project, now, store = sight.project, sight.clock.now(), scene.store
    past, marks = Past(store), dict(store.alerts.marks())
    data = DataWatch(sight.pipelines(), sight.watcher, marks, now)
    cpu_mark, sleep_mark = sight.own(monitor_host.CPU_MARK), sight.own(SLEEP_MARK)
    host = monitor_host.look(project, sight.monitoring, sight.probe, sight.watcher, marks.get(cpu_mark))
    viewer = Viewer(store, past, sight.probe, sight.monitoring, now, next_slots(project, now))
    views = [viewer.view(one, _schedules_of(one, project), data.of(one, past)) for one in sight.pipelines()]
    views = with_usage(views, past, scene.processes)
    off = {one.name for one in store.pauses() if one.kind == SCHEDULE and one.reason == DISABLED}
    awake = sight.is_awake(marks.get(sleep_mark))
    timers = sight.timers(off, now, awake=awake)
    found = [
        *without_echoes(views),
        *of_slots(project, scene, past, now, awake=awake),
        *of_letters(store, sight.channels(), now),
    ]
    gone = {name: None for name in marks if name.startswith(MARK) and name not in data.new}
    failpoints.hit("marks.write")
    store.alerts.mark({**gone, **data.new, cpu_mark: host.mark, sleep_mark: repr(sight.slept_s())})
    failpoints.hit("marks.write.commit")
    return _health(sight, now, views, host, timers, found)


def check_one(sight: Sight, scene: Scene, pipeline: Pipeline) -> PipelineHealth:
    """Look at one pipeline and its data, and keep nothing of what was seen. Raises `StoreError`."""
    now, store = sight.clock.now(), scene.store
    past = Past(store)
    data = DataWatch([pipeline], sight.watcher, store.alerts.marks(), now).of(pipeline, past)
    viewer = Viewer(store, past, sight.probe, sight.monitoring, now, next_slots(sight.project, now))
    return viewer.view(pipeline, _schedules_of(pipeline, sight.project), data).health


def check_without(sight: Sight, error: TetraError) -> Health:
    """The same where the store cannot be used because of `error`: everything else is looked at all the same."""
    now = sight.clock.now()
    host = monitor_host.look(sight.project, sight.monitoring, sight.probe, sight.watcher, None)
    place = f"{error.where}: " if error.where else ""
    text = f"the state store cannot be used: {place}{error.message}"
    down = finding("database_down", "database", text, "tetra doctor")
    health = _health(sight, now, (), host, sight.timers(None, now, awake=sight.is_awake()), [down])
    due = next_slots(sight.project, now)
    rows = [PipelineHealth(one.name, next_slot=due.get(one.name)) for one in sight.pipelines()]
    return health._replace(pipelines=tuple(rows), system={**health.system, "database": "down"}, down=True)


def _health(
    sight: Sight,
    now: datetime,
    views: Sequence[Viewed],
    host: HostHealth,
    timers: TimersHealth,
    found: Sequence[Finding],
) -> Health:
    findings = worst_first([*sight.faults, *found, *timers.findings, *host.findings])
    return Health(
        at=now,
        health=verdict(findings),
        pipelines=tuple(view.health for view in views),
        system={"database": "ok", **host.system, "timers": timers.word},
        findings=findings,
        gauges={view.health.name: {**view.gauges, **host.gauges} for view in views},
        host=host.gauges,
    )


def _schedules_of(pipeline: Pipeline, project: Project) -> list[str]:
    return [one.name for one in project.schedules if one.enabled and pipeline.name in project.pipelines_of(one)]
