"""`python -IS stopwatch.py ARGV...`: run a command, and say what it took.

A process of its own, because the kernel counts as a child's memory also what its parent had when it started it: less
than this interpreter takes cannot be told.
"""

import os
import sys
import time


def main(argv: list[str]) -> None:
    """Print exit code, seconds by the clock, seconds of processor, and memory in the kernel's unit."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
    began = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    print(os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


if __name__ == "__main__":
    main(sys.argv[1:])
