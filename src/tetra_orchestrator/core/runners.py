"""Where attempts run: on this machine, or on others by an engine that is not ours."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

SLURM = "slurm"


class Remote(Record):
    """A runner on other machines. Of `type` slurm: its `partition`, `account` and `qos`, and further `options`.

    No more than `max_jobs` of its jobs wait or run at the same time, over all runs of the project. They are asked for
    every `poll_s` seconds. A job of which nothing has been heard for `lease_s` seconds is lost.
    """

    name: str
    type: str = SLURM
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    options: tuple[str, ...] = ()
    max_jobs: int = 1000
    poll_s: float = 2.0
    lease_s: float = 30.0


#: What there is without a word in the file.
BUILT_IN = (Remote(SLURM),)
