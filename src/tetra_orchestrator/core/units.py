"""What the system's scheduler is asked for, whichever it is: one `TimerSpec` for each schedule.

The scheduler only wakes us. What it is asked for is a superset of the slots; the guard that it starts decides.
"""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import places, select
from tetra_orchestrator.core.slots import dispatches
from tetra_orchestrator.core.unit_bounds import bounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.cron import Rule
    from tetra_orchestrator.core.model import Project, Schedule, Task

#: The name of a timer that is not a schedule's: it settles, after the machine has started, what was missed.
BOOT_SWEEP = "orchestrator"
#: The one that looks at everything now and then, the other timers included.
MONITOR = "monitor"
#: A look that takes longer hangs: it asks nobody for more than some seconds.
LOOK_S = 240.0
#: Exit codes that are no failure of a unit: partial, and not now; of the monitor also what it has found.
NO_FAILURE = (1, 75)
#: What we have to say and to end ourselves once we are told to stop, beyond the grace of the tasks.
STOPPING_S = 20.0


class TimerSpec(Record):
    """One timer. Paths are absolute, sizes bytes, durations seconds, `at` aware UTC; 0 and None are nothing said.

    Due by `rule` in `timezone`, `every_s` since 1970-01-01T00:00Z, once `at`, or `at_boot`. `gap` (shift, skip) and
    `fold` (first, second, both) are the schedule's `dst`. With `persistent`, what was missed while the machine was off
    is due after its start. `jitter_s` spreads the wakes. With `dispatches`, the guard leaves the run in a process of
    its own and ends, so that the next slot can be seen to while it lasts. With `outlived`, some of what it starts is to
    outlive it. `log` is appended to. `no_failure` are its exit codes, besides 0, that are no failure.
    """

    project: str
    name: str
    description: str
    argv: tuple[str, ...]
    cwd: str
    env: tuple[tuple[str, str], ...]
    log: str
    source: str
    rule: Rule | None = None
    timezone: str = "UTC"
    gap: str = "shift"
    fold: str = "first"
    every_s: float | None = None
    at: datetime | None = None
    at_boot: bool = False
    persistent: bool = True
    jitter_s: float = 0.0
    dispatches: bool = False
    memory_bytes: int = 0
    cpu: float = 0.0
    processes: int = 0
    delegate: bool = False
    timeout_s: float | None = None
    stop_s: float = 90.0
    strict: bool = False
    outlived: bool = False
    umask: int = 0o077
    no_failure: tuple[int, ...] = NO_FAILURE

    @property
    def unit(self) -> str:
        """The name that the timer has on systemd, without the ending."""
        return f"{self.project}-{self.name}"

    @property
    def label(self) -> str:
        """The name that the timer has on launchd."""
        return f"com.{self.project}.{self.name}"


class UnitFile(Record):
    """A file of a scheduler: its name within the scheduler's folder, and its whole text with our marker.

    On the backend that has no files, a block of the user's crontab stands for one.
    """

    name: str
    text: str


class Marker(Record):
    """Whose a unit is, as its text says: the project, its root, and the digest of the text without the marker."""

    project: str
    root: str
    digest: str


class Placement(Record):
    """Where units start us from. Paths are absolute, `path` is their PATH; `kind` is the backend's, as in `fire --by`.

    `config` is the file to name, None where `root` is enough to find it. `scope` is user or system.
    """

    python: str
    kind: str
    path: str
    home: str
    scope: str = "user"
    config: str | None = None


def timer_specs(project: Project, placement: Placement) -> list[TimerSpec]:
    """A timer for each enabled schedule that is ever due, one for what was missed while the machine was off, and one
    for the monitor: that is there for projects without schedules, too, that say something of it or of alerts."""
    schedules = [schedule for schedule in project.schedules if schedule.enabled]
    timers = [timer for schedule in schedules if (timer := _timer(schedule, project, placement))]
    if schedules:
        timers.append(_boot_sweep(project, placement))
    if is_monitored(project):
        timers.append(_monitor(project, placement))
    return timers


def is_monitored(project: Project) -> bool:
    """Whether the monitor has a timer: where there is something to wait for, and the file does not say otherwise."""
    is_off = project.monitor is not None and not project.monitor.timer
    wanted = project.monitor or project.alerting or any(schedule.enabled for schedule in project.schedules)
    return bool(wanted) and not is_off


