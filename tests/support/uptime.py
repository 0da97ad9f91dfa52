"""How long this machine is up: the monitor gives whoever wakes guards five minutes after a start."""

import time

from tetra_orchestrator.engine.monitor import SETTLING_S


def settle_down():
    """Wait until the machine is up for that long; nearly always it is."""
    left_s = SETTLING_S + 1 - time.clock_gettime(time.CLOCK_BOOTTIME)
    if left_s > 0:
        time.sleep(left_s)
