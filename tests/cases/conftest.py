"""`--cases` prints, after the tests, how many expectations of the users' files hold."""

from __future__ import annotations

from cases.ledger import summary

FAILED: set[str] = set()


def pytest_addoption(parser):
    parser.addoption("--cases", action="store_true", help="print how many expectations hold, per issue")


def pytest_runtest_logreport(report):
    if report.outcome != "passed":
        FAILED.add(report.location[2].partition("[")[0])


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--cases", False):
        terminalreporter.write_line("")
        for line in summary(FAILED):
            terminalreporter.write_line(line)