def look_every_s(project: Project) -> float:
    """Seconds between the looks of the monitor."""
    from tetra_orchestrator.core.watching import Monitoring

    return (project.monitor or Monitoring()).interval_s


def _timer(schedule: Schedule, project: Project, placement: Placement) -> TimerSpec | None:
    """The timer of one schedule; None where only a start of the machine makes it due."""
    from tetra_orchestrator.core.schedule import EPOCH, rule_of, slots_of

    at = next(slots_of(schedule, EPOCH), None) if schedule.at is not None else None
    if schedule.cron is None and schedule.every_s is None and at is None:
        return None
    mode = project.mode(schedule.mode) if schedule.mode else None
    tasks = _tasks(schedule, project)
    spec = _spec(schedule.name, f"schedule {schedule.name}", tasks, project, placement)
    leaves = dispatches(schedule)  # then the unit's own limits would not hold for the runs
    bounded = spec if leaves else _bounded(spec, tasks, places(project, mode), project)
    return bounded._replace(
        dispatches=leaves,
        rule=rule_of(schedule.cron) if schedule.cron is not None else None,
        timezone=schedule.timezone,
        gap=schedule.dst_gap,
        fold=schedule.dst_fold,
        every_s=schedule.every_s,
        at=at,
        persistent=schedule.catch_up != "none",
        jitter_s=schedule.jitter_s,
    )


def _boot_sweep(project: Project, placement: Placement) -> TimerSpec:
    """What settles the slots of all schedules after the machine has started, and wakes those that have to run."""
    spec = _spec(BOOT_SWEEP, "what was missed while the machine was off", (), project, placement)
    return spec._replace(at_boot=True, persistent=False, dispatches=True)


def _monitor(project: Project, placement: Placement) -> TimerSpec:
    """What looks at everything: a missed look is not made up for."""
    spec = _spec(MONITOR, "how everything fares", (), project, placement)
    return spec._replace(every_s=look_every_s(project), persistent=False, timeout_s=LOOK_S, no_failure=(*NO_FAILURE, 2))


def continuation(backfill_id: str, project: Project, placement: Placement) -> TimerSpec:
    """What goes on with a backfill after the machine has started; it is no timer, only what a process needs."""
    spec = _boot_sweep(project, placement)
    place = spec.argv.index("fire")
    named = ("--config", project.file)
    return spec._replace(argv=(*spec.argv[:place], "backfill", "continue", backfill_id, *named))


def _spec(name: str, about: str, tasks: Sequence[Task], project: Project, placement: Placement) -> TimerSpec:
    """The parts that all timers have."""
    words = {BOOT_SWEEP: ("fire", "--boot"), MONITOR: ("monitor", "--quiet")}.get(name, ("fire", name))
    named = ("--config", placement.config) if placement.config else ()
    home = (("HOME", placement.home),) if placement.scope == "system" else ()  # the others set it themselves
    return TimerSpec(
        project=project.name,
        name=name,
        description=f"{project.name}: {about}",
        argv=(placement.python, "-P", "-m", "tetra_orchestrator", *words, "--by", placement.kind, *named),
        cwd=project.root,
        env=(("PATH", placement.path), ("TETRA_HOME", project.root), *home),
        log=f"{project.logs.dir}/{project.name}_{name}.log",
        source=project.file,
        stop_s=max((task.kill_grace_s for task in tasks), default=0.0) + STOPPING_S,
        strict=project.timers.sandbox == "strict",
        outlived=any(task.survive or task.background for task in tasks),
    )


def _bounded(spec: TimerSpec, tasks: Sequence[Task], parallel: int, project: Project) -> TimerSpec:
    """The timer with what the run of its schedule may use."""
    memory_bytes, cpu, processes = bounds(tasks, parallel, project.host)
    delegate = any(task.resources is not None for task in tasks)
    return spec._replace(memory_bytes=memory_bytes, cpu=cpu, processes=processes, delegate=delegate)


def _tasks(schedule: Schedule, project: Project) -> list[Task]:
    return [task for task in select(project, schedule.mode, schedule.pipelines).tasks if task.enabled]
