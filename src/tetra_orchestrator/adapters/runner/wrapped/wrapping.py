"""Our end of a wrapped attempt: what its wrapper is started with and told, and how it is asked to end."""

from __future__ import annotations

import os
import signal
import sys
import time

from tetra_orchestrator.adapters.runner.process import Ending, is_alive, signal_process
from tetra_orchestrator.adapters.runner.spawn import Means

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.ports import Launch

_MODULE = "tetra_orchestrator.adapters.runner.wrapped.wrapper"
#: Where our package is imported from.
ROOT = __file__.rsplit(os.sep, 5)[0]
# What it needs of our environment: where users' services are asked for a scope, and where messages are in a language.
_KEPT = (
    *("PATH", "HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
    *("TETRA_WAITER", "TETRA_FAILPOINT"),
)
# It is told these before it can be ready for them, too.
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: What a wrapper that was asked to end its task by KILL gets for that, for the rest of the output, and for its record.
PATIENCE_S = 10.0


def means_of(launch: Launch, request: int) -> Means:
    """What to spawn for the launch: its wrapper, which reads from `request` what to do."""
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return Means((sys.executable, "-P", "-m", _MODULE), {**env, "PYTHONPATH": ROOT}, input=request, blocked=_SIGNALS)


def request_of(launch: Launch) -> bytes:
    """What the wrapper is told. Secrets go this way, and neither into arguments nor into an environment."""
    from json import dumps

    content = launch._asdict()
    del content["runner"], content["wants"]  # whoever is told does it where he is
    content["bounds"] = launch.bounds and launch.bounds._asdict()
    for name in ("redact", "patterns"):
        content[name] = [each.hex() for each in content[name]]
    content["env"] = dict(launch.env)
    return dumps(content).encode()


class WrapperEnding(Ending):
    """The end of a wrapped attempt: its wrapper does it, by TERM with the task's grace and by INT without.

    Where the wrapper has died, or does not end, this is the ordinary end of both their trees.
    """

    def __init__(self, wrapper: str, token: str, grace_s: float) -> None:
        super().__init__((wrapper,), token, grace_s)
        self._wrapper = wrapper
        self._told: set[int] = set()

    def step(self) -> bool:
        """Tell the wrapper what it is due to be told; True when nobody is left whom we may end."""
        now = time.monotonic()
        if now >= self.deadline + PATIENCE_S or not is_alive(self._wrapper):
            return super().step()
        self._tell(signal.SIGTERM if now < self.deadline else signal.SIGINT)
        self.look_at = self.deadline if now < self.deadline else self.deadline + PATIENCE_S
        return False

    def _tell(self, signum: int) -> None:
        if signum not in self._told:
            self._told.add(signum)
            signal_process(self._wrapper, signum)
            signal_process(self._wrapper, signal.SIGCONT)
