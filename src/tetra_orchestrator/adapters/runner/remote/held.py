"""One job of ours as long as it lasts: what has been seen of it, and what of it is due."""

from __future__ import annotations

from tetra_orchestrator.adapters.runner.remote.engine import Job
from tetra_orchestrator.adapters.runner.remote.verdict import LeaseWatch
from tetra_orchestrator.adapters.runner.wrapped.record import read_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.runner.remote.folder import JobFolder
    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Launch

#: Seconds between two times that a job is handed to an engine which does not answer: at first, and at most.
_AGAIN_S, _AGAIN_MOST_S = 1.0, 60.0


class Held:
    """`begun` is whether its claim has been seen, `submitted` whether its engine has taken it. `missed` counts how
    often in succession the engine did not know it although it had.

    By the monotonic clock, `again_at` is when to hand it in once more, `look_at` when to look at its lease, `end_at`
    when its engine is to end it because its worker, asked for that, has not; `stale_since` is when its lease was found
    to have run out.
    """

    def __init__(self, launch: Launch, folder: JobFolder, argv: tuple[str, ...], lease_s: float) -> None:
        self.launch = launch
        self.folder = folder
        self.begun = self.submitted = False
        self.missed = 0
        self.again_at = self.look_at = 0.0
        self.end_at: float | None = None
        self.stale_since: float | None = None
        self._argv = argv
        self._again_s = _AGAIN_S
        self._lease = LeaseWatch(folder, lease_s)

    @property
    def token(self) -> str:
        """The attempt's fencing token, and the job's name."""
        return self.launch.token

    @property
    def job(self) -> Job:
        """The job as an engine is to see it."""
        token, path, wants = self.launch.token, self.folder.path, self.launch.wants
        if wants is None:
            return Job(token, path, self._argv, token)
        return Job(
            token, path, self._argv, wants.title, wants.cpu, wants.memory_bytes, wants.gpu, wants.time_limit_s
        )  # fmt: skip

    def put_off(self, now: float) -> None:
        """Its engine has not answered: hand it in again, ever later."""
        self.again_at = now + self._again_s
        self._again_s = min(2 * self._again_s, _AGAIN_MOST_S)

    def left(self) -> tuple[Outcome, Facts] | None:
        """How it ended by its record; None while there is none."""
        assert self.launch.record is not None
        return read_record(self.launch.record, self.token)

    def is_stale(self) -> bool:
        """Whether nothing has been heard of its worker for a whole lease."""
        return self._lease.has_run_out()
