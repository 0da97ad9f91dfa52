"""What a process finds around itself, and how what a timer's job finds differs from what your shell finds."""

from __future__ import annotations

from tetra_orchestrator.core.diagnosis import ERROR, OK, WARNING, Diagnosis
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from tetra_orchestrator.core.needed import Needs, Program

#: The errors of errno(3) that mean: it is there, and we may not.
DENIED = ("EACCES", "EPERM")


class Found(Record):
    """How one place is: whether it is there, and what went wrong (`fault` as in errno(3), `text`) when it was used.

    `owner` and `free_bytes` are those of the nearest folder that exists.
    """

    path: str
    there: bool
    fault: str | None = None
    text: str | None = None
    owner: str | None = None
    free_bytes: int | None = None


class Interpreter(Record):
    """An interpreter; `written` are the paths that lead to it from the file or its virtual environment `venv`.

    `gone` is the one of them that is not there any more.
    """

    path: str
    venv: str | None
    written: tuple[str, ...]
    usable: bool
    gone: str | None


class Zone(Record):
    """What TZ says and what the machine is set to, each with a mark that is the same for zones with the same rules.

    `tz_rules` is None for a TZ that is no zone, `local` where the machine does not tell the name.
    """

    tz: str | None
    tz_rules: str | None
    local: str | None
    local_rules: str | None

    @property
    def name(self) -> str | None:
        """The zone that a process has."""
        return self.tz or self.local

    @property
    def rules(self) -> str | None:
        """The mark of the zone that a process has."""
        return self.tz_rules if self.tz else self.local_rules


class Surroundings(Record):
    """What one process found. `programs`, `places` and `interpreters` answer those of `Needs`, in order.

    `synchronised` says whether the clock is set by the network, None where that cannot be told.
    """

    platform: str
    names: frozenset[str]
    values: Mapping[str, str]
    cwd: str
    root: str
    umask: int
    zone: Zone
    locale: str
    programs: tuple[str | None, ...]
    places: tuple[Found, ...]
    interpreters: tuple[Interpreter, ...]
    package: bool
    synchronised: bool | None


def surroundings(answer: Mapping[str, Any]) -> Surroundings:
    """The answer of `adapters.surroundings.look`."""
    interpreters = (each | {"written": tuple(each["written"])} for each in answer["interpreters"])
    return Surroundings(
        **{
            **answer,
            "names": frozenset(answer["names"]),
            "zone": Zone(**answer["zone"]),
            "programs": tuple(answer["programs"]),
            "places": tuple(Found(**each) for each in answer["places"]),
            "interpreters": tuple(Interpreter(**each) for each in interpreters),
        }
    )


def compare(needs: Needs, shell: Surroundings, job: Surroundings) -> list[Diagnosis]:
    """Where a job finds something else than your shell does, as far as it matters to the project."""
    return [
        *_package(job),
        *_interpreters(shell, job),
        *_programs(needs, shell, job),
        *_variables(needs, shell, job),
        *_folders(needs, shell, job),
        *_standing(shell, job),
        *_zone(shell, job),
        *_umask(shell, job),
        *_locale(shell, job),
    ]


def _package(job: Surroundings) -> Iterator[Diagnosis]:
    if not job.package:
        python = job.interpreters[0].path
        message = f"{python} cannot import tetra_orchestrator in the job"
        remedy = f"install it there: {python} -m pip install tetra-orchestrator; timers have no PYTHONPATH"
        yield Diagnosis("package_missing", ERROR, message, remedy)


def _interpreters(shell: Surroundings, job: Surroundings) -> Iterator[Diagnosis]:
    for here, there in zip(shell.interpreters, job.interpreters, strict=True):
        if here.usable and not there.usable:
            message = f"{here.path} can be executed in your shell, and not in the job"
            remedy = "put it where jobs may read: below no folder that is private or mounted only for your session"
            yield Diagnosis("interpreter_missing", ERROR, message, remedy)


def _programs(needs: Needs, shell: Surroundings, job: Surroundings) -> Iterator[Diagnosis]:
    for program, here, there in zip(needs.programs, shell.programs, job.programs, strict=True):
        if here is not None and here != there:
            yield _program(program, here, there, job.values.get("PATH", ""))


