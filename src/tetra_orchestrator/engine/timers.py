"""Installs, arms and removes timers: looks at what is there, and does what `core.unit_plan` says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.unit_plan import CHANGE, FOREIGN, Installed, plan, to_remove, to_write
from tetra_orchestrator.timer_port import TimerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from tetra_orchestrator.core.unit_plan import Action
    from tetra_orchestrator.core.units import TimerSpec, UnitFile
    from tetra_orchestrator.timer_port import TimerBackend

#: A unit that wakes us at the right times for less than this is made anew.
ENOUGH = timedelta(days=365)


class Site(Record):
    """Whose timers and where: those of the project in `root`, at a scheduler. `now` is aware UTC.

    `elsewhere` tells whether there still is another project in a root, `marked_at` when a timer was last armed or woke
    us, `marker` gives what notes that it is armed as of now.
    """

    backend: TimerBackend
    project: str
    root: str
    specs: Sequence[TimerSpec]
    now: datetime
    elsewhere: Callable[[str], bool]
    marked_at: Callable[[str], datetime | None]
    marker: Callable[[], Callable[[str], None]]

    def states(self, names: Sequence[str]) -> Mapping[str, TimerState]:
        """How the scheduler sees these timers."""
        found = self.backend.states(self.project, names) if names else {}
        return {name: found.get(name, TimerState()) for name in names}

    def places(self, files: Iterable[str]) -> dict[str, set[str]]:
        """By timer, those of the files that are for it: its own, and where it has none those that are for all."""
        timers = {file: self.backend.timer_of(self.project, file) for file in files}
        shared = {file for file, timer in timers.items() if timer is None}
        names = dict.fromkeys([*(spec.name for spec in self.specs), *filter(None, timers.values())])
        found = {name: {file for file, timer in timers.items() if timer == name} or shared for name in names}
        return {name: places for name, places in found.items() if places}


class Survey(Record):
    """What was found: the files that are wanted and installed, what a plan says of them, and how the timers are.

    `stopped` are the timers that were armed once and that somebody has disarmed.
    """

    wanted: Sequence[UnitFile]
    installed: Sequence[UnitFile]
    actions: Sequence[Action]
    states: Mapping[str, TimerState]
    stopped: Collection[str]


class Applied(Record):
    """What was done: the actions performed and those that were not; timers that were armed, and that stay disarmed."""

    done: Sequence[Action] = ()
    left: Sequence[Action] = ()
    armed: Sequence[str] = ()
    disarmed: Sequence[str] = ()


def survey(site: Site, disabled: Collection[str] = ()) -> Survey:
    """Look at what is installed. `disabled` are the timers that are not to wait. Raises what the backend raises."""
    installed = site.backend.installed(site.project)
    states = site.states(list(site.places(file.name for file in installed)))
    stopped = {name for name, state in states.items() if state.known and not state.enabled and site.marked_at(name)}
    known = Installed(
        installed,
        site.elsewhere,
        busy=_files_of({name for name, state in states.items() if state.active}, installed, site),
        disarmed=_files_of(stopped.union(disabled), installed, site),
    )
    wanted = _wanted(site, {file.name: file.text for file in installed})
    return Survey(wanted, installed, plan(wanted, known, site.project, site.root), states, stopped)


def apply(found: Survey, site: Site, off: Collection[str], *, force: bool = False) -> Applied:
    """Write what has changed, and arm each timer of ours that is new, has changed or does not wait, but those in `off`.

    With `force`, what was edited by hand or is another's is written over, and what nothing wants is removed. Raises
    what the backend raises; then the files are as before.
    """
    writes = to_write(found.actions, force=force)
    removes = to_remove(found.actions, force=force) if force else []
    _change(writes, removes, found, site)
    left = [action for action in found.actions if action not in writes and action not in removes]
    taken = {action.file for action in left if action.kind == FOREIGN}
    written = {action.file for action in writes}
    places = site.places(action.file for action in found.actions if action.wanted)
    names = [name for name, files in places.items() if not files & taken]
    touched = [name for name in names if places[name] & written]
    states = site.states(names) if touched else found.states
    _disarm([name for name in names if name in off and states[name].enabled], site)
    armed = [name for name in names if name not in off and (name in touched or not states[name].enabled)]
    _arm(armed, site)
    return Applied([*writes, *removes], left, armed, [name for name in names if name in off])


def prune(found: Survey, site: Site, *, force: bool = False) -> Applied:
    """Remove what nothing wants; with `force` also what was edited by hand. What is running stays."""
    removes = to_remove(found.actions, force=force)
    _change([], removes, found, site)
    return Applied(removes, [action for action in found.actions if action not in removes])


def renew(found: Survey, site: Site, off: Collection[str], valid_until: Callable[[str], datetime | None]) -> Applied:
    """Write those units of ours anew that wake us at the right times for less than a year.

    `valid_until` says until when a unit with that text does (None: for ever).
    """
    texts = {file.name: file.text for file in found.installed}
    changed = [action for action in found.actions if action.kind == CHANGE]
    ends = [valid_until(texts[action.installed_as or action.file]) for action in changed]
    due = [action for action, end in zip(changed, ends, strict=True) if end is not None and end < site.now + ENOUGH]
    return apply(found._replace(actions=due), site, off)


def arm(names: Collection[str], found: Survey, site: Site) -> list[str]:
    """Have those of the timers wait that are installed and ours; returns them."""
    ours = [name for name in of_ours(found, site) if name in names]
    _arm(ours, site)
    return ours


def disarm(names: Collection[str], found: Survey, site: Site) -> list[str]:
    """Have those of the timers wait no longer that are installed and ours; returns those that did."""
    waiting = [n for n in of_ours(found, site) if n in names and (found.states[n].enabled or found.states[n].waiting)]
    _disarm(waiting, site)
    return waiting


def of_ours(found: Survey, site: Site) -> list[str]:
    """The timers of ours that the scheduler knows, wanted or not."""
    own = {action.installed_as or action.file for action in found.actions if action.kind != FOREIGN}
    places = site.places(file.name for file in found.installed)
    return [name for name, files in places.items() if files <= own and found.states[name].known]


def _change(writes: Sequence[Action], removes: Sequence[Action], found: Survey, site: Site) -> None:
    if not writes and not removes:
        return
    site.backend.check()
    files = {file.name: file for file in found.wanted}
    renamed = [action.installed_as for action in writes if action.installed_as]
    if renamed:  # first: where `Daily` and `daily` are one file, it would be removed after it was written
        site.backend.change([], renamed)
    site.backend.change([files[action.file] for action in writes], [action.file for action in removes])


def _arm(names: Sequence[str], site: Site) -> None:
    """Arm the timers and note that.

    What a scheduler starts at once when it is given another calendar has to find the mark of before: see `fire`.
    """
    if not names:
        return
    site.backend.check()
    site.backend.arm(site.project, names)
    mark = site.marker()  # as of now: what elapses from here on is later than the mark
    for name, state in site.states(names).items():
        if not state.active:
            mark(name)


def _disarm(names: Sequence[str], site: Site) -> None:
    if names:
        site.backend.check()
        site.backend.disarm(site.project, names)


def _files_of(names: Collection[str], installed: Sequence[UnitFile], site: Site) -> set[str]:
    return {file.name for file in installed if site.backend.timer_of(site.project, file.name) in names}


def _wanted(site: Site, installed: Mapping[str, str]) -> list[UnitFile]:
    """The files as they should be.

    What a scheduler cannot say by a rule is spelled out for some years ahead, so a text depends on the day. It is made
    as of the beginning of this year; one as of the last year's is as good, or every unit would change each January.
    """
    if not site.specs:
        return []
    files = _rendered(site, site.now.year)
    if all(installed.get(file.name, file.text) == file.text for file in files):
        return files
    earlier = {file.name: file for file in _rendered(site, site.now.year - 1)}
    return [_as_installed(file, earlier.get(file.name), installed) for file in files]


def _as_installed(file: UnitFile, earlier: UnitFile | None, installed: Mapping[str, str]) -> UnitFile:
    return earlier if earlier and installed.get(file.name) == earlier.text else file


def _rendered(site: Site, year: int) -> list[UnitFile]:
    return site.backend.render(site.specs, site.root, datetime(year, 1, 1, tzinfo=UTC))
