"""`observed` for the tests here, and with `--faults` the table of what each of them saw."""

from __future__ import annotations

import sys
from collections import defaultdict

import pytest
from tabulate import tabulate

from faults.catalogue import FAULTS, group_of, numbers_in, shown_elsewhere
from faults.stand import Stand

#: Fault -> what was seen of it, and the verdicts of its tests.
SEEN: dict[int, list[str]] = defaultdict(list)
VERDICTS: dict[int, list[str]] = defaultdict(list)


def pytest_addoption(parser):
    parser.addoption("--faults", action="store_true", help="print what was observed of every fault, and the verdict")


@pytest.fixture(autouse=True)
def _linux():
    if sys.platform != "linux":
        pytest.skip("looks at faults through strace, /proc and control groups")


@pytest.fixture
def site(tmp_path):
    return Stand(tmp_path / "my project")


@pytest.fixture
def observed(request):
    """Say what shows that the fault has really come about; without that a test proves nothing and fails."""

    def observe(what, there=True):
        assert there, f"the fault has not come about: {what}"
        request.node.user_properties.append(("observed", what))

    return observe


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    unseen = not any(name == "observed" for name, _ in item.user_properties)
    if report.when == "call" and report.passed and unseen and "observed" in item.fixturenames:
        report.outcome = "failed"
        report.longrepr = "it judges a fault that it has not observed"
    return report


def pytest_runtest_logreport(report):
    if report.when == "call" or not report.passed:
        for number in numbers_in(report.location[2]):
            SEEN[number] += [text for name, text in report.user_properties if name == "observed"]
            VERDICTS[number].append(_verdict(report))


def _verdict(report):
    if hasattr(report, "wasxfail"):
        return f"NOT YET: {report.wasxfail.removeprefix('reason: ')}"
    if report.skipped:
        return f"skipped: {report.longrepr[2].removeprefix('Skipped: ')}"
    return "held" if report.passed else "NOT HELD"


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--faults", False):
        for line in _table():
            terminalreporter.write_line(line)


def _table():
    elsewhere = shown_elsewhere()
    rows = []
    for number, title in FAULTS.items():
        if VERDICTS[number]:
            seen, verdict = "; ".join(dict.fromkeys(SEEN[number])), "; ".join(dict.fromkeys(VERDICTS[number]))
        elif elsewhere[number]:
            seen, verdict = "", f"elsewhere: {', '.join(elsewhere[number])}"
        else:
            seen, verdict = "", "not covered yet"
        rows.append((f"{group_of(number)} {number}", title, seen, verdict))
    yield ""
    yield from tabulate(rows, ("fault", "what", "observed", "verdict"), maxcolwidths=[None, 32, 60, 40]).splitlines()
    yield ""
    uncovered = [row[0].split()[1] for row in rows if row[3] == "not covered yet"]
    wanting = [row[0].split()[1] for row in rows if "NOT" in row[3] or "skipped" in row[3]]
    yield f"{len(rows) - len(uncovered)} of {len(rows)} covered"
    yield f"of these not held in full: {', '.join(wanting) or 'none'}"
    yield f"not covered yet: {', '.join(uncovered) or 'none'}"