def _program(program: Program, here: str, there: str | None, path: str) -> Diagnosis:
    folder = here.rpartition("/")[0]
    remedy = f'write {here} in the file, or give tasks its folder: env: {{set: {{PATH: "{folder}:{path}"}}}}'
    if there is not None:
        message = f"{program.name} of {program.task} is {here} in your shell, and {there} in the job"
        return Diagnosis("program_differs", WARNING, message, remedy)
    message = f"{program.name} of {program.task} is {here} in your shell; the job does not find it on its PATH {path}"
    return Diagnosis("path_missing", ERROR, message, remedy)


def _variables(needs: Needs, shell: Surroundings, job: Surroundings) -> Iterator[Diagnosis]:
    for name in needs.variables:
        if name in shell.names and name not in job.names:
            message = f"the file names {name}, which your shell has and the job has not"
            remedy = f"put it into .env beside the file, or a value into it: env: {{set: {{{name}: ...}}}}"
            yield Diagnosis("env_missing", WARNING, message, remedy)


def _folders(needs: Needs, shell: Surroundings, job: Surroundings) -> Iterator[Diagnosis]:
    for place, here, there in zip(needs.places, shell.places, job.places, strict=True):
        if there.fault in DENIED and here.fault not in DENIED:
            message = f"{place.path} ({place.role}) is there, and the job may not use it: {there.text}"
            yield Diagnosis("folder_denied", ERROR, message, _permission(job))
        elif here.there and not there.there:
            message = f"{place.path} ({place.role}) is there in your shell, and not in the job"
            remedy = "have it mounted when the machine starts: an encrypted home or a share may be there only for you"
            yield Diagnosis("folder_missing", ERROR, message, remedy)
        elif there.fault and not here.fault:
            message = f"{place.path} ({place.role}) cannot be used in the job: {there.text}"
            yield Diagnosis("folder_unwritable", ERROR, message, "allow it in the unit, or keep it in another folder")


def _permission(job: Surroundings) -> str:
    """What to do about a folder that is kept from the job: on macOS by its privacy settings, elsewhere by rights."""
    if job.platform == "darwin":
        return (
            "move the project out of Documents, Desktop, Downloads and iCloud, or give"
            f" {job.interpreters[0].path} Full Disk Access in System Settings, Privacy & Security"
        )
    return "give the user of the job the right to it, or `timers: {sandbox: none}` where the sandbox is in the way"


def _standing(shell: Surroundings, job: Surroundings) -> Iterator[Diagnosis]:
    if job.cwd != shell.root:
        message = f"the job starts in {job.cwd} instead of {shell.root}"
        yield Diagnosis("cwd", ERROR, message, "write the timers anew: tetra schedule apply")


def _zone(shell: Surroundings, job: Surroundings) -> Iterator[Diagnosis]:
    if shell.zone.rules != job.zone.rules:
        message = f"the time zone is {shell.zone.name} in your shell, and {job.zone.name} in the job"
        remedy = (
            f"name it in the file: timezone: {shell.zone.name}, and for tasks env: {{set: {{TZ: {shell.zone.name}}}}}"
        )
        yield Diagnosis("zone_differs", WARNING, message, remedy)


def _umask(shell: Surroundings, job: Surroundings) -> Iterator[Diagnosis]:
    if shell.umask != job.umask:
        message = f"the umask is {shell.umask:03o} in your shell, and {job.umask:03o} in the job"
        remedy = f"a task whose files others read sets its own: shell: 'umask {shell.umask:03o}; ...'"
        is_laxer = bool(shell.umask & ~job.umask)
        yield Diagnosis("umask_differs", WARNING if is_laxer else OK, message, remedy)


def _locale(shell: Surroundings, job: Surroundings) -> Iterator[Diagnosis]:
    if shell.locale != job.locale:
        message = f"the locale is {shell.locale} in your shell, and {job.locale} in the job"
        remedy = f"where sorting or texts depend on it: env: {{set: {{LC_ALL: {shell.locale}}}}}"
        yield Diagnosis("locale_differs", OK, message, remedy)
