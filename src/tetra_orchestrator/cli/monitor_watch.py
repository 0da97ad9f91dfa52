"""`monitor --watch`: looks again and again until a signal, whatever happens meanwhile."""

from __future__ import annotations

import sys

from tetra_orchestrator.core.health import EXIT_CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.cli.monitor import Manner
    from tetra_orchestrator.ports import Clock, Interrupts


def keep_looking(manner: Manner, every_s: float | None) -> int:
    """Look until TERM or INT; returns the exit code of the last verdict.

    Where the first look is refused, that is raised: nothing could be looked at later either. A later one that fails is
    a warning.
    """
    from tetra_orchestrator import wire, wire_timers

    clock = wire.clock()
    with wire_timers.caught() as interrupts:
        code = _look(manner)
        while not _asked_to_end(interrupts, clock, every_s or _interval(manner)):
            try:
                code = _look(manner)
            except BrokenPipeError:
                raise  # nobody reads what it finds
            except Exception as error:
                print(f"warning: this look failed: {error}", file=sys.stderr)
    return code


def _look(manner: Manner) -> int:
    from tetra_orchestrator.cli.monitor import look

    return EXIT_CODES[look(manner).health]


def _asked_to_end(interrupts: Interrupts, clock: Clock, within_s: float) -> bool:
    """Whether a signal asked for that since the last call, or does within so many seconds."""
    until = clock.monotonic() + within_s
    while not interrupts.take():
        left = until - clock.monotonic()
        if left <= 0:
            return False
        clock.wait([interrupts.fileno()], left)
    return True


def _interval(manner: Manner) -> float:
    """What the file says of how often to look."""
    from tetra_orchestrator.cli.monitor import configuration
    from tetra_orchestrator.core.units import look_every_s

    return look_every_s(configuration(manner.config)[0].project)
