"""An engine for remote runners in one folder: real processes, started detached, by an engine that has its moods.

All that it knows is in files, so any process may ask it. It acts only when it is asked something.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from tetra_orchestrator.adapters.runner.process import identity, is_alive, signal_process, tree
from tetra_orchestrator.adapters.runner.remote.engine import Job
from tetra_orchestrator.core.outcome import SpawnFailed

#: Of its own, as every engine has: no task may see it.
ENVIRON = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7", "SLURM_SUBMIT_DIR": "/nowhere", "ENGINE": "fake"}
#: Starts the rest of its arguments in a session of their own, with nobody who waits for it, and tells the pid.
DETACHED = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 & echo $!'


class FakeEngine:
    """`slots` is how many jobs run at a time. What is a mood is a file in its folder, so that it holds for all."""

    def __init__(self, folder: Path, slots: int = 1000, kill_wait_s: float = 3.0) -> None:
        self.folder = folder
        self.slots = slots
        self.kill_wait_s = kill_wait_s
        self.asked: list[str] = []
        self.on_submit: Callable[[str], None] = lambda when: None
        folder.mkdir(exist_ok=True)

    # -- moods --------------------------------------------------------------------------------------------------

    def mood(self, name: str, on: bool = True) -> None:
        """`away`: answers nothing. `mute`: does what it is told, and does not say so. `loses`: takes jobs and forgets
        them. `twice`: starts each job twice. `refuses`: takes none. `holds`: starts none. `denies`: knows no job."""
        path = self.folder / f"mood-{name}"
        path.touch() if on else path.unlink(missing_ok=True)

    def _is(self, name: str) -> bool:
        return (self.folder / f"mood-{name}").exists()

    # -- the port -----------------------------------------------------------------------------------------------

    def submit(self, jobs: Sequence[Job]) -> list[str | SpawnFailed | None]:
        self.asked.append("submit")
        self.on_submit("before")
        answers = [self._submit(job) for job in jobs]
        self._start()
        self.on_submit("after")
        return answers

    def known(self, tokens: Collection[str]) -> set[str] | None:
        self.asked.append("known")
        if self._is("away"):
            return None
        self._start()
        if self._is("denies"):
            return set()
        return {token for token in tokens if self._lives(token)}

    def forget(self, tokens: Collection[str]) -> None:
        """Nothing: it starts in vain what others have done."""

    def cancel(self, tokens: Collection[str]) -> None:
        self.asked.append("cancel")
        for token in () if self._is("away") else tokens:
            state = self._read(token)
            if state is not None:
                self._write(token, {**state, "queued": False, "cancelled": state.get("cancelled") or time.monotonic()})
                self._signal(state["started"], 15, 18)

    # -- what a test may do -------------------------------------------------------------------------------------

    def start_again(self, token: str, *others: str) -> int:
        """Start the job's worker, whether or not it has done so already, with those other jobs; returns the pid."""
        state = self._read(token)
        assert state is not None
        return self._spawn(state, others)

    def processes(self, token: str) -> list[str]:
        """The identities of what it has started for the job and what descends from that."""
        state = self._read(token)
        return list(tree(state["started"], None)) if state else []

    def workers(self, token: str) -> list[str]:
        """The identities of what it has started for the job itself."""
        state = self._read(token)
        return [str(each) for each in state["started"]] if state else []

    def end(self) -> None:
        """Leave nothing behind of what it has started."""
        for path in self.folder.glob("*.json"):
            self._signal(self.workers(path.stem), 9)

    # -- within -------------------------------------------------------------------------------------------------

    def _submit(self, job: Job) -> str | SpawnFailed | None:
        if self._is("away"):
            return None
        if self._is("refuses"):
            return SpawnFailed("EINVAL", "invalid partition specified: nowhere")
        state = {"argv": job.argv, "folder": job.folder, "queued": True, "started": []}
        if not self._is("loses"):
            self._write(job.token, state)
        return None if self._is("mute") else "7"

    def _start(self) -> None:
        """Start what waits while there are slots, and KILL what was cancelled long enough ago."""
        tokens = [path.stem for path in sorted(self.folder.glob("*.json"))]
        running = sum(self._runs(token) for token in tokens)
        for token in tokens:
            state = self._read(token)
            assert state is not None
            if state["queued"] and not self._is("holds") and running < self.slots:
                running += 1
                self._write(token, {**state, "queued": False})
                for _ in range(2 if self._is("twice") else 1):
                    self._spawn(self._read(token) or state)
            elif state.get("cancelled") and time.monotonic() - state["cancelled"] > self.kill_wait_s:
                self._signal(state["started"], 9)

    def _spawn(self, state: dict[str, Any], others: Sequence[str] = ()) -> int:
        log = f"{state['folder']}/engine.log" if os.path.isdir(state["folder"]) else os.devnull
        command = ["sh", "-c", DETACHED, "sh", log, *state["argv"], *others]
        pid = int(subprocess.run(command, env=ENVIRON, check=True, capture_output=True).stdout)
        named = identity(pid)
        token = os.path.basename(state["folder"])
        if named:
            self._write(token, {**state, "started": [*state["started"], named]})
        return pid

    def _lives(self, token: str) -> bool:
        state = self._read(token)
        return state is not None and (state["queued"] or self._runs(token))

    def _runs(self, token: str) -> bool:
        return any(map(is_alive, self.workers(token)))

    def _signal(self, roots: Iterable[str], *signums: int) -> None:
        for each in tree(list(roots), None):
            for signum in signums:
                signal_process(each, signum)

    def _read(self, token: str) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads((self.folder / f"{token}.json").read_text())
        except FileNotFoundError:
            return None
        return state

    def _write(self, token: str, state: dict[str, Any]) -> None:
        draft = self.folder / f"{token}.{os.getpid()}"
        draft.write_text(json.dumps(state))
        draft.rename(self.folder / f"{token}.json")
