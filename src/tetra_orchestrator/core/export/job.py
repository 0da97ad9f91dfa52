"""A project as programs in an order: what every exported file is made of."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Schedule

#: In arguments and variables: where the dates of a run go, which only its starter knows. No argument can hold a NUL.
START, END = "\0START\0", "\0END\0"
#: What a file is made for.
MAKE, SYSTEMD, DAGSTER = "make", "systemd", "dagster"


class Job(Record):
    """One task of a chain. `argv` and the values of `env` may hold `START` and `END`; `cwd` is absolute.

    `needs` are ids of the same chain; of those in `loose` it does not matter how they end. `waits` are the seconds
    before each further attempt, which only follows one of the `retry_codes`, if there are any. After one of
    `tolerated` (any exit code where that holds None) the chain goes on. The values of the variables in `demanded` are
    secrets. `path` is the folder of its interpreter, "" for one that is looked for on PATH. 0 and None are no limit.
    """

    id: str
    argv: tuple[str, ...]
    cwd: str
    env: tuple[tuple[str, str], ...] = ()
    demanded: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    timeout_s: float | None = None
    grace_s: float = 10.0
    waits: tuple[float, ...] = ()
    retry_codes: tuple[int, ...] = ()
    tolerated: tuple[int | None, ...] = ()
    memory_bytes: int = 0
    cpu: float = 0.0
    processes: int = 0
    open_files: int = 0
    background: bool = False
    path: str = ""


class Chain(Record):
    """What one run consists of: a mode, or the pipelines of a schedule. With `dates` it needs a start and an end."""

    name: str
    jobs: tuple[Job, ...]
    about: str = ""
    dates: bool = False


class Wake(Record):
    """A schedule, and the name of the chain that it starts."""

    schedule: Schedule
    chain: str


class Note(Record):
    """What of a project an exported file does not have: of a task, a schedule, or the whole."""

    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


class Surroundings(Record):
    """What all tasks have in their environment: with `inherited` only these names of the starter's, None is all but
    `withheld`; the folders of `pythonpath` before what is inherited; then `env`."""

    inherited: tuple[str, ...] | None = None
    withheld: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    demanded: tuple[str, ...] = ()


class Exported(Record):
    """A project as it is to be written. Paths are absolute; `logs` is a folder; `path` is as that of a job.

    `parallel` tasks run at a time. `strict` is whether units are to be sandboxed.
    """

    project: str
    root: str
    logs: str
    chains: tuple[Chain, ...]
    wakes: tuple[Wake, ...] = ()
    notes: tuple[Note, ...] = ()
    around: Surroundings = Surroundings()
    path: str = ""
    parallel: int = 1
    strict: bool = False


class File(Record):
    """A file that was exported: its name, and its text."""

    name: str
    text: str


class Rendered(Record):
    """The files of an export, and all that they do not have."""

    files: tuple[File, ...]
    notes: tuple[Note, ...]


def without(exported: Exported, unsaid: dict[str, str]) -> Exported:
    """The same without the schedules of these names, whose reasons are told."""
    wakes = tuple(wake for wake in exported.wakes if wake.schedule.name not in unsaid)
    notes = (Note(f"schedule {name}", f"left out: {reason}") for name, reason in unsaid.items())
    return exported._replace(wakes=wakes, notes=(*exported.notes, *notes))


def secrets_file(root: str, project: str) -> str:
    """Where units expect what is not written into them: lines `NAME=value`."""
    return f"{root}/{project}.env"


def pieces(text: str) -> list[str]:
    """The text in pieces of which `START` and `END` are some; none is empty."""
    return [f"\0{piece}\0" if place % 2 else piece for place, piece in enumerate(text.split("\0")) if piece]


def remarks(lines: list[str]) -> list[str]:
    """Comments that no text can end or carry on: `# ` and one line each."""
    said = (" ".join(printable(line).split()) for line in lines)
    return [f"# {line}{' .' * line.endswith(chr(92))}".rstrip() for line in said]


def seconds(value: float) -> str:
    """Seconds as programs take them: `60`, `0.5`."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


_MEMORY = [
    "Nothing is remembered of a run: there is no status, no history, no resume, no monitor, no alert. Nothing keeps",
    "two runs from running at the same time where the tool that starts them does not.",
]


def heading(exported: Exported, how: list[str]) -> list[str]:
    """The comments at the top of every file: what it is, how it is used, and what it does not have."""
    lines = [
        f"The project {exported.project} without tetra-orchestrator, which nothing here needs.",
        *how,
        "",
        *_MEMORY,
    ]
    if exported.notes:
        lines += ["", "What is lost, or left out:", *(f"- {note}" for note in exported.notes)]
    return remarks(lines)
