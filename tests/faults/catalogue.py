"""The faults that we answer for, by number, and the table of which of them is shown by a test.

A test belongs to a fault by its name: `test_fault_07_...`. Those of groups A, E, G and I live in this folder, where
each also says what it saw of the fault itself; the others are found wherever they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
#: Groups of which every row has a test here.
COMPLETE = ("A", "E", "G", "I")
#: Groups of which every row has a test, here or elsewhere.
COVERED = (*COMPLETE, "B", "C", "D")
#: A module whose numbered tests are called `test_45_...`.
UNPREFIXED = "adapters/store/test_sqlite.py"

GROUPS = {
    "A": "children",
    "B": "the orchestrator, locks, concurrency",
    "C": "disk, files, SQLite",
    "D": "PostgreSQL",
    "E": "time",
    "F": "configuration and graph",
    "G": "output and logs",
    "H": "alerts, monitor, dashboard",
    "I": "environment, packaging, upgrade",
}
_FIRST = {"A": 1, "B": 25, "C": 45, "D": 63, "E": 69, "F": 78, "G": 93, "H": 100, "I": 108}
FAULTS = dict(
    enumerate(
        (
            "a child exits with a code",
            "a child dies by a signal",
            "a child exits with 137 or 143 by itself",
            "a child is killed for want of memory",
            "a child ignores TERM",
            "a child is stopped",
            "a grandchild moves to a session of its own",
            "a grandchild holds the output open",
            "a daemon is left behind on purpose",
            "a child closes its output early",
            "a child reads its input",
            "a child starts too many processes",
            "no process can be made for a child",
            "a program is missing, or no program",
            "arguments are too long",
            "a working folder is missing",
            "a child meddles with terminal and process group",
            "a child leaves zombies",
            "a child is in uninterruptible sleep",
            "an exit races the time limit",
            "a cancel while a retry is waited for",
            "a failed attempt leaves half an output",
            "a child could inherit descriptors",
            "a child kills its parent",
            "KILL at each failpoint",
            "KILL between spawn and record",
            "KILL between exit and record",
            "KILL of the whole session",
            "the orchestrator is stopped for minutes",
            "fifty starts at once",
            "a lock file is left by a crash",
            "a lock is held by an orphan",
            "a pid is given to a stranger",
            "a reboot",
            "a file system without locks",
            "a lock file is deleted while it is held",
            "locks taken in two orders",
            "Ctrl-C once, twice, thrice",
            "a hangup, or nobody reads our output",
            "TERM by the service manager",
            "the orchestrator is killed for want of memory",
            "no descriptor is left",
            "resume while the run lives",
            "two hosts, one store",
            "the disk of the store is full",
            "the disk of the logs is full",
            "/tmp is full",
            "no inode is left",
            "a quota, or a limit on file sizes",
            "fsync fails",
            "power is lost",
            "files of ours are cut short",
            "the store is damaged",
            "the store is locked by another process",
            "the store becomes read-only",
            "the store is deleted or replaced in use",
            "a hot journal is removed",
            "the store is used across a fork",
            "the store is on a network file system",
            "a copy of the store in use",
            "a log is rotated or deleted in use",
            "the state folder is open to others",
            "PostgreSQL restarts",
            "PostgreSQL is gone",
            "the session that holds a lock is ended",
            "a pooler that mixes sessions",
            "failover to a stale replica",
            "the connection dies during a commit",
            "the wall clock jumps",
            "a local time that does not exist",
            "a local time that is there twice",
            "the clock changes during a run",
            "no time zone data",
            "suspend and resume",
            "the machine was off when a run was due",
            "a timer fires twice",
            "leap seconds, 2038, times before 1970",
            "bytes that are no configuration",
            "a doubled key",
            "a misspelt key",
            "words that YAML reads otherwise",
            "bombs of aliases and brackets",
            "a configuration of 50 MB",
            "cycles, missing dependencies, doubled names",
            "a chain of 100,000",
            "100,000 ready at once",
            "hostile names",
            "hostile templates",
            "the file is edited during a run",
            "a pipeline is gone when its run is resumed",
            "includes that lead out, or to no file",
            "a secret that is missing or odd",
            "output without end",
            "a line without end",
            "bytes that are no text",
            "a secret in the output",
            "outputs that cannot be read",
            "nobody reads our output, and nobody hangs up",
            "ten thousand old runs",
            "receivers of alerts that fail",
            "KILL between failure and alert",
            "no receiver for a week",
            "hostile text in an alert",
            "a watched file that is odd",
            "processes that vanish while they are measured",
            "nothing ran at all",
            "hostile requests to the dashboard",
            "an almost empty environment",
            "another locale",
            "another umask",
            "a working folder of our own that is gone",
            "closed standard streams",
            "CHLD is ignored by who started us",
            "signals are blocked by who started us",
            "our own files are deleted during a run",
            "an old store, a new store, an upgrade cut short",
            "two versions at once",
            "units that are no longer what the file says",
            "root runs what belongs to somebody else",
            "a host without /proc, pidfd, or a writable disk",
        ),
        start=1,
    )
)


def group_of(number: int) -> str:
    """The letter of the group that the fault is in."""
    return max(letter for letter, first in _FIRST.items() if first <= number)


def numbers_in(test: str) -> list[int]:
    """The faults that a test of this name shows."""
    found = re.match(r"test_fault_(\d+)(?:_and_(\d+))?_", test)
    return [int(number) for number in found.groups() if number] if found else []


def shown_elsewhere() -> dict[int, list[str]]:
    """Fault -> the test modules outside this folder that have a test of its number."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        name = str(path.relative_to(TESTS))
        if name.startswith("faults/"):
            continue
        for test in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE):
            if name == UNPREFIXED:
                test = re.sub(r"^test_(?=\d\d_)", "test_fault_", test)
            for number in numbers_in(test):
                if name not in found[number]:
                    found[number].append(name)
    return found
