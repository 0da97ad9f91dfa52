"""What the folder of a job shows of it, to anybody who has no part in it."""

from __future__ import annotations

from tetra_orchestrator.adapters.runner.remote.clock import elapsed
from tetra_orchestrator.adapters.runner.remote.folder import server_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.runner.remote.folder import JobFolder

#: What makes the claim of those who see to it that a job never begins.
NOBODY = "nobody"


def age_s(folder: JobFolder) -> float:
    """Seconds since the job's last sign of life, both by the file server's clock; no end of them where its folder is
    gone. OSError where that cannot be seen."""
    now, renewed_at = server_time(folder.jobs), folder.renewed_at()
    return float("inf") if renewed_at is None else now - renewed_at


class LeaseWatch:
    """Looks at the lease of one job, again and again.

    It has run out when it is old by the file server's clock, and by ours has not been renewed for some time either: the
    server's clock may have been set meanwhile.
    """

    def __init__(self, folder: JobFolder, lease_s: float) -> None:
        self._folder = folder
        self._lease_s = lease_s
        self._renewed_at: float | None = -1.0
        self._since = elapsed()

    def has_run_out(self) -> bool:
        """Whether it has; no as long as it cannot be seen."""
        looked_at = elapsed()
        try:  # in this order: should we stand still in between, it is younger for that
            now = server_time(self._folder.jobs)
            renewed_at = self._folder.renewed_at()
        except OSError:
            return False
        if renewed_at != self._renewed_at:
            self._renewed_at, self._since = renewed_at, looked_at
        seen_s = looked_at - self._since
        if renewed_at is None:
            return seen_s >= self._lease_s
        return now - renewed_at >= self._lease_s and seen_s >= self._lease_s / 3
