"""Schedulers to test against: programs that behave as systemd's, launchd's and cron's do, as far as we use them.

They keep what they know in a folder, so that it outlives each call. What they answer was seen with systemd 252 and
Debian's cron, and is documented for launchd (launchctl(1)).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SYSTEMD = ("systemctl", "loginctl", "systemd-run", "systemd-analyze")
LAUNCHD = ("launchctl",)
CRON = ("crontab",)


class Scheduler:
    """The programs in `bin`, of which alone the PATH is to consist, and what they know in `state`."""

    def __init__(self, folder: Path, programs: tuple[str, ...]) -> None:
        self.bin, self.state = folder / "bin", folder / "scheduler"
        self.bin.mkdir(parents=True)
        (self.state / "faults").mkdir(parents=True)
        for name in programs:
            script = self.bin / name
            source = HERE / f"{name.replace('-', '_')}.py"
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -E -S "{source}" "{self.state}" "$@"\n')
            script.chmod(0o755)

    def fail(self, verb: str, message: str, times: int = 1) -> None:
        """Have the verb fail so many times with the message."""
        (self.state / "faults" / verb).write_text(json.dumps([times, message]))

    def hang(self, verb: str) -> None:
        """Have the verb not answer the next time."""
        (self.state / "faults" / verb).write_text(json.dumps([0, ""]))

    def calls(self) -> list[list[str]]:
        """What was run so far, each with its name first."""
        path = self.state / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def verbs(self) -> list[str]:
        """The first word of each call that is no option."""
        return [next((word for word in call[1:] if not word.startswith("-")), "") for call in self.calls()]

    def know(self, name: str, value: object) -> None:
        """Set one of the things that it knows, of any JSON value."""
        (self.state / f"{name}.json").write_text(json.dumps(value))

    def known(self, name: str, default: object = None) -> object:
        path = self.state / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else default

    @property
    def path(self) -> str:
        return os.fspath(self.bin)
