"""Whether the system's scheduler will wake us: each timer installed, armed, and due when the ledger says so."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.findings import finding
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.slots import due_by
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.unit_plan import ADD, KEEP, ORPHAN
from tetra_orchestrator.core.units import BOOT_SWEEP
from tetra_orchestrator.engine.monitor_slots import CLAIM
from tetra_orchestrator.engine.timers import survey
from tetra_orchestrator.errors import TetraError
from tetra_orchestrator.timer_port import TimerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.core.model import Project, Schedule
    from tetra_orchestrator.core.units import TimerSpec
    from tetra_orchestrator.engine.timers import Site, Survey

NONE_INSTALLED = "none installed"
OK, OFF = "ok", "off"
#: By so much may the next fire be later than the slot, or past when it is just being seen to.
SLACK = timedelta(seconds=60)
_APPLY = "tetra schedule apply"
#: What a timer is called in a word, by the code of what is wrong with it.
_WORDS = {"timer_missing": "missing", "timer_off": "disarmed", "timer_stale": "stale", "timer_astray": "astray"}


class TimersHealth(Record):
    """By timer `ok`, or what is wrong in a word; or one word for all. None where there is nothing to wait for."""

    word: dict[str, str] | str | None = None
    findings: tuple[Finding, ...] = ()


class TimerWatch(Record):
    """Looks at timers. `off` are those that are not meant to wait, None where that is not known now.

    The machine was started at `booted_at`; unless it is `awake` for a while, timers may yet go off for what is due. A
    loop in the foreground (`watched`) stands for all of them.
    """

    project: Project
    sites: Sequence[Site]
    off: Collection[str] | None
    now: datetime
    booted_at: datetime
    awake: bool = True
    watched: bool = False

    def look(self) -> TimersHealth:
        """Look at the timers of every scheduler that has some. Where none has, that is no fault by itself."""
        wanted = any(schedule.enabled for schedule in self.project.schedules)
        try:
            there = [site for site in self.sites if site.backend.installed(site.project)]
            if not there:
                word = "foreground" if self.watched else NONE_INSTALLED if wanted else None
                return TimersHealth(word)
            looks = [self._at(site) for site in there]
        except TetraError as error:
            text = f"nothing can be said of the timers: {error.message}"
            return TimersHealth("unknown", (finding("timers_unknown", "timers", text, "tetra doctor"),))
        words = {name: word for found in looks for name, (word, _) in found.items()}
        faults = (fault for found in looks for _, fault in found.values())
        return TimersHealth(words, tuple(fault for fault in faults if fault is not None))

    def _at(self, site: Site) -> dict[str, tuple[str, Finding | None]]:
        found = survey(site, self.off or ())
        files = site.places(action.file for action in found.actions if action.wanted)
        looks = {spec.name: self._of(spec, site, found, files[spec.name]) for spec in site.specs}
        for action in found.actions:
            name = site.backend.timer_of(site.project, action.file) or action.file
            if action.kind == ORPHAN and name not in looks:
                looks[name] = _stale(name, f"{action.file} {action.text}", "tetra schedule prune")
        return looks

    def _of(self, spec: TimerSpec, site: Site, found: Survey, files: Collection[str]) -> tuple[str, Finding | None]:
        """The timer in a word, and the first thing that is wrong with it."""
        actions = [action for action in found.actions if action.file in files]
        state = found.states.get(spec.name, TimerState())
        missing = [action.file for action in actions if action.kind == ADD]
        if missing:
            return _fault("timer_missing", spec.name, f"{missing[0]} is not installed: nothing wakes what it is for")
        if not state.known:
            return _fault("timer_missing", spec.name, f"the scheduler does not know the timer {spec.name}")
        if self.off is None or spec.name in self.off:
            return OFF if self.off else OK, None
        if not state.enabled or not (state.waiting or state.active):
            what = "is switched off" if not state.enabled else "does not wait for its next time"
            return _fault("timer_off", spec.name, f"the timer {spec.name} {what}", f"tetra schedule enable {spec.name}")
        if state.failed is not None:
            text = f"the scheduler could not run what the timer {spec.name} starts: {state.failed}"
            return "failed", finding("unit_failed", spec.name, text, "tetra doctor --in-job")
        astray = self._astray(spec, state, site)
        if astray is not None:
            return _fault("timer_astray", spec.name, f"the timer {spec.name} {astray}")
        other = [action for action in actions if action.kind != KEEP]
        if other:
            return _stale(spec.name, f"{other[0].file} {other[0].text}", "tetra schedule plan")
        return OK, None

    def _astray(self, spec: TimerSpec, state: TimerState, site: Site) -> str | None:
        """What is wrong with when it wakes us; None where nothing is, or where the scheduler does not tell."""
        schedule = next((one for one in self.project.schedules if one.name == spec.name), None)
        if state.active or spec.name == BOOT_SWEEP:
            return None
        slept = None if schedule is None else self._slept(schedule, spec, site)
        if slept is not None:
            return f"has not woken us for the slot at {instant(slept)}"
        if not site.backend.kind.startswith("systemd"):
            return None
        return self._next_is_wrong(schedule, spec, state)

    def _slept(self, schedule: Schedule, spec: TimerSpec, site: Site) -> datetime | None:
        """The first slot since it was armed, or last woke us, for which it should have woken us long ago."""
        since = site.marked_at(spec.name)
        if since is None or not self.awake:
            return None
        slot = _next(schedule, since if spec.persistent else max(since, self.booted_at))
        return slot if slot is not None and due_by(schedule, slot) + CLAIM < self.now else None

    def _next_is_wrong(self, schedule: Schedule | None, spec: TimerSpec, state: TimerState) -> str | None:
        slot = _next(schedule, self.now) if schedule else None
        if spec.every_s is not None:
            slot = max(slot or self.now, self.now + timedelta(seconds=spec.every_s))
        if slot is None:
            return None
        latest = slot + timedelta(seconds=spec.jitter_s) + SLACK
        if state.next_at is None:
            return f"has no next time; the next slot is at {instant(slot)}"
        if not self.now - SLACK <= state.next_at <= latest:
            return f"is due at {instant(state.next_at)}, the next slot at {instant(slot)}"
        return None


def _next(schedule: Schedule, after: datetime) -> datetime | None:
    from tetra_orchestrator.core.schedule import slots_of

    return next(slots_of(schedule, after), None)


def _fault(code: str, name: str, text: str, command: str = _APPLY) -> tuple[str, Finding]:
    return _WORDS[code], finding(code, name, text, command)


def _stale(name: str, text: str, command: str) -> tuple[str, Finding]:
    return _fault("timer_stale", name, text, command)
