"""A project in a machine: its user's, with timers of his manager, or root's, with timers of the system."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from rig.machine import HOME, Machine, until

#: Where systemd keeps what is of a user's timers and of the system's: units, and the stamps of the persistent ones.
_USER = (f"{HOME}/.config/systemd/user", f"{HOME}/.local/share/systemd/timers")
_SYSTEM = ("/etc/systemd/system", "/var/lib/systemd/timers")
LIMIT_S = 30.0


class Site:
    """The project `shop` in a folder of its own. Its commands are run as by its owner, from within the folder."""

    def __init__(self, machine: Machine, *, system: bool = False) -> None:
        self.machine, self.scope = machine, "--system" if system else "--user"
        self.root = "/srv/shop" if system else f"{HOME}/shop"
        self.units, self.stamps = _SYSTEM if system else _USER
        self._as_owner = machine.run if system else machine.as_user
        machine.run("rm", "-rf", self.root)
        self.run("mkdir", self.root, cwd="/")

    def run(self, *argv: str, cwd: str = "") -> CompletedProcess[str]:
        return self._as_owner("env", "-C", cwd or self.root, *argv, timeout_s=60)

    def configure(self, text: str) -> None:
        """Write the configuration behind the usual first lines; without a word on it, nobody monitors."""
        head = f"version: 1\nproject: shop\npython: {sys.executable}\n"
        head += "" if "monitor:" in text else "monitor: {enabled: false}\n"
        path = self.machine.path(f"{self.root}/orchestration.yaml")
        path.write_text(head + textwrap.dedent(text))

    def tetra(self, *argv: str) -> str:
        """What a command of ours prints that succeeds."""
        done = self.run(sys.executable, "-P", "-m", "tetra_orchestrator", *argv)
        assert done.returncode == 0, f"{shlex.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *argv: str) -> dict[str, Any]:
        return json.loads(self.tetra(*argv, "--json"))

    def apply(self) -> dict[str, Any]:
        return self.json("schedule", "apply", *(["--system"] if self.scope == "--system" else []))

    def systemctl(self, *argv: str) -> str:
        return self.run("systemctl", self.scope, *argv, cwd="/").stdout

    def shown(self, unit: str, *properties: str) -> list[str]:
        """The values of properties of a unit, in their order."""
        told = self.systemctl("show", unit, f"--property={','.join(properties)}")
        values = dict(line.partition("=")[::2] for line in told.splitlines())
        return [values[name] for name in properties]

    def dropped_in(self, unit: str, text: str) -> Path:
        """A drop-in of a unit, which systemd has read."""
        folder = f"{self.units}/{unit}.d"
        self.run("mkdir", "-p", folder, cwd="/")
        path = self.machine.path(f"{folder}/mine.conf")
        path.write_text(text)
        self.systemctl("daemon-reload")
        return path

    def shorten_the_boot_sweeps_wait(self) -> None:
        """To a second: it counts by the monotonic clock, which is the real one."""
        key = "OnBootSec" if self.scope == "--system" else "OnStartupSec"
        self.dropped_in("shop-orchestrator.timer", f"[Timer]\n{key}=\n{key}=1s\n")

    def path(self, name: str) -> Path:
        return self.machine.path(f"{self.root}/{name}")

    def lines(self, name: str) -> list[str]:
        """The lines of a file of the project; none where there is no such file."""
        path = self.path(name)
        return path.read_text().splitlines() if path.exists() else []

    def slots(self, schedule: str) -> list[tuple[str, str]]:
        """The slots of a schedule with their outcomes, ascending; the year is nobody's question here."""
        rows = self.json("schedule", "audit", schedule, "--since", "2026-01-01")["slots"]
        return [(datetime.fromisoformat(row["slot"]).strftime("%m-%d %H:%M"), row["outcome"]) for row in rows]

    def ledger(self, schedule: str) -> list[str]:
        """The outcomes as they are in the store: every command of ours would settle what is due first."""
        query = f"select outcome from slots where schedule = '{schedule}' order by slot"
        line = f"import sqlite3; print(*[row[0] for row in sqlite3.connect('state/tetra.db').execute({query!r})])"
        return self.run(sys.executable, "-c", line).stdout.split()

    def last_run(self, pipeline: str) -> dict[str, Any]:
        """The run in which a pipeline was last, as `show` tells it."""
        found = {each["name"]: each for each in self.json("status")["pipelines"]}
        return self.json("show", found[pipeline]["last_run"]["run_id"])["run"]

    def is_idle(self) -> bool:
        """Whether nothing of it runs."""
        told = self.systemctl("list-units", "--plain", "--no-legend", "--state=activating,active", "shop-*.service")
        return not told.strip()

    def await_lines(self, name: str, count: int) -> list[str]:
        """The lines of a file, as soon as there are so many and nothing runs any more."""
        assert until(lambda: len(self.lines(name)) >= count and self.is_idle(), LIMIT_S), self.trouble()
        return self.lines(name)

    def trouble(self) -> str:
        """What there is to read when something was expected in vain."""
        logs = [f"{path.name}: {path.read_text()}" for path in self.path("logs").glob("*.log")]
        journal = self.machine.run("journalctl", "--no-pager", "--lines=40", "--output=short-precise").stdout
        return "\n".join([self.systemctl("list-timers", "--all"), self.systemctl("--failed"), journal, *logs])

    def remove(self) -> None:
        """Have it leave nothing for the next one."""
        self.systemctl("disable", "--now", *self.installed(".timer"))
        self.systemctl("stop", "shop-*.service")
        for place in (self.units, self.stamps):
            self.machine.run("sh", "-c", f"rm -rf {place}/shop-* {place}/*.wants/shop-* {place}/stamp-shop-*")
        self.systemctl("daemon-reload")
        self.systemctl("reset-failed")

    def installed(self, ending: str = "") -> list[str]:
        """The names of its unit files."""
        return sorted(path.name for path in self.machine.path(self.units).glob(f"shop-*{ending}"))

    def left(self) -> list[str]:
        """Every file, link and stamp of its units."""
        places = (self.machine.path(self.units), self.machine.path(self.stamps))
        return [str(path) for place in places for path in place.rglob("*shop-*")]
