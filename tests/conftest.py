"""Keeps every test away from the user's home, settings and runs, and lets no missing component pass silently."""

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from support.postgres import _no_server_stays, postgres, postgres_url  # noqa: F401

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
#: No example has a time limit of its own: a disk that is busy with other tests makes any of them slow.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parent.parent
#: What a user keeps there is the user's: `make run` writes it, no test may.
KEPT = ("state", "logs")
#: These steer the tests themselves.
FOR_TESTS = {"TETRA_REQUIRE_COMPONENTS", "TETRA_WAITER"}
FOREIGN = {"PIPELINE_CONFIG", "LOG_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"}


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty home, none of the settings a user may have exported, and the project's own runs left alone."""
    before = _listing()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in list(os.environ):
            if name in FOREIGN or (name.startswith("TETRA_") and name not in FOR_TESTS):
                patch.delenv(name)
        yield
    touched = sorted(set(_listing().items()) ^ set(before.items()))
    assert not touched, f"tests changed the repository's state/ or logs/: {', '.join(dict(touched))}"


@pytest.fixture
def disk_path() -> Iterator[Path]:
    """A new folder on a disk, for what is different in memory, where `tmp_path` may be."""
    with tempfile.TemporaryDirectory(prefix="tetra-", dir="/var/tmp") as folder:
        yield Path(folder)


def _listing() -> dict[str, tuple[int, int]]:
    """Path -> size and time of the last change."""
    found = {}
    for folder in KEPT:
        for path in (REPOSITORY / folder, *(REPOSITORY / folder).rglob("*")):
            try:
                seen = path.lstat()
            except FileNotFoundError:
                continue
            found[str(path.relative_to(REPOSITORY))] = (seen.st_size, seen.st_mtime_ns)
    return found


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Two workers more than xdist would have with `-n auto`: many tests wait for other processes."""
    return 2 + (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _required(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _required(report)


def _required(report: Report) -> Report:
    """With TETRA_REQUIRE_COMPONENTS set, make a skip for want of a component a failure."""
    if report.skipped and isinstance(report.longrepr, tuple) and os.environ.get("TETRA_REQUIRE_COMPONENTS"):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith("needs "):
            report.outcome = "failed"
            report.longrepr = reason
    return report
