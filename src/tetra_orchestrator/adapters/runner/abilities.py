"""What this machine's kernel gives us for ending process trees and keeping limits, and what we do without it."""

from __future__ import annotations

import os
import sys

from tetra_orchestrator.adapters.runner.limits.cgroup import find_place
from tetra_orchestrator.core.diagnosis import OK, WARNING, Diagnosis


def abilities() -> list[Diagnosis]:
    """The findings about this machine."""
    return [_pidfd(), _table(), _groups()]


def _pidfd() -> Diagnosis:
    if _has_pidfd():
        return Diagnosis("pidfd", OK, "processes are waited for and signalled through pidfd, so no other can be hit")
    message = "this system has no pidfd: processes are told apart by pid and start time just before a signal"
    return Diagnosis("pidfd", WARNING, message, "Linux 5.3 or newer has it, macOS has not")


def _has_pidfd() -> bool:
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def _table() -> Diagnosis:
    if sys.platform != "linux" or os.path.isdir("/proc/self"):
        return Diagnosis("process_table", OK, "what is left of a dead run is found by a token in its environment")
    message = "without /proc, what is left of a dead run is found by its process group only"
    return Diagnosis("process_table", WARNING, message, "mount /proc")


def _groups() -> Diagnosis:
    if find_place() is not None:
        return Diagnosis("control_groups", OK, "limits of memory, CPU and processes are kept by control groups")
    message = "no control group is ours: limits are kept by rlimits, or watched"
    return Diagnosis("control_groups", WARNING, message, "run it in a unit with Delegate=yes, or as root")
