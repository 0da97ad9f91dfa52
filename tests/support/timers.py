"""A scheduler in memory: unit files by name, and timers that wait or do not. It counts what is done to it."""

from __future__ import annotations

from tetra_orchestrator.core.marker import marked
from tetra_orchestrator.core.units import UnitFile
from tetra_orchestrator.errors import NotNow
from tetra_orchestrator.timer_port import SYSTEMD_USER, TimerState

SHARED = "failure@.service"


class FakeTimers:
    """A `TimerBackend`: a `.timer` for each timer, and one file for all of them.

    As a real one, it knows `Daily` and `daily` as one file if `any_case`, writes down times for three years, and starts
    at once those of `starts_at_once` when they are armed. With `refuses`, every effect is refused.
    """

    kind = SYSTEMD_USER

    def __init__(self, any_case=False):
        self.files = {}
        self.enabled = set()
        self.active = set()
        self.calls = []
        self.any_case = any_case
        self.refuses = False
        self.starts_at_once = set()

    def render(self, specs, root, now):
        made = [(f"{spec.unit}.timer", f"start {' '.join(spec.argv)}\nuntil {now.year + 3}\n") for spec in specs]
        made += [(f"{specs[0].project}-{SHARED}", "on failure\n")] if specs else []
        return [UnitFile(name, marked(text, specs[0].project, root, "# {}")) for name, text in made]

    def installed(self, project):
        return [file for name, file in sorted(self.files.items()) if name.startswith(f"{project}-".casefold())]

    def check(self):
        if self.refuses:
            raise NotNow("no scheduler answers")

    def change(self, write, remove):
        self.check()
        self.calls.append(("change", [file.name for file in write], list(remove)))
        assert not (self.any_case and {f.name.casefold() for f in write} & {name.casefold() for name in remove})
        self.files |= {self._key(file.name): file for file in write}
        for name in remove:
            self.enabled.discard(self.timer_of(name.partition("-")[0], name))
            del self.files[self._key(name)]

    def arm(self, project, names):
        self.check()
        self.calls.append(("arm", list(names)))
        self.enabled |= set(names)
        self.active |= self.starts_at_once & set(names)

    def disarm(self, project, names):
        self.check()
        self.calls.append(("disarm", list(names)))
        self.enabled -= set(names)

    def states(self, project, names):
        return {name: self._state(project, name) for name in names}

    def timer_of(self, project, file):
        return None if file == f"{project}-{SHARED}" else file.removeprefix(f"{project}-").removesuffix(".timer")

    def _state(self, project, name):
        if self._key(f"{project}-{name}.timer") not in self.files:
            return TimerState()
        enabled = name in self.enabled
        return TimerState(known=True, enabled=enabled, waiting=enabled, active=name in self.active)

    def _key(self, name):
        return name.casefold() if self.any_case else name
