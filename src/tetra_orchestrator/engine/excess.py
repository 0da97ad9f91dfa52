"""Which reference made a command and its environment more than the system takes."""

from __future__ import annotations

from tetra_orchestrator.core.outcome import SpawnFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Json, Task

#: The error of execve(2) for too many bytes of arguments and environment.
TOO_BIG = "E2BIG"


def naming_excess(failed: SpawnFailed, task: Task, known: Mapping[str, Mapping[str, Json]]) -> SpawnFailed:
    """The failure; where too much was handed over, with the reference that filled in most of it."""
    if failed.error != TOO_BIG:
        return failed
    from tetra_orchestrator.core.template import as_text
    from tetra_orchestrator.engine.attempt import handed_over
    from tetra_orchestrator.engine.filling import values_in

    value_of = values_in(known)
    sizes: dict[str, int] = {}
    for reference in handed_over(task):
        size = len(as_text(value_of(reference)).encode(errors="surrogatepass"))
        sizes[str(reference)] = sizes.get(str(reference), 0) + size
    if not sizes:
        return failed
    largest = max(sizes, key=lambda name: sizes[name])
    advice = "the task can read it from the file in TETRA_INPUT instead"
    return SpawnFailed(TOO_BIG, f"{failed.text}; {sizes[largest]} bytes of it are {largest}: {advice}")
