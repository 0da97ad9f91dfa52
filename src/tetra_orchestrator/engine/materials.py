"""What a task makes its result of: all that it is given, the files that it names, and its own program file.

Not among it is what only tells runs apart (their id, slot, mode and attempt) and what tasks inherit of our environment.
"""

from __future__ import annotations

from tetra_orchestrator.core.fingerprint import digest
from tetra_orchestrator.core.model import Command, Function, Module, Typed
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.template import as_text
from tetra_orchestrator.engine.attempt import command_line, given
from tetra_orchestrator.engine.environment import interpreter
from tetra_orchestrator.engine.filling import fill, values_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from typing import Protocol

    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.core.template import Reference
    from tetra_orchestrator.engine.attempt import Context, Known

    class InputFiles(Protocol):
        """The files of a project that its tasks name as what they make their results of."""

        # Goes on with every `next`, by about a megabyte, and returns a hash of the content of each file by its path,
        # which starts at the project's root: of all that fit one of the `patterns`, and of those `others` that there
        # are. Raises `TetraError` where nothing fits a pattern or something cannot be read. What has not been touched
        # since it was last read is not read again.
        def hashes(
            self, patterns: Sequence[str], others: Sequence[str]
        ) -> Generator[None, None, Mapping[str, str]]: ...

        # The text with everything in it escaped that would mean something in a pattern.
        def literally(self, text: str) -> str: ...


class Materials(Record):
    """A hash of what a task is given, and of each file by its path; `patterns` and `own` are how those were found."""

    given: str
    patterns: tuple[str, ...]
    own: tuple[str, ...]
    files: Mapping[str, str]

    def whole(self) -> str:
        """One hash of all of it."""
        return digest({"given": self.given, "files": dict(self.files)})


def materials(task: Task, context: Context, known: Known, files: InputFiles) -> Generator[None, None, Materials]:
    """Reads the files in steps. Raises `TetraError` where an input is missing or cannot be read."""
    assert task.cache is not None
    value_of = values_in(known)

    def literal(reference: Reference) -> Json:
        return files.literally(as_text(value_of(reference)))

    about = digest(_given(task, context, known))
    patterns, own = tuple(fill(pattern, literal) for pattern in task.cache.inputs), _own_files(task, context, known)
    hashes = yield from files.hashes(patterns, own)
    return Materials(about, patterns, own, hashes)


def _given(task: Task, context: Context, known: Known) -> dict[str, Json]:
    project, value_of = context.project, values_in(known)
    argv, variables = command_line(task, _interpreter(task, context), value_of)
    own = {name: fill(text, value_of) for name, text in task.env}
    return {
        "argv": list(argv),
        "env": {**dict(project.environment.extra), **own, **variables},
        "pythonpath": list(project.pythonpath),
        "cwd": task.cwd,
        "input": dict(given(task, context, known)),
        "outputs": [list(each) for each in task.outputs],
    }


def _interpreter(task: Task, context: Context) -> str:
    return interpreter(context.project.root, task.python or context.project.python)


def _own_files(task: Task, context: Context, known: Known) -> tuple[str, ...]:
    """Where the file may be that the task's program is written in, from the project's root."""
    match task.program:
        case Module(name):
            return _of_module(fill(name, values_in(known)), "__main__", task, context)
        case Function(path):
            return _of_module(path.rpartition(".")[0], "__init__", task, context)
        case Typed(_, str(target)):
            return _of_module(target.partition(":")[0], "__init__", task, context)
        case Command(argv):
            words = [fill(word, values_in(known)) for word in argv[:2]]
            return tuple(_below(task.cwd, word) for word in words if not word.startswith(("/", "-")))
    return ()


def _of_module(dotted: str, whole: str, task: Task, context: Context) -> tuple[str, ...]:
    path = dotted.replace(".", "/")
    folders = (task.cwd, *context.project.pythonpath)
    return tuple(_below(folder, f"{path}{end}") for folder in folders for end in (".py", f"/{whole}.py"))


def _below(folder: str | None, path: str) -> str:
    return f"{folder}/{path}" if folder else path
