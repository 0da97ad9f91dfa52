"""Performs runs of projects with hooks: the same, with the user's commands beside them and behind them."""

from __future__ import annotations

from tetra_orchestrator.engine import start
from tetra_orchestrator.errors import Exit, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.engine.hooks import HookedReporter
    from tetra_orchestrator.engine.start import Request, World
    from tetra_orchestrator.ports import Reporter, Subject
    from tetra_orchestrator.watch_ports import HookRunner

#: What is kept of the output of one hook, in bytes.
LOG_LIMIT = 1 << 20


def perform(request: Request, world: World, report: Callable[[Subject], Reporter]) -> int:
    """As `engine.start.perform`; returns, or raises, once the hooks are over, too."""
    from tetra_orchestrator.engine.hooks import HookedReporter

    made: list[HookedReporter] = []

    def hooked(subject: Subject) -> Reporter:
        made.append(HookedReporter(report(subject), subject, world, _runner()))
        return made[-1]

    code: int = Exit.BUG
    try:
        code = start.perform(request, world, hooked)
    except TetraError as error:
        code = error.exit_code
        raise
    finally:
        for one in made:
            one.finish(code)
    return code


def _runner() -> HookRunner:
    from tetra_orchestrator.adapters.hooks import HookProcesses
    from tetra_orchestrator.adapters.runner.output.masked import MaskedLog

    return HookProcesses(lambda call: MaskedLog(call.log, call.redact, call.patterns, LOG_LIMIT))
