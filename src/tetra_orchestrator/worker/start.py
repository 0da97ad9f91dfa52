"""Where every worker process starts, run by its path with the tasks' own interpreter: Python 3.9 or newer.

Our package need not be installed there, so `worker` uses the standard library only.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

PACKAGE = "tetra_orchestrator"
OLDEST = (3, 9)


class OurPackage:
    """Finds our package beside this file, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Where the package is; its modules are then found within it."""
        above = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        return PathFinder.find_spec(name, [above]) if name == PACKAGE else None


def main() -> int:
    """Do what the arguments say: `function PATH`, `type NAME [TARGET]` or `session ...`; returns the exit code."""
    if sys.version_info < OLDEST:
        running, oldest = (".".join(map(str, version[:2])) for version in (sys.version_info, OLDEST))
        sys.exit(f"{sys.executable} is Python {running}; functions and task types need {oldest} or newer: set `python`")
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.getcwd()  # as `python -m` has it, instead of our own folder
    sys.meta_path.insert(0, OurPackage)
    kind, *rest = sys.argv[1:]
    if kind == "function":
        from tetra_orchestrator.worker.function import main as run
    elif kind == "session":
        from tetra_orchestrator.worker.session import main as run
    else:
        from tetra_orchestrator.worker.task_type import main as run
    sys.argv = [__file__, *rest]
    return run(rest)


if __name__ == "__main__":
    sys.exit(main())
