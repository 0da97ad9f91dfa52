"""What a remote runner asks of an engine: to start our worker somewhere, at least once, and to tell which it has."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Protocol

    from tetra_orchestrator.core.outcome import SpawnFailed


class Job(Record):
    """One attempt as an engine sees it: a worker of ours to be started, with what the task needs.

    `token` is the attempt's fencing token and the job's name. `folder` is the job's own folder, absolute and on storage
    that all machines share; the engine's own messages may go to `engine.log` in it. `argv` is the worker's whole
    command, which reads nothing from its environment; its last word is the folder. After that may come tokens of jobs
    that want the same, whose folders lie beside it: what is done quickly is followed by the last of those. Where an
    engine has left a file `place` in the folder, they get what is in it, too: such a job is where its worker is.

    `cpu` is in processors, `memory_bytes` in bytes, `time_limit_s` in seconds, from the worker's start to the last
    moment by which it should have ended by itself; None leaves each to the engine. `title` is for people.
    """

    token: str
    folder: str
    argv: tuple[str, ...]
    title: str
    cpu: float | None = None
    memory_bytes: int | None = None
    gpu: int | None = None
    time_limit_s: float | None = None


if TYPE_CHECKING:

    class Engine(Protocol):
        """Starts jobs at least once each: it may lose one, start one twice, or start one late."""

        # One answer per job, in order: the engine's id of it, for people; why it will never take it; or None where it
        # could not be asked, or did not answer: then it may have taken it all the same, and `known` tells.
        def submit(self, jobs: Sequence[Job]) -> list[str | SpawnFailed | None]: ...

        # Those of the tokens whose jobs wait or run there. None where it cannot be asked for the moment.
        def known(self, tokens: Collection[str]) -> set[str] | None: ...

        # Takes those of the jobs out of the queue that have not begun: others have done them. Never raises.
        def forget(self, tokens: Collection[str]) -> None: ...

        # Takes the jobs out of the queue, and has those that run end (TERM, then KILL). Best effort; never raises.
        def cancel(self, tokens: Collection[str]) -> None: ...
