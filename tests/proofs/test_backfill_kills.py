"""A backfill that is killed at random times, again and again, ends with every partition succeeded exactly once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from cli.conftest import Site
from support.postgres import shared
from tetra_orchestrator import wire
from tetra_orchestrator.core.history import RunFilter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = """
state: {url}
host: {{max_parallel: 4}}
pipelines:
  load:
    tasks:
      extract: {{shell: 'sleep {sleep_s}; echo {{partition.start}} >> extracted'}}
      store: {{shell: 'sleep {sleep_s}; echo {{partition.start}} >> stored', depends_on: [extract]}}
modes:
  daily: {{partition: day, pipelines: [load]}}
"""
FIRST = date(2025, 1, 1)
KILLS = 10


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state/tetra.db"
        return
    server = shared()
    address = server.store()
    yield address
    server.drop(address.rpartition("/")[2])


class Story:
    """A project with a backfill of so many days, whose drivers are killed."""

    def __init__(self, root: Path, url: str, days: int, sleep_s: float, parallel: int):
        self.site = Site(root / "my project")
        self.site.configure(CONFIG.format(url=url, sleep_s=sleep_s))
        self.days, self.url, self.parallel = days, url, parallel
        self.random = random.Random(days + parallel)
        self.is_ordered = False

    def command(self) -> list[str]:
        """What orders the backfill, or goes on with it."""
        if self.is_ordered:
            return ["backfill", "continue"]
        last = FIRST + timedelta(days=self.days - 1)
        words = ["backfill", "--mode", "daily", "--from", str(FIRST), "--to", str(last)]
        return [*words, "--parallel", str(self.parallel)]

    def kill_at_random(self, most_s: float) -> None:
        """Have the backfill worked on, and kill whoever drives it, and sometimes the crew, after a random time."""
        begun = self._begun()
        driver = self.site.start(*self.command(), start_new_session=True)
        if self.random.random() < 0.7:  # the others may come before anything has begun
            self.site.until(lambda: self._begun() > begun, 30)
        try:
            driver.wait(self.random.uniform(0.1, most_s))
        except subprocess.TimeoutExpired:
            with_crew = self.random.random() < 0.5
            (os.killpg if with_crew else os.kill)(driver.pid, signal.SIGKILL)
        _, complaint = driver.communicate()
        assert driver.returncode == -signal.SIGKILL, f"it was over too soon to be killed: {complaint}"
        self.is_ordered = bool(self.site.json("backfill", "list")["backfills"])

    def _begun(self) -> int:
        """How many runs have begun."""
        folder = self.site.root / "logs" / "runs"
        return len(list(folder.iterdir())) if folder.exists() else 0

    def outlast(self, most_s: float) -> None:
        """Kill it ten times, then let it be, and see what has become of every partition."""
        for _ in range(KILLS):
            self.kill_at_random(most_s)
        done = self.site.run(*self.command())
        assert done.returncode == 0, done.stdout + done.stderr
        store = wire.store(self.url)
        try:
            [backfill] = store.backfills.all()
            partitions = store.backfills.partitions(backfill.backfill_id)
            runs = store.search(RunFilter(backfill=backfill.backfill_id), 100_000)
        finally:
            store.close()
        assert backfill.state == "succeeded"
        assert [one.state for one in partitions] == ["succeeded"] * self.days
        good = {run.run_id: run.partition.start for run in runs if run.partition and run.state == "succeeded"}
        assert Counter(good.values()) == {one.start: 1 for one in partitions}
        assert {one.run_id: one.start for one in partitions} == good
        assert {run.state for run in runs} == {"succeeded", "lost"}, "the kills have hit runs"


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True)
def test_forty_days_killed_ten_times_succeed_once_each(tmp_path: Path, url: str) -> None:
    Story(tmp_path, url, 40, 0.03, parallel=1).outlast(0.2)


@pytest.mark.parametrize("url", [pytest.param("sqlite", marks=pytest.mark.long), "postgres"], indirect=True)
def test_a_crew_s_forty_days_killed_ten_times_succeed_once_each(tmp_path: Path, url: str) -> None:
    Story(tmp_path, url, 40, 0.5, parallel=3).outlast(0.5)


@pytest.mark.long
@pytest.mark.parametrize(("parallel", "sleep_s"), [(1, 0.02), (4, 0.1)])
def test_a_year_killed_ten_times_succeeds_once_each(tmp_path: Path, url: str, parallel: int, sleep_s: float) -> None:
    Story(tmp_path, url, 365, sleep_s, parallel).outlast(1.5)
