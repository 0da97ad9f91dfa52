"""What the monitor and the alerts ask of the world, as `ports` has what a run asks."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Protocol

    from tetra_orchestrator.core.alerts import Alert, Letter, Posted
    from tetra_orchestrator.core.data_age import Seen
    from tetra_orchestrator.core.watching import Channel, DataSource
    from tetra_orchestrator.ports import Reporter


class Disk(Record):
    """A file system: the share of it that is free to us, of bytes or of files, whichever is less, and the bytes."""

    folder: str
    free: float | None
    free_bytes: int | None = None


class HookCall(Record):
    """A command of the user's that is started because of something about a run. `env` is its whole environment.

    Those of one `line` run one after the other. What is in `given` it reads from its standard input, what it says goes
    to the file `log`, without what is in `redact` and what fits one of the regular expressions in `patterns`.
    """

    line: str
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    given: bytes
    log: str
    timeout_s: float
    redact: tuple[bytes, ...] = ()
    patterns: tuple[bytes, ...] = ()


if TYPE_CHECKING:

    class HookRunner(Protocol):
        """Runs commands beside a run. Nothing here raises, and nothing waits for a command."""

        def start(self, call: HookCall) -> None: ...

        # Whether any is not over yet.
        def busy(self) -> bool: ...

        # What went wrong with commands that are over, each told once.
        def faults(self) -> list[str]: ...

        # Ends all that are not over, and starts none of those that wait.
        def kill(self) -> None: ...

    class Probe(Protocol):
        """Figures of the host. Shares are from 0 to 1."""

        # The file systems of the folders, each once with the first of them; a folder that is not there yet counts as
        # the one that it would be in. Of what cannot be looked at the share is None.
        def disks(self, folders: Sequence[str]) -> list[Disk]: ...

        def memory_available(self) -> float: ...

        def load_per_cpu(self) -> float: ...

        # Processor seconds since the start of the machine: those that were used, and all.
        def cpu_times(self) -> tuple[float, float]: ...

        # None where the system does not tell.
        def open_files(self) -> float | None: ...

        # When the file was last written (UTC), None where it cannot be seen.
        def modified(self, path: str) -> datetime | None: ...

    class Watcher(Protocol):
        """Looks at things that are not ours. All at once, each for a few seconds at most; never raises."""

        # What each source shows, in their order.
        def look(self, sources: Sequence[DataSource]) -> list[Seen]: ...

        # What is wrong with each address, in their order; None for one that answers.
        def call(self, addresses: Sequence[str]) -> list[str | None]: ...

    class AlertStream(Reporter, Protocol):
        """Goes on behind the events of a run with what becomes of alerts because of it."""

        # `event` is the name of what has happened to the alert.
        def hear(self, event: str, alert: Alert) -> None: ...

    class Courier(Protocol):
        """Takes letters to channels."""

        # What became of each, as soon as it is known; of those of which nothing is known after `within_s` seconds,
        # that. Never raises, and is over by then whatever the other sides do.
        def post(self, letters: Sequence[tuple[Channel, Letter]], within_s: float) -> Iterator[Posted]: ...

    class Pinger(Protocol):
        """Calls addresses of a dead man's switch."""

        # Calls it with that text; what comes back waits for the end of that, for so many seconds at most, and gives
        # what was wrong, None where nothing was. Neither raises.
        def begin(self, url: str, text: str, within_s: float) -> Callable[[], str | None]: ...
