"""`python -m proofs storefaults`: the tests of the command line again, with errors from the store at random.

The commands of the tests get a store whose methods fail by a seed. A test holds if it passes, or if a fault came into
one of its commands; in any case nothing may be lost, doubled or left behind, and every command ends as it is published.
Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proofs.storefaults_judge import Command, of_command, of_project
from proofs.storefaults_store import VARIABLE

TESTS = Path(__file__).parents[1]
INJECTED = Path(__file__).with_name("injected")
SEEDS = range(1, 6)
#: The options of `run` are read there without a process.
LEFT_OUT = ("--ignore", str(TESTS / "cli" / "test_running.py"))
#: Tests that break the program or its store themselves, by words of their names.
BREAKING = ("a_fault_of_ours", "a_report_that_cannot_be_written", "a_damaged_store")
#: Seconds for one test: what waits for something that a fault has kept from happening is given up.
LONGEST_S = 90


class Seed:
    """A plugin of pytest that has the commands of each test fail by one seed, and judges what is left."""

    def __init__(self, seed: int, notes: Path, counts: Counter[str]):
        self.seed, self.notes, self.counts = seed, notes, counts
        self.violations: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, None]:
        """The test, and the verdict."""
        notes = self.notes / f"{self.seed}-{self.counts['tests']}"
        places = self._armed(item, notes)
        failure = None
        with _watched() as commands:
            try:
                with _limited():
                    yield
            except (Exception, pytest.fail.Exception) as error:
                failure = error
        self.counts["tests"] += 1
        found = [text for command in commands if command.ours for text in of_command(command)]
        if not self._counted(notes, failure) and failure is not None:
            found.append(f"it failed without a fault: {failure}")
        found += [text for place in places for text in of_project(*place)]
        if found:
            pytest.fail("\n".join(found), pytrace=False)

    def _armed(self, item: pytest.Item, notes: Path) -> list[tuple[Path, dict[str, str]]]:
        """Have the commands of the test's projects fail; the projects' folders, and their environments without that."""
        sites = {id(one): one for one in getattr(item, "funcargs", {}).values() if _is_site(one)}.values()
        places = [(site.root, dict(site.env)) for site in sites]
        fault = json.dumps({"seed": self.seed, "test": item.nodeid.rpartition("/")[2], "notes": str(notes)})
        for site in sites:
            site.env |= {VARIABLE: fault, "PYTHONPATH": os.pathsep.join([str(INJECTED), site.env["PYTHONPATH"]])}
        return places

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what does not hold, be it that the verdict itself has failed."""
        if report.failed:
            self.violations.append(f"seed {self.seed}, {report.nodeid}: {report.longreprtext}")

    def _counted(self, notes: Path, failure: BaseException | None) -> int:
        """The faults that came into the test's commands."""
        lines = [line.split()[1:] for line in notes.read_text().splitlines()] if notes.exists() else []
        faults = [line for line in lines if line != ["command"]]
        self.counts["commands with a store"] += len(lines) - len(faults)
        self.counts["faults"] += len(faults)
        self.counts["tests with a fault"] += bool(faults)
        self.counts["tests that a fault has changed"] += bool(faults and failure)
        self.counts.update(f"said: {kind}" for kind, _, _ in faults)
        self.counts.update(f"in {method}, {how}" for _, method, how in faults)
        return len(faults)


def _is_site(value: object) -> bool:
    """Whether it is a project of the tests. pytest imports its class by another name than other tests do."""
    return any(each.__name__ == "Site" for each in type(value).__mro__)


@contextmanager
def _watched() -> Iterator[list[Command]]:
    """Every process that is started meanwhile."""
    started: list[Command] = []

    class Listed(Command):
        def __init__(self, *values: Any, **named: Any):
            super().__init__(*values, **named)
            started.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", Listed)
        yield started


@contextmanager
def _limited() -> Iterator[None]:
    """What takes longer is interrupted."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"the test took longer than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main(argv: list[str]) -> int:
    """Run the tests with every seed; 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m proofs storefaults", description="Errors from the store.")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="the seeds (default: 1 to 5)")
    parser.add_argument("--only", default="", metavar="WORDS", help="only tests that these words choose, as -k does")
    given = parser.parse_args(argv)
    counts, violations, began = Counter[str](), list[str](), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tetra faults ") as folder:
        for seed in given.seeds:
            plugin = Seed(seed, Path(folder), counts)
            code = pytest.main(_options(given.only), plugins=[plugin])
            violations += plugin.violations
            if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
                violations.append(f"seed {seed}: pytest ended with {code!r}")
    print(*violations, sep="\n")
    print(*(f"{text}: {number}" for text, number in sorted(counts.items())), sep="\n")
    print(f"{time.monotonic() - began:.0f} s")
    figures = ("tests", "tests with a fault", "commands with a store", "faults")
    print(*(f"{name} {counts[name]}," for name in figures), f"violations {len(violations)}")
    return int(bool(violations) or not counts["faults"])


def _options(only: str) -> list[str]:
    chosen = ["-k", f"not ({' or '.join(BREAKING)})" + (f" and ({only})" if only else "")]
    return [str(TESTS / "cli"), *LEFT_OUT, *chosen, "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
