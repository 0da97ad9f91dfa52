"""Tells a dead man's switch, such as healthchecks.io, that a schedule's run has begun and how it ended.

Where nothing arrives, that side raises the alarm: also when this whole machine is off.
"""

from __future__ import annotations

from tetra_orchestrator.core.heartbeat import FAIL, START, SUCCESS, address
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.watch_ports import Pinger

#: Seconds that one call may take.
WITHIN_S = 5.0


class Heartbeat:
    """The calls of one run, which ends with the block, with that `code`. What goes wrong is only a warning."""

    def __init__(self, url: str, pinger: Pinger, warn: Callable[[str], None]):
        self._url, self._pinger, self._warn = url, pinger, warn
        self._begun: Callable[[], str | None] | None = None
        self.code: int = Exit.FAILED

    def begin(self) -> None:
        """The run begins; it does not wait for that to be told."""
        self._begun = self._pinger.begin(address(self._url, START), "", WITHIN_S)

    def __enter__(self) -> Heartbeat:
        return self

    def __exit__(self, *_: object) -> None:
        """Tell how it has ended, if it has begun. A partial run has succeeded, and says so."""
        if self._begun is None:
            return
        self._say(self._begun())
        what = SUCCESS if self.code in (Exit.OK, Exit.PARTIAL) else FAIL
        text = {Exit.OK: "succeeded", Exit.PARTIAL: "partial"}.get(self.code, f"failed with exit code {self.code}")
        self._say(self._pinger.begin(address(self._url, what), text, WITHIN_S)())

    def beat(self, text: str) -> None:
        """Something that has no end of its own is alive."""
        self._say(self._pinger.begin(self._url, text, WITHIN_S)())

    def _say(self, fault: str | None) -> None:
        if fault is not None:
            self._warn(f"the heartbeat was not heard: {fault}")
