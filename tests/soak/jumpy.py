"""Our command in a process whose wall clock jumps: `python -m soak.jumpy SEED COMMAND...`."""

from __future__ import annotations

import sys
from datetime import timedelta
from random import Random

from tetra_orchestrator.adapters.clock import SystemClock
from tetra_orchestrator.cli.main import main

DAYS = (0, 0, -1, 1, 0.05)

if __name__ == "__main__":
    random = Random(sys.argv.pop(1))
    true = SystemClock.now
    SystemClock.now = lambda self: true(self) + timedelta(days=random.choice(DAYS))
    main()
