"""One letter on its way: what a channel is given, and how it says that the letter was not taken."""

from __future__ import annotations

import time

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.alerts import Letter
    from tetra_orchestrator.core.watching import Channel

#: What is kept of the time for saying why, in seconds: whoever waits for one answer to the end could not tell it.
_RESERVE_S = 0.4


class Errand(Record):
    """A letter for a channel. `deadline` is by the monotonic clock; `project` is whose alerts it tells of."""

    channel: Channel
    letter: Letter
    project: str
    deadline: float

    def left(self) -> float:
        """Seconds that are left for one step; never none."""
        return max(self.deadline - _RESERVE_S - time.monotonic(), 0.05)


class NotDelivered(Exception):
    """Why a letter was not taken.

    `retry_after_s` is what the other side asked for. With `hopeless` the same letter would be refused at any time,
    whatever the user changes in the channel. Where some recipients have it or never will, the others are `left`.
    """

    def __init__(
        self, cause: str, *, retry_after_s: float | None = None, hopeless: bool = False, left: tuple[str, ...] = ()
    ):
        super().__init__(cause)
        self.cause = cause
        self.retry_after_s = retry_after_s
        self.hopeless = hopeless
        self.left = left
