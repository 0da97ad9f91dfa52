"""What `doctor` looks at beyond the store: what the project needs, here and in a timer's job, and its timers."""

from __future__ import annotations

import json
import os
import sys

from tetra_orchestrator import wire, wire_timers
from tetra_orchestrator.cli.timers import disabled, site_of
from tetra_orchestrator.core.diagnosis import ERROR, OK, WARNING, Diagnosis
from tetra_orchestrator.core.needed import needed
from tetra_orchestrator.core.premises import premises
from tetra_orchestrator.core.surroundings import compare, surroundings
from tetra_orchestrator.engine.timer_health import timer_health
from tetra_orchestrator.errors import TetraError, UsageError
from tetra_orchestrator.timer_port import CRONTAB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.needed import Needs
    from tetra_orchestrator.engine.timers import Site


class Checkup:
    """Looks at one project. `by` and `system` choose the scheduler, as `--by` and `--system` do."""

    def __init__(self, loaded: Loaded, by: str | None, system: bool) -> None:
        self._project = loaded.project
        self._needs = _needs(loaded)
        self._shell = surroundings(wire.look_around(self._needs.question()))
        self._by = by
        self._system = system

    def here(self) -> list[Diagnosis]:
        """What is to be said of what this process finds."""
        return premises(self._needs, self._shell, wire.clock().now())

    def runners(self) -> list[Diagnosis]:
        """What is to be said of the runners on other machines that the project names."""
        if not self._project.runners:
            return []
        from tetra_orchestrator import wire_remote

        return wire_remote.diagnose(self._project)

    def timers(self) -> list[Diagnosis]:
        """What is to be said of the timers and of the scheduler; nothing where the project neither has nor wants any.

        Raises `UsageError` for a scheduler that was asked for and that there is not.
        """
        try:
            site = site_of(self._project, wire_timers.timers(self._by, self._system))
        except UsageError as error:
            if self._by or self._system:
                raise
            wanted = any(schedule.enabled for schedule in self._project.schedules)
            return [Diagnosis("no_scheduler", WARNING, error.message, error.hint)] if wanted else []
        try:
            return self._timers_at(site)
        except TetraError as error:
            return [Diagnosis("timers", ERROR, error.message, error.hint)]

    def _timers_at(self, site: Site) -> list[Diagnosis]:
        if not site.specs and not site.backend.installed(site.project):
            return []
        found = site.backend.diagnose()
        if any(one.severity == ERROR for one in found):
            return found  # such a scheduler tells nothing about its timers
        return [*found, *timer_health(site, disabled(self._project))]

    def in_job(self) -> list[Diagnosis]:
        """How what a timer's job finds differs from what this process finds."""
        site = site_of(self._project, wire_timers.timers(self._by, self._system))
        specs, kind = site.specs, site.backend.kind
        if not specs:
            return [Diagnosis("in_job", OK, "the file has no schedule, so there is no timer whose job could be tried")]
        try:
            answer = wire_timers.look_around_in_job(kind, specs[0], self._needs.question())
        except TetraError as error:
            place = f"{error.where}: " if error.where else ""
            return [Diagnosis(error.code, ERROR, f"{place}{error.message}", error.hint)]
        return [*compare(self._needs, self._shell, surroundings(answer)), _told(kind)]


def _needs(loaded: Loaded) -> Needs:
    """What the project needs; of the variables, those that only the environment gives."""
    from tetra_orchestrator.config.interpolate import read_dotenv
    from tetra_orchestrator.config.problems import Problems

    project = loaded.project
    dotenv = read_dotenv(os.path.dirname(project.file), Problems(project.file))
    given = {*dotenv, *(json.loads(loaded.document).get("secrets") or ())}
    needs = needed(project, [name for name in loaded.variables if name not in given], sys.executable)
    # where it is broken, another interpreter has been taken in its place
    beside = os.path.join(project.root, ".venv/bin/python")
    if os.path.lexists(beside) and beside not in needs.interpreters:
        needs = needs._replace(interpreters=(*needs.interpreters, beside))
    return needs


def _told(kind: str) -> Diagnosis:
    if kind == CRONTAB:
        message = "cron starts nothing at once: a job was started as crontab(5) describes it, and compared"
    else:
        message = f"a job that {kind} has started was compared with this shell"
    return Diagnosis("in_job", OK, message)
