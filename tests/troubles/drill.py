"""One trouble of the list from before it began until it is over, told by the letters that somebody gets of it.

trouble.configure("pipelines: ...", monitor={"endpoints": [url]})
trouble.has_not_begun()
...                                  # the injection
trouble.is_found_and_told_once()
...                                  # the cure
trouble.is_over()
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import yaml

from support.http_server import HttpServer

LIST = Path(__file__).with_name("troubles.yaml")
HERE = LIST.parent
#: How a trouble is found: by the next look of the monitor, or at the end of the run that it is in.
LOOK, RUN_END = "look", "run end"
#: A rule of the user's is no finding of the monitor's: only its alert has this code.
RULE = "rule"
#: Whatever the machine of the tests is short of is no trouble of theirs.
CALM = {"enabled": False, "disk_free": 0, "memory_free": 0, "open_files": 1}
PROMPT = {"resolve_after": "0s"}


def rows() -> list[dict[str, Any]]:
    """The list."""
    found: list[dict[str, Any]] = yaml.safe_load(LIST.read_text())
    return found


def watched(text: str, url: str, monitor: dict[str, Any], alerting: dict[str, Any]) -> str:
    """A configuration whose every finding is told to a webhook."""
    told = {"channels": {"hook": {"type": "webhook", "url": f"{url}/hook"}}} | alerting
    return f"{text.rstrip()}\nalerting: {json.dumps(told)}\nmonitor: {json.dumps(CALM | monitor)}\n"


def letters_at(server: HttpServer) -> list[tuple[str, str, str]]:
    """What the server was told so far of each alert: what of it, its code and its subject."""
    bodies = [one.json for one in server.requests if one.path == "/hook"]
    return [(body["what"], one["code"], one["subject"]) for body in bodies for one in body["alerts"]]


class Drill:
    """Goes through the trouble of `row` in `site`; `tetra` runs one of our commands, `server` gets the letters."""

    def __init__(self, row: dict[str, Any], site: Any, tetra: Callable[..., CompletedProcess[str]], server: HttpServer):
        self.row, self.site, self.tetra, self.server = row, site, tetra, server
        self.finding = (row["code"], row["subject"])

    def configure(self, text: str, monitor: dict[str, Any] | None = None, alerting: dict[str, Any] = PROMPT) -> None:
        """Write the configuration: its pipelines, what differs of the monitor's part, and what else is said of alerts.

        Unless that is given, an alert is over as soon as its cause is gone.
        """
        self.site.configure(watched(text, self.server.url, monitor or {}, alerting))

    def json(self, *argv: str) -> dict[str, Any]:
        done = self.tetra(*argv, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def look(self) -> tuple[int, list[tuple[str, str]]]:
        """The exit code of one look, and what it has found."""
        done = self.tetra("monitor", "--json")
        assert done.returncode in (0, 1, 2), done.stderr
        return done.returncode, [(one["code"], one["subject"]) for one in json.loads(done.stdout)["findings"]]

    def letters(self) -> list[tuple[str, str, str]]:
        """What was told so far, as `letters_at` has it."""
        return letters_at(self.server)

    def has_not_begun(self) -> None:
        """All is well, and nobody was told anything."""
        assert (self.look(), self.letters()) == ((0, []), [])

    def is_found(self) -> None:
        """One look finds it; what a run is in is told at the end of that already."""
        if self.row["found by"] == RUN_END:
            assert self.letters() == self._told()
        code, found = self.look()
        assert code > 0
        if self.row["code"] != RULE:
            assert found.count(self.finding) == 1, found
        assert self.letters() == self._told()

    def is_found_and_told_once(self) -> None:
        """It is found, and further looks tell nobody of it again."""
        self.is_found()
        for _ in range(2):
            self.look()
        assert self.letters() == self._told()

    def is_over(self) -> None:
        """One look finds all well again; that is told once, and no alert is open."""
        assert self.look() == (0, [])
        assert self.letters() == [*self._told(), *self._over()]
        self.look()
        assert self.letters() == [*self._told(), *self._over()]
        assert self.json("status")["alerts_open"] == 0

    def _told(self) -> list[tuple[str, str, str]]:
        return [("raised", *self.finding)] * self.row["alerts"]

    def _over(self) -> list[tuple[str, str, str]]:
        return [("resolved", *self.finding)] * self.row["alerts"]
