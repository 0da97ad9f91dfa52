"""A year of a machine that is switched off and sleeps, and what `schedule audit --json` says of it.

The slots are counted by cronsim alone, and what became of each follows from the log of the outages: nothing of ours
is used for the specification.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from support.builders import utc
from support.components import require
from support.schedules import GuardStage
from support.worlds import project, task
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.model import Schedule

BEGIN, END = utc(2024, 11, 1, 0, 7, 30), utc(2025, 11, 1, 0, 7, 30)
#: Name -> rule, zone, catch_up.
SCHEDULES = {
    "daily": ("0 6 * * *", "UTC", "latest"),
    "sleepy": ("30 2 * * *", "America/New_York", "none"),
    "nights": ("45 1-3 * * 0", "Europe/Berlin", "all"),
    "quarters": ("*/15 * * * *", "UTC", "latest"),
}
OFF, ASLEEP = "machine_off", "late_wake"
HOUR = timedelta(hours=1)


def slots(name: str) -> list[datetime]:
    """By cronsim, from the beginning to the end."""
    cron, zone, _ = SCHEDULES[name]
    found = []
    for local in CronSim(cron, BEGIN.astimezone(ZoneInfo(zone))):
        if (at := local.astimezone(UTC)) > END:
            return found
        found.append(at)
    raise AssertionError("a rule has an end")


def outages(dice: random.Random) -> list[tuple[datetime, datetime, str]]:
    """From when to when, and why. They begin and end between two slots, more than a minute away from any."""
    found, now = [], BEGIN
    while (down := now + dice.choice([1, 2, 4]) * HOUR / 2) < END:
        now = down + dice.choice([0.5, 8, 20, 30, 60, 100, 200]) * HOUR
        found.append((down, now, dice.choice([OFF, ASLEEP])))
    return [one for one in found if one[1] < END]


def specified(name: str, log: list[tuple[datetime, datetime, str]]) -> dict[datetime, tuple[str, str | None]]:
    """What became of each slot, and the code of the reason."""
    catch_up, verdicts = SCHEDULES[name][2], {}
    begins = [down for down, _, _ in log]
    last: dict[datetime, datetime] = {}
    for at in slots(name):
        down, up, why = log[bisect_right(begins, at) - 1] if at >= begins[0] else (BEGIN, BEGIN, "")
        if not down <= at < up:
            verdicts[at] = ("ran", None)
        elif catch_up == "none":
            verdicts[at] = ("missed", why)
        else:
            if catch_up == "latest" and down in last:
                verdicts[last[down]] = ("skipped_policy", "superseded")
            verdicts[at] = ("late", None)
            last[down] = at
    return verdicts


class Year:
    """A stage whose timers wake the guard a moment after each slot while the machine is on, and when it is on again."""

    def __init__(self, root: Path) -> None:
        given = [
            Schedule(name, None, cron, zone, pipelines=(name,), catch_up=catch_up)
            for name, (cron, zone, catch_up) in SCHEDULES.items()
        ]
        plan = project(*(task(name) for name in SCHEDULES))._replace(schedules=tuple(given))
        self.stage = GuardStage(plan, store=SqliteStore(str(root / "state" / "tetra.db")))
        self.booted = BEGIN
        self.wakes = sorted((at + timedelta(seconds=0.2), name) for name in SCHEDULES for at in slots(name))
        self.show(BEGIN)
        self.stage.look()

    def show(self, when: datetime) -> None:
        """Have the clock show that, and the machine be as long on, or asleep, as it is."""
        self.stage.at(when)
        self.stage.clock.slept = (when - self.booted).total_seconds() - self.stage.clock.seconds

    def live(self, log: list[tuple[datetime, datetime, str]]) -> None:
        now = BEGIN
        for down, up, why in [*log, (END, END, ASLEEP)]:
            for at, name in self.wakes[bisect_right(self.wakes, (now, "")) : bisect_right(self.wakes, (down, ""))]:
                self.show(max(at, self.stage.clock.now()))
                self.stage.wake(name)
            self.booted = up if why == OFF else self.booted
            self.show(up)
            for name in SCHEDULES:
                self.stage.wake(name)
            now = self.stage.clock.now()
        self.stage.store.close()


@pytest.fixture
def folder(tmp_path: Path):
    """A folder that is in memory where there is such a thing: thousands of commits would wait for the disk."""
    quick = "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(tmp_path)
    with tempfile.TemporaryDirectory(dir=quick) as name:
        yield Path(name)


def audited(root: Path) -> dict:
    """What the real command says at the end of the year."""
    command = [sys.executable, "-m", "tetra_orchestrator", "schedule", "audit", "--json"]
    period = ["--since", BEGIN.isoformat(), "--until", END.isoformat()]
    at_the_end = [require("faketime"), "-f", f"@{END:%Y-%m-%d %H:%M:%S}"]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "TZ": "UTC",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run(
        [*at_the_end, *command, *period], cwd=root, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def configure(root: Path) -> None:
    lines = ["version: 1", "project: tetra", f"python: {sys.executable}", "pipelines:"]
    lines += [f"  {name}: {{shell: 'true'}}" for name in SCHEDULES]
    lines += ["schedules:"]
    lines += [
        f"  {name}: {{pipelines: [{name}], cron: '{cron}', timezone: {zone}, catch_up: {catch_up}}}"
        for name, (cron, zone, catch_up) in SCHEDULES.items()
    ]
    (root / "orchestration.yaml").write_text("\n".join([*lines, ""]))


def test_the_audit_of_a_year_with_outages_is_what_cronsim_and_the_log_of_the_outages_say(folder: Path) -> None:
    log = outages(random.Random(6))
    configure(folder)
    Year(folder).live(log)
    body = audited(folder)
    found = {
        name: {
            datetime.fromisoformat(row["slot"]): (row["outcome"], (row["reason"] or {}).get("code"))
            for row in body["slots"]
            if row["schedule"] == name
        }
        for name in SCHEDULES
    }
    expected = {name: specified(name, log) for name in SCHEDULES}
    for name in SCHEDULES:
        assert list(found[name]) == list(expected[name]), f"{name}: other slots than cronsim's"
        assert found[name] == expected[name]
    outcomes = Counter(outcome for verdicts in expected.values() for outcome, _ in verdicts.values())
    assert body["counts"] == outcomes
    assert len(body["slots"]) == outcomes.total() == 365 * (1 + 1 + 96) + 52 * 3
    assert min(outcomes.values()) > 100  # the year was an eventful one
    assert all((row["run_id"] is not None) == (row["outcome"] in ("ran", "late")) for row in body["slots"])
    assert all((row["lateness_s"] or 0) > 60 for row in body["slots"] if row["outcome"] == "late")
    assert all(row["lateness_s"] < 60 for row in body["slots"] if row["outcome"] == "ran")
