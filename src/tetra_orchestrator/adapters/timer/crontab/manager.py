"""The backend that has cron wake us: one block for each project in the user's crontab."""

from __future__ import annotations

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.adapters.timer.crontab.switches import switched, switches
from tetra_orchestrator.core.diagnosis import ERROR, Diagnosis
from tetra_orchestrator.core.units import UnitFile
from tetra_orchestrator.errors import CannotWrite, Forbidden, TetraError
from tetra_orchestrator.timer_port import CRONTAB, TimerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.units import TimerSpec

_ENDING = ".crontab"
_READ, _WRITE, _CLEAR = ("crontab", "-l"), ("crontab", "-"), ("crontab", "-r")
#: How a user without a crontab is told of: Debian's and Fedora's cron, macOS; BusyBox.
_NONE = ("no crontab", "no such file")


class CrontabTimers:
    """crontab(1) takes a whole table or none of it, so nothing is ever half installed.

    One file, `PROJECT.crontab`, stands for the block that has all timers of a project. `local_zone` is cron's zone, by
    default the machine's.
    """

    kind = CRONTAB

    def __init__(self, local_zone: str | None = None) -> None:
        self._zone = local_zone

    def render(self, specs: Sequence[TimerSpec], root: str, now: datetime) -> list[UnitFile]:
        """See `crontab.text.block`."""
        from tetra_orchestrator.adapters.timer.crontab.text import block
        from tetra_orchestrator.adapters.timer.local_zone import local_zone

        if not specs:
            return []
        return [UnitFile(specs[0].project + _ENDING, block(specs, root, now, self._zone or local_zone()).text)]

    def installed(self, project: str) -> list[UnitFile]:
        """The project's block as it was rendered: which of its timers are off is no part of it."""
        block = _block(_table(), project)
        return [] if block is None else [UnitFile(project + _ENDING, switched(block, ()))]

    def check(self) -> None:
        """Raises `CannotWrite` without cron, `Forbidden` where the user may have no crontab."""
        _table()

    def change(self, write: Sequence[UnitFile], remove: Sequence[str]) -> None:
        """Timers that are new are off, the others as they were."""
        if not write and not remove:
            return
        table = before = _table()
        for file in write:
            project = file.name.removesuffix(_ENDING)
            known = switches(_block(table, project) or "")
            off = {name for name in switches(file.text) if not known.get(name)}
            table = _with(table, switched(file.text, off), project)
        for name in remove:
            table = _with(table, None, name.removesuffix(_ENDING))
        _install(table, before)

    def arm(self, project: str, names: Sequence[str]) -> None:
        """Have the lines of the timers be no comments."""
        if not names:
            return
        table = _table()
        found = switches(_block(table, project) or "")
        if missing := [name for name in names if name not in found]:
            message = f"the crontab has no timer {missing[0]} of the project {project}"
            raise CannotWrite(message, hint="install it with `tetra schedule apply`")
        _switch(table, project, {name for name, is_on in found.items() if not is_on and name not in names})

    def disarm(self, project: str, names: Sequence[str]) -> None:
        """Have the lines of the timers be comments."""
        table = _table()
        found = switches(_block(table, project) or "")
        _switch(table, project, {name for name, is_on in found.items() if not is_on or name in names})

    def states(self, project: str, names: Sequence[str]) -> Mapping[str, TimerState]:
        """cron says neither when it starts a command, nor when it has, nor whether one runs."""
        found = switches(_block(_table(), project) or "")
        return {name: TimerState(name in found, found.get(name, False), found.get(name, False)) for name in names}

    def timer_of(self, project: str, file: str) -> str | None:
        """The one file serves all timers."""
        return None

    def dispatch(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: str, log: str) -> None:
        """Start a detached child: cron has no care for it."""
        from tetra_orchestrator.adapters.timer import detached

        detached.start(argv, detached.personal() | dict(env), cwd, log)

    def wake(self, spec: TimerSpec) -> None:
        """Start what cron would start, as a detached child."""
        self.dispatch(spec.unit, spec.argv, dict(spec.env), spec.cwd, spec.log)

    def diagnose(self) -> list[Diagnosis]:
        """What keeps us from the crontab, if anything does."""
        try:
            _table()
        except TetraError as error:
            return [Diagnosis("no_crontab", ERROR, error.message, error.hint)]
        return []


def _table() -> str:
    """The user's crontab, empty where there is none."""
    done = program.run(_READ, program.environment())
    if not done.code:
        return done.out
    said = program.reason(done)
    if "not allowed" in said:
        hint = "have the administrator add you to cron.allow, or take you out of cron.deny"
        raise Forbidden(f"cron has no crontab for us: {said}", hint=hint)
    if any(words in said.lower() for words in _NONE):
        return ""
    raise CannotWrite(f"cannot read the crontab: {said}", hint="see what `crontab -l` says")


def _block(table: str, project: str) -> str | None:
    from tetra_orchestrator.adapters.timer.crontab.text import block_of

    return block_of(table, project)


def _with(table: str, block: str | None, project: str) -> str:
    from tetra_orchestrator.adapters.timer.crontab.text import replace_block

    return replace_block(table, block, project)


def _switch(table: str, project: str, off: set[str]) -> None:
    block = _block(table, project)
    if block is not None:
        _install(_with(table, switched(block, off), project), table)


def _install(table: str, before: str) -> None:
    if table == before:
        return
    if table:
        program.succeed(_WRITE, program.environment(), table)
    else:
        program.succeed(_CLEAR, program.environment())
