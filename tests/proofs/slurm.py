"""A run on Slurm while nodes are killed at random, the controller once and the run's own process once: every task ends
once, no attempt stands beside another of its task, logs are whole, and nothing is left running.

Tasks write down themselves what becomes of them: a file for each, to which every attempt appends its token when it
begins, every tenth of a second, and when it ends. What is appended has one order, whichever machine it comes from.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from support.slurm import Cluster, cluster


class Load(NamedTuple):
    """So many tasks, in so many waves of which each waits for the one before, of at most so many tenths of a second.

    So often a node is killed at most, with seconds between two kills and until it is switched on again. An operator who
    is `attentive` tells Slurm of it then, and has it start at once what it holds back for two minutes.
    """

    tasks: int
    waves: int
    ticks: int
    kills: int
    kill_every_s: tuple[float, float]
    away_s: tuple[float, float]
    attentive: bool = False


FULL = Load(500, 5, 25, 1000, (3.0, 8.0), (0.5, 30.0))
SHORT = Load(40, 2, 8, 2, (1.5, 2.5), (0.0, 0.2), attentive=True)
NODES, CPUS, SEED = 4, 4, 1
TASK = """\
#!/bin/sh
# TASK TICKS
note() { echo "$1 $TETRA_ATTEMPT_TOKEN" >>"journal/$task"; }
task=$1 left=$2
note begin
while [ "$left" -gt 0 ]; do
    note goes
    echo "line $left"
    left=$((left - 1))
    sleep 0.1
