"""Dagster itself: a home without telemetry, its daemon and web server as processes, and nothing left of them.

with DagsterHome(tmp_path) as home:
    home.run("job", "execute", "-f", "definitions.py", "-j", "weekly")
    server = home.webserver("-f", "definitions.py")
    home.daemon("-f", "definitions.py")
    home.graphql("{ version }")
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from support.components import missing, require

#: The file that a home has: nobody is told of what is done here, and no window asks for an e-mail address.
QUIET = "telemetry: {enabled: false}\nnux: {enabled: false}\n"
#: The same for what is started without a home.
UNTOLD = {"DAGSTER_DISABLE_TELEMETRY": "yes"}
#: How long Dagster may take to start, to do as it is told and to stop: it imports for seconds, and the machine is busy.
PATIENCE_S = 300.0
#: Between two looks, which read its database.
LOOK_S = 0.2


class DagsterHome:
    """A DAGSTER_HOME in `folder`. Its processes start in `root` and end with the block, and what they have started too.

    `settings` are added to its dagster.yaml; `environ` to the environment of whatever is started.
    """

    def __init__(
        self, folder: Path, root: Path | None = None, settings: str = "", environ: Mapping[str, str] | None = None
    ) -> None:
        if find_spec("dagster_webserver") is None:
            missing("needs dagster: pip install 'tetra-orchestrator[dagster]'")
        self.folder = folder / "dagster-home"
        self.folder.mkdir()
        (self.folder / "dagster.yaml").write_text(QUIET + settings)
        self.root = root or folder
        self.environ = {**os.environ, "DAGSTER_HOME": str(self.folder), **UNTOLD, **(environ or {})}
        self.port = _free_port()
        self._services: list[Service] = []

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`dagster WORDS`, waited for; where it fails, unless not to `check`, the test does with what was printed."""
        command = (sys.executable, "-m", "dagster", *words)
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.root, env=self.environ, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def code_server(self, file: str) -> tuple[str, str]:
        """Have one process know the definitions in a file; returns the options by which others ask it for them."""
        port, workspace = _free_port(), self.folder / "workspace.yaml"
        workspace.write_text(f"load_from: [grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {file}}}]\n")
        self.start("dagster", "api", "grpc", "--host", "127.0.0.1", "--port", str(port), "-f", file)
        return "-w", str(workspace)

    def webserver(self, *words: str) -> Service:
        """`dagster-webserver WORDS` at `self.port`, once it answers."""
        return self._answering(self.start("dagster_webserver", "--host", "127.0.0.1", "--port", str(self.port), *words))

    def dev(self, *words: str) -> Service:
        """`dagster dev WORDS` at `self.port`, once it answers."""
        return self._answering(
            self.start("dagster", "dev", "--host", "127.0.0.1", "--port", str(self.port), *words),
        )

    def daemon(self, *words: str) -> Service:
        """`dagster-daemon run WORDS`."""
        return self.start("dagster._daemon", "run", *words)

    def start(self, module: str, *words: str) -> Service:
        """Have one of Dagster's programs run beside us until the block ends.

        Two that make the databases of a new home at the same time spoil them, so they are there before.
        """
        assert self.instance.run_storage
        started = Service(module, words, self.root, self.environ, self.folder / f"{len(self._services)}.log")
        self._services.append(started)
        return started

    def _answering(self, service: Service) -> Service:
        service.until(self._answers)
        return service

    def _answers(self) -> bool:
        with suppress(OSError):
            return bool(self.graphql("{ version }"))
        return False

    def page(self, path: str = "/") -> str:
        """What the web server sends."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as reply:
            return reply.read().decode()

    def graphql(self, query: str, **variables: object) -> Any:
        """The `data` of the web server's answer to a query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        url, kind = f"http://127.0.0.1:{self.port}/graphql", {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, body, kind), timeout=PATIENCE_S) as reply:
            answer = json.load(reply)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    @cached_property
    def instance(self) -> Any:
        """The home by Dagster's own interface."""
        from dagster import DagsterInstance

        return DagsterInstance.from_config(str(self.folder))

    def runs(self) -> list[Any]:
        """The records of all runs, oldest first."""
        return list(reversed(self.instance.get_run_records()))

    def over(self) -> list[Any]:
        """The records of those that have ended."""
        return [record for record in self.runs() if record.dagster_run.is_finished]

    def ticking(self) -> list[str]:
        """The schedules that the daemon has begun to watch."""
        return [state.instigator_name for state in self.instance.all_instigator_state() if state.is_running]

    def left(self) -> list[psutil.Process]:
        """The processes that were started with this home, and live."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            ours = process.environ().get("DAGSTER_HOME") == str(self.folder)
            return ours and process.status() != psutil.STATUS_ZOMBIE
        return False

    def stop(self) -> None:
        """Interrupt what was started, as Ctrl-C does, and fail where something is left then."""
        if "instance" in vars(self):
            self.instance.dispose()
        for service in reversed(self._services):
            service.stop()
        left = self.left()
        _, alive = psutil.wait_procs(left, timeout=PATIENCE_S / 4)
        told = [" ".join(process.cmdline()) for process in alive]
        for process in alive:
            process.kill()
        assert not told, f"Dagster left processes behind: {told}"

    def __enter__(self) -> DagsterHome:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Service:
    """One of Dagster's programs, which ends with us, however we end. What it prints is in `log`."""

    def __init__(self, module: str, words: tuple[str, ...], root: Path, environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        # whoever runs these tests in the background may have us ignore what Ctrl-C sends
        heeding = (require("env"), "--default-signal=INT", require("setpriv"), "--pdeathsig=TERM")
        command = (*heeding, sys.executable, "-m", module, *words)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=root, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self.log.read_text(errors="replace")

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that it brings about; fail with what it printed where it ends before or never comes."""
        limit = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < limit, f"it did not come to that in time\n{self.said}"
            time.sleep(LOOK_S)

    def stop(self) -> None:
        """Interrupt it, and wait until it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
