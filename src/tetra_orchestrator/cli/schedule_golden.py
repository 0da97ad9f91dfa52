"""`schedule verify`: the units in the project's `launchd/` and `systemd/` are those that the file describes."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from tetra_orchestrator import wire_timers
from tetra_orchestrator.cli.files import write_new
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.core.marker import read_marker
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.units import Placement, timer_specs
from tetra_orchestrator.errors import CannotWrite, Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Project

#: Where these units say that the project is, and as of when their times are spelled out: the same on every machine.
PREFIX = "/opt/tetra"
PYTHON = f"{PREFIX}/.venv/bin/python"
PATH = "/usr/local/bin:/usr/bin:/bin"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
FAMILIES = ("launchd", "systemd")
#: Variables that put things elsewhere on one machine.
_LOCAL = ("LOG_DIR", "TETRA_STATE")

WriteOption = Annotated[bool, typer.Option("--write", help="Write the files anew instead.")]


class Fault(Record):
    """What is wrong with a file, which is named from the project's root."""

    file: str
    text: str


def command(write: WriteOption = False, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Check the units in launchd/ and systemd/ against the file.

    And by systemd, where that is here.

    Examples: `schedule verify`, `schedule verify --write`.
    """
    project = _project(config)
    wanted = {family: _rendered(family, _elsewhere(project)) for family in FAMILIES}
    faults = []
    for family, files in wanted.items():
        folder = os.path.join(project.root, family)
        if write:
            _write(folder, files)
        faults += [Fault(f"{family}/{name}", text) for name, text in _compared(folder, files)]
    checked = _by_systemd(wanted["systemd"], faults)
    if as_json:
        body = {"ok": not faults, "faults": [fault._asdict() for fault in faults], "systemd": checked}
        print_json("schedule.verify", body)
    else:
        _print(wanted, faults, checked)
    return Exit.PARTIAL if faults else Exit.OK


def _project(config: str | None) -> Project:
    """The project as it is without what is special about this machine."""
    from tetra_orchestrator.config.cache import load
    from tetra_orchestrator.config.find import find_config

    environ = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    return load(find_config(config, os.environ, os.getcwd()), environ=environ).project


def _elsewhere(project: Project) -> Project:
    """The project as if it were at the prefix."""

    def moved(path: str) -> str:
        inside = os.path.relpath(path, project.root)
        return path if inside.startswith("..") else os.path.join(PREFIX, inside)

    logs = project.logs._replace(dir=moved(project.logs.dir))
    return project._replace(root=PREFIX, file=moved(project.file), logs=logs)


def _rendered(family: str, project: Project) -> dict[str, str]:
    """The texts by name. launchd's times are those of a machine in the project's zone."""
    from tetra_orchestrator.config.find import FILES

    found = any(project.file == f"{PREFIX}/{name}" for name in FILES)
    place = Placement(PYTHON, f"{family}-user", PATH, "/root", config=None if found else project.file)
    specs = timer_specs(project, place)
    files = wire_timers.units_elsewhere(family, specs, PREFIX, SINCE, project.timezone)
    return {file.name: file.text for file in files}


def _compared(folder: str, wanted: Mapping[str, str]) -> list[tuple[str, str]]:
    """By file what is wrong with it; where the folder is not there, nobody keeps any."""
    if not os.path.isdir(folder):
        return []
    found = _units_in(folder)
    missing = [(name, "is missing") for name in wanted if name not in found]
    other = [
        (name, "is not what the file describes") for name in wanted if found.get(name, wanted[name]) != wanted[name]
    ]
    return [*missing, *other, *((name, "belongs to no schedule") for name in found if name not in wanted)]


def _units_in(folder: str) -> dict[str, str]:
    """The units in the folder by name."""
    texts = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith((".plist", ".timer", ".service")):
            with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape", newline="") as file:
                texts[name] = file.read()
    return texts


def _write(folder: str, wanted: Mapping[str, str]) -> None:
    """Write the files, and remove those of ours that belong to no schedule."""
    for name, text in wanted.items():
        write_new(os.path.join(folder, name), text, force=True)
    for name, text in _units_in(folder).items():
        if name not in wanted and read_marker(text):
            try:
                os.unlink(os.path.join(folder, name))
            except OSError as error:
                raise CannotWrite(f"cannot be removed: {error.strerror}", where=os.path.join(folder, name)) from None


def _by_systemd(files: Mapping[str, str], faults: list[Fault]) -> bool:
    """Add what systemd finds wrong; False where it cannot be asked."""
    from tetra_orchestrator.core.units import UnitFile

    said = wire_timers.systemd_complaints([UnitFile(name, text) for name, text in files.items()], PYTHON, SINCE)
    faults += [Fault("systemd", text) for text in said or ()]
    return said is not None


def _print(wanted: Mapping[str, Mapping[str, str]], faults: list[Fault], checked: bool) -> None:
    for fault in faults:
        print(f"{fault.file} {fault.text}")
    if faults:
        print("  hint: write them anew with `make golden` or `tetra schedule verify --write`")
    else:
        count = sum(map(len, wanted.values()))
        print(f"{count} units are what the file describes{', and systemd takes them' * checked}")