done
echo "line 0"
note end
"""
HEAD = """\
version: 1
project: proof
python: {python}
runner: slurm
runners: {{slurm: {{type: slurm, poll: 0.3s, lease: 4s}}}}
defaults: {{task: {{kill_grace: 1s, retry: {{max_attempts: 30, delay: 0s}}}}}}
pipelines:
"""


class Proof:
    """One run, and all that is done to it."""

    def __init__(self, load: Load, seed: int, folder: Path, machines: Cluster) -> None:
        self.load = load
        self.random = random.Random(seed)
        self.folder = folder
        self.machines = machines
        self.ticks = {f"t{number}": self.random.randint(1, load.ticks) for number in range(load.tasks)}
        self.counts: Counter[str] = Counter()
        self.back_at: dict[str, float] = {}
        (folder / "journal").mkdir(parents=True)
        (folder / "task.sh").write_text(TASK)
        (folder / "orchestration.yaml").write_text(self._project())

    def perform(self) -> int:
        """Run it to its end; its exit code."""
        process = self._start("run")
        kill_at = 0.0
        while process.poll() is None:
            ended = self.ended()
            if ended >= self.load.tasks / 3 and not self.counts["clients"]:
                self._kill_client(process)
                process = self._start("resume")
            if ended >= self.load.tasks / 2 and not self.counts["controllers"]:
                self._restart_controller()
            if time.monotonic() >= kill_at:
                self._kill_node()
                kill_at = time.monotonic() + self.random.uniform(*self.load.kill_every_s)
            self._switch_on(time.monotonic())
            time.sleep(0.1)
        self._switch_on(float("inf"))
        self.machines.mend()
        return process.returncode

    def ended(self) -> int:
        """How many tasks have written that they have ended."""
        return sum(b"end " in path.read_bytes() for path in (self.folder / "journal").iterdir())

    def losses(self) -> list[str]:
        """All that is not as it has to be."""
        found = [f"{task} has not succeeded" for task in self.ticks.keys() - self.succeeded().keys()]
        for task in self.ticks:
            found += self._wrong_in_journal(task)
        for task, log in self.succeeded().items():
            whole = "".join(f"line {left}\n" for left in range(self.ticks[task], -1, -1))
            if Path(log).read_text() != whole:
                found.append(f"the log of {task} is not whole: {log}")
        found += [f"still runs: {command}" for command in self.machines.processes(str(self.folder / "task.sh"))]
        found += [f"still in the queue: {job}" for job in self.machines.queue()]
        jobs = self.folder / "state" / "jobs" / "slurm"
        return found + [f"still there: {path}" for path in jobs.iterdir() if path.name != "clock"]

    def succeeded(self) -> dict[str, str]:
        """The log of each task's attempt that has succeeded, over all runs."""
        return {
            task["id"]: attempt["log"]
            for shown in self._shown()
            for task in shown["tasks"]
            for attempt in task["attempts"]
            if attempt["state"] == "succeeded"
        }

    def figures(self) -> str:
        """What was done, and what it has cost."""
        attempts = [each for shown in self._shown() for task in shown["tasks"] for each in task["attempts"]]
        lost = sum(each["state"] == "lost" for each in attempts)
        killed = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        return f"{self.load.tasks} tasks, {len(attempts)} attempts, {lost} of them lost; killed: {killed}"

    # -- what is done to it ---------------------------------------------------------------------------------------

    def _kill_client(self, process: subprocess.Popen[str]) -> None:
        self.counts["clients"] += 1
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL

    def _restart_controller(self) -> None:
        self.counts["controllers"] += 1
        self.machines.kill_controller()
        time.sleep(self.random.uniform(0.5, 2.0))
        self.machines.start_controller()

    def _kill_node(self) -> None:
        up = [name for name in self.machines.nodes if name not in self.back_at]
        if len(up) > 1 and self.counts["nodes"] < self.load.kills:
            self.counts["nodes"] += 1
            name = self.random.choice(up)
            self.machines.kill_node(name)
            self.back_at[name] = time.monotonic() + self.random.uniform(*self.load.away_s)

    def _switch_on(self, now: float) -> None:
        for name in [name for name, when in self.back_at.items() if when <= now]:
            del self.back_at[name]
            if self.load.attentive:
                self.machines.ask("scontrol", "update", f"nodename={name}", "state=down", "reason=killed")
            self.machines.start_node(name)
            if self.load.attentive:
                self.machines.ask("scontrol", "update", f"nodename={name}", "state=resume")
        held = self.machines.ask("squeue", "--noheader", "--format=%i %r") if self.load.attentive else ""
        for job in [line.split()[0] for line in held.splitlines() if line.endswith("BeginTime")]:
            self.machines.ask("scontrol", "update", f"jobid={job}", "starttime=now")

    # -- the project ------------------------------------------------------------------------------------------------

    def _project(self) -> str:
        wave, script = self.load.tasks // self.load.waves, json.dumps(str(self.folder / "task.sh"))
        lines = []
        for number, (name, ticks) in enumerate(self.ticks.items()):
            after = f", depends_on: [t{number - wave}]" if number >= wave else ""
            lines.append(f"  {name}: {{command: [sh, {script}, {name}, '{ticks}'], on_lost: retry{after}}}\n")
        return HEAD.format(python=sys.executable) + "".join(lines)

    def _start(self, *words: str) -> subprocess.Popen[str]:
        with open(self.folder / "out", "a", encoding="utf-8") as out:
            return subprocess.Popen(self._command(*words), cwd=self.folder, env=self._environ(), stdout=out, stderr=out)

    def _shown(self) -> list[dict[str, Any]]:
        done = self._asked("history", "--json")
        return [self._asked("show", run["run_id"], "--json") for run in done["runs"]]

    def _asked(self, *words: str) -> dict[str, Any]:
        command = self._command(*words)
        done = subprocess.run(command, cwd=self.folder, env=self._environ(), stdout=subprocess.PIPE, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tetra_orchestrator", *words]

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        path = os.pathsep.join(each for each in sys.path if each)
        return {**kept, "PYTHONPATH": path, "SLURM_CONF": self.machines.environ["SLURM_CONF"]}

    def _wrong_in_journal(self, task: str) -> list[str]:
        path = self.folder / "journal" / task
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        tokens = [token for token, _ in groupby(token for _, token in lines)]
        found = [f"{task}: an attempt goes on beside another"] if len(tokens) > len(set(tokens)) else []
        begun = Counter(token for word, token in lines if word == "begin")
        found += [f"{task}: an attempt has begun {count} times" for count in begun.values() if count > 1]
        return found if any(word == "end" for word, _ in lines) else [*found, f"{task} has not ended"]


def main(argv: list[str]) -> int:
    """`python -m proofs slurm`: the last line is the figure."""
    parser = argparse.ArgumentParser(prog="proofs slurm")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--short", action="store_true", help=f"{SHORT.tasks} tasks instead of {FULL.tasks}")
    parser.add_argument("--keep", type=Path, help="a folder in which all of it stays")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="tetra-") as folder:
        root = options.keep or Path(folder)
        (root / "slurm").mkdir(parents=True)
        began = time.monotonic()
        with cluster(root / "slurm", NODES, CPUS) as machines:
            proof = Proof(SHORT if options.short else FULL, options.seed, root / "project", machines)
            code = proof.perform()
            losses, figures = proof.losses(), proof.figures()
    for loss in losses:
        print(loss)
    print(f"slurm: seed {options.seed}, {figures}, {time.monotonic() - began:.0f} s")
    print(f"slurm: exit code {code}, {len(losses)} losses")
    return int(bool(losses or code))
