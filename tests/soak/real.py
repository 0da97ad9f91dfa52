"""A random run by the real command, with real processes and a real store, and what must hold afterwards."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import psutil

from soak.campaign import Finding
from soak.invariants import of_retries, of_rows
from soak.really import RealRun, real_run
from tetra_orchestrator import wire
from tetra_orchestrator.core.states import RunState

#: A run that takes longer than this is stuck; its tasks take seconds.
STUCK_S = 90.0
#: How late an end may be on a busy machine.
LATE_S = 3.0
LATEST = "(ms that an end was late, at most)"
MEMORY_BYTES = 150 * 1024**2
DESCRIPTORS = 100


def examine(seed: int, number: int, counts: Counter[str] | None = None) -> Finding | None:
    """Perform one run; None if all is well."""
    given = real_run(seed, number)
    with tempfile.TemporaryDirectory(prefix="tetra soak ") as folder:
        found = list(dict.fromkeys(_Site(Path(folder), given).violations(counts)))
    return Finding(f"--kind real --seed {seed} --only {number}", found, given.describe()) if found else None


class _Site:
    """The folder of one run."""

    def __init__(self, root: Path, given: RealRun):
        self.root, self.given = root, given
        self.journal = root / "journal"
        self.journal.touch()
        (root / "orchestration.yaml").write_text(given.document(self.journal))
        paths = os.pathsep.join(path for path in sys.path if path)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root), "PYTHONPATH": paths}
        self.most = Counter[str]()

    def violations(self, counts: Counter[str] | None) -> Iterator[str]:
        exit_code = self._perform()
        if exit_code is None:
            yield f"I3 the command was still running after {STUCK_S:.0f} s"
        lived = self.journal.read_text()
        killed = any(number == SIGKILL for _, number in self.given.signals) and exit_code == -SIGKILL
        if killed or exit_code is None:
            exit_code = None
            calm = self._command("run", "--mode", "calm", "--progress", "plain")
            calm.communicate(timeout=STUCK_S)
            lived = self.journal.read_text()
        time.sleep(0.15)
        if self.journal.read_text() != lived:
            yield "I8 something still wrote to the journal when the run was over"
        store = wire.store(f"sqlite:///{self.root}/state/tetra.db")
        try:
            run = next((one for one in store.runs() if one.mode == "all"), None)
            if run is None:
                return  # it was killed before it had begun
            yield from (f"I8 {name} is left of the run" for name in _left(run.run_id))
            yield from of_rows(store, run.run_id, exit_code, {task.id: task for task in self.given.tasks})
            yield from of_retries(self.given.tasks, store.task_runs(run.run_id), self.given.policy.max_retries)
            yield from self._journal(lived, store.attempts(run.run_id), run.state)
            if counts is not None:
                counts.update(self._counted(run, store))
                counts[LATEST] = max(counts[LATEST], self.most["late_ms"])
        finally:
            store.close()
        yield from self._files()
        if self.most["memory"] > MEMORY_BYTES or self.most["descriptors"] > DESCRIPTORS:
            yield f"I16 the command had {self.most['memory'] / 1e6:.0f} MB and {self.most['descriptors']} descriptors"

    def _perform(self) -> int | None:
        """The exit code of the run; None where it did not end."""
        began = time.monotonic()
        style = ["--json"] if self.given.as_json else ["--progress", "plain"]
        reading, writing = os.pipe()
        if self.given.reader == "asleep" and hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        process = self._command("run", "--mode", "all", *style, jumpy=self.given.jumpy, stdout=self._output(writing))
        os.close(writing)
        if self.given.reader == "gone":
            os.close(reading)
        signals = list(self.given.signals)
        while process.poll() is None and time.monotonic() - began < STUCK_S:
            if signals and time.monotonic() - began >= signals[0][0]:
                process.send_signal(signals.pop(0)[1])
            self._look(process.pid)
            time.sleep(0.02)
        code = process.poll()
        if code is None:
            process.kill()
        process.wait()
        if self.given.reader != "gone":
            os.close(reading)
        return code

    def _output(self, writing: int):
        if self.given.reader in ("file", "closed"):
            return (self.root / "out").open("w")
        return writing

    def _command(self, *words: str, jumpy: bool = False, stdout=subprocess.DEVNULL) -> subprocess.Popen:
        program = ["soak.jumpy", self.given.label] if jumpy else ["tetra_orchestrator"]
        argv = [sys.executable, "-m", *program, *words]
        if self.given.reader == "closed" and stdout is not subprocess.DEVNULL:
            argv = ["sh", "-c", 'exec "$@" >&-', "sh", *argv]
        with (self.root / "words").open("a") as errors:
            return subprocess.Popen(
                argv, cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors
            )

    def _look(self, pid: int) -> None:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            self.most["memory"] = max(self.most["memory"], process.memory_info().rss)
            self.most["descriptors"] = max(self.most["descriptors"], process.num_fds())

    def _journal(self, lived: str, attempts, state: str) -> Iterator[str]:
        """What the processes say themselves, in the order in which they said it."""
        latest: Counter[str] = Counter()
        ends: set[tuple[str, int]] = set()
        for line in lived.splitlines():
            task, number, what = line.split()
            if int(number) < latest[task]:
                yield f"I1 attempt {number} of {task} was alive after attempt {latest[task]} had begun"
            latest[task] = max(latest[task], int(number))
            ends |= {(task, int(number))} if what == "end" else set()
        tasks = {task.id: task for task in self.given.tasks}
        for one in attempts:
            act = self.given.acts[one.task_id][one.number - 1]
            said = one.kind, one.exit_code, one.signal
            if one.kind == "exited" and one.exit_code == 0 and (one.task_id, one.number) not in ends:
                yield f"I2 attempt {one.number} of {one.task_id} is said to have succeeded and had not come to its end"
            meant = {("exit", 0): ("exited", act.value, None)}.get((act.how, 0), ("signalled", None, act.value))
            if one.kind in ("exited", "signalled") and said != meant:
                yield f"I2 attempt {one.number} of {one.task_id} did {act}, and its row says {said}"
            yield from self._in_time(tasks[one.task_id], one, state)

    def _in_time(self, task, attempt, state: str) -> Iterator[str]:
        if self.given.jumpy or state == RunState.LOST or task.timeout_s is None or attempt.finished_at is None:
            return
        lasted = (attempt.finished_at - attempt.started_at).total_seconds()
        self.most["late_ms"] = max(self.most["late_ms"], round((lasted - task.timeout_s - task.kill_grace_s) * 1000))
        if lasted > task.timeout_s + task.kill_grace_s + LATE_S:
            yield f"I14 attempt {attempt.number} of {task.id} lasted {lasted:.1f} s, its limit is {task.timeout_s} s"

    def _files(self) -> Iterator[str]:
        """I13: nothing of ours is readable by others."""
        for folder in ("state", "logs"):
            for path in (self.root / folder).rglob("*"):
                theirs = path.name.endswith(".output.jsonl")  # made by the task, in a folder that only we can enter
                if not path.is_symlink() and not theirs and path.stat().st_mode & 0o077:
                    yield f"I13 {path.relative_to(self.root)} has mode {path.stat().st_mode & 0o777:o}"
        if (self.root / "state" / "reports").exists():
            yield f"I12 a fault of ours: {(self.root / 'words').read_text().strip()}"

    def _counted(self, run, store) -> Iterator[str]:
        yield f"run {run.state}"
        yield f"standard output {self.given.reader}"
        yield from (f"task {row.state}" for row in store.task_runs(run.run_id))
        yield from (f"attempt {attempt.kind}" for attempt in store.attempts(run.run_id))
        yield from (f"signal {number}" for _, number in self.given.signals)
        yield from ["clock jumps"] * self.given.jumpy


def _left(run_id: str) -> list[str]:
    """Processes that carry the run's id in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("TETRA_RUN_ID") == run_id:
                found.append(f"{process.pid} {process.name()}")
    return found
