"""The modes of the tetra scripts, which its files do not hold, and when the pipelines and these chains are due."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING

from tetra_orchestrator.core.schedule import REFERENCE, slots

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.tetra_file import TetraFile
    from tetra_orchestrator.config.problems import Path

#: The pipelines that the scripts know, with their arguments in the modes daily and weekly.
CHAIN = {
    "data_pipeline": ["--mode", "daily"],
    "scenarios_pipeline": ["--type", "all"],
    "metrics_pipeline": ["--scenario", "all"],
    "assessment_pipeline": ["--strategies", "all"],
}
FULL = {
    **CHAIN,
    "data_pipeline": ["--mode", "backfill", "--days", "30"],
    "metrics_pipeline": ["--scenario", "all", "--force"],
}
BACKFILL = ["--mode", "backfill", "--start-date", "{partition.start}", "--end-date", "{partition.end}"]
#: A mode with a timer, the pipeline whose `schedule` says when, and when that is where it has none.
TIMERS = (("daily", "data_pipeline", "0 19 * * *"), ("weekly", "scenarios_pipeline", "0 20 * * 0"))
DAYS = 28
DAILY_SLOTS = 20  # in so many days, from Monday to Friday


def put_modes(file: TetraFile) -> None:
    """The modes daily, weekly, full and backfill, of what the file has; other pipelines run without arguments."""
    daily = [name for name in file.names if name == "data_pipeline" or file.rule(name).frequency == "daily"]
    file.native.put(("default_mode",), "full")
    for mode, names, args in (("daily", daily, CHAIN), ("weekly", file.names, CHAIN), ("full", file.names, FULL)):
        if names:
            file.native.put(("modes", mode), [{name: args[name]} if name in args else name for name in names])
    if "data_pipeline" in file.names:
        entries = [{"data_pipeline": BACKFILL}]
        file.native.put(("modes", "backfill"), {"partition": "range", "pipelines": entries})


def put_schedules(file: TetraFile) -> None:
    """A schedule for every pipeline that has one, and for the two chains that have a timer."""
    rules = file.document.pipeline_dependencies
    scheduled = [name for name, rule in rules.items() if rule.schedule]
    for mode, name, cron in TIMERS:
        if name in file.names:
            file.native.put(("schedules", mode), {"mode": mode, "cron": cron})
            if _slots(file.rule(name).schedule or ""):
                file.native.copy(("schedules", mode, "cron"), ("pipeline_dependencies", name, "schedule"))
    for name in scheduled:
        _put_schedule(file, name)


def _put_schedule(file: TetraFile, name: str) -> None:
    origin: Path = ("pipeline_dependencies", name, "schedule")
    frequency = file.rule(name).frequency
    file.native.put(("schedules", name), {"pipelines": [name]}, origin)
    file.native.copy(("schedules", name, "cron"), origin)
    if frequency:
        file.native.put(("schedules", name, "tags"), {"frequency": frequency}, origin)
        _check_frequency(file, name, frequency)


def _check_frequency(file: TetraFile, name: str, frequency: str) -> None:
    cron = file.rule(name).schedule or ""
    due = _slots(cron)
    usual = "daily" if due == DAILY_SLOTS else "weekly"
    if due and frequency != usual:
        path = ("pipeline_dependencies", name, "frequency")
        message = f"'{name}' has the frequency {frequency}, and the schedule {cron!r} is {usual}"
        file.problems.warning("frequency", file.key(path), path, message, "the schedule counts; correct one of the two")


def _slots(cron: str) -> int:
    """How often a rule is due in four weeks, up to the number that makes it daily; 0 for one that cannot be read."""
    try:
        due = takewhile(lambda slot: (slot - REFERENCE).days < DAYS, slots(cron, "UTC", REFERENCE))
        return len(list(islice(due, DAILY_SLOTS)))
    except ValueError:
        return 0
