"""Runs of every kind in a throw-away project, by the real command line: `python -m proofs.powercut_workload NAME ROOT`.

Each scenario has a project, and a procedure that starts commands on it. What they print goes to files below `printed/`,
so that whoever traces the system calls sees when something was acknowledged.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

PRINTED = "printed"
BEGUN, SLOW = "begun", "slow"
TIMER, AUDIT = "secondly", ("schedule", "audit", "--since", "2020-01-01")
ROWS = """echo '{"rows": 3}' >>"$TETRA_OUTPUT"\n"""
READY = """echo '{"ready": true}' >>"$TETRA_OUTPUT"\n"""
FUNCTIONS = """
def load():
    return {"rows": 3}

def count(frame):
    return {"twice": 2 * frame["rows"]}

def fail(frame):
    raise ValueError("no")
"""
#: So many that none of the files in the cache is a single sector.
NAMES = [f"one_pipeline_of_very_many_{n:03}" for n in range(240)]
#: Of anything that should take a moment: the machine may be busy.
PATIENCE_S = 60.0
#: Within so many seconds a slot falls due that falls due every second.
NEXT_SLOT_S = 1.05


class Commands:
    """Starts commands in the project at `root`; with `synchronous`, such that their commits are less durable."""

    def __init__(self, root: Path, synchronous: str | None):
        lowered = ("-m", "proofs.powercut_lowered", str(synchronous))
        self._program = (sys.executable, *(lowered if synchronous else ("-m", "tetra_orchestrator")))
        self.root = root
        self._printed = root / PRINTED
        self._env = {"PATH": os.environ["PATH"], "HOME": str(root), "TZ": "UTC"}
        self._env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start it with a file of its own to print to."""
        path = self._printed / f"{len(os.listdir(self._printed)):02}-{words[0]}"
        argv = [*self._program, *words, *(() if words[0] == "fire" else ("--json",))]
        with path.open("wb") as out:
            process = subprocess.Popen(
                argv,
                cwd=self.root,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def start_waiting(self, *words: str) -> subprocess.Popen[bytes]:
        """A run whose task `waits` has begun; by a command that is not `run`, if there are words."""
        begun = self.root / BEGUN
        begun.unlink(missing_ok=True)
        process = self.start(*(words or ("run", "--mode", "all")))
        _until(begun.exists, "attempt began")
        return process

    def run(self, *words: str) -> None:
        """Start it and wait for its end."""
        self.start(*words).wait(PATIENCE_S)

    def close(self) -> None:
        """End what has not ended."""
        for process in self._started:
            process.kill()

    def look(self) -> None:
        """Have it printed how all that happened went."""
        self.run("status")
        self.run("show")


class Scenario(NamedTuple):
    """`pipelines` and `schedules` are the file's, `perform` starts the commands.

    If `old`, there is a store of version 1 before.
    """

    pipelines: dict[str, dict[str, Any]]
    perform: Callable[[Commands], None]
    old: bool = False
    schedules: Mapping[str, dict[str, Any]] = MappingProxyType({})

    def outputs(self) -> dict[str, dict[str, int]]:
        """What its tasks hand on when they succeed."""
        return {name: {"rows": 3} for name, task in self.pipelines.items() if ROWS in task.get("shell", "")}

    def configuration(self) -> str:
        """The file, as JSON, which is YAML too."""
        head = {"version": 1, "project": "cut", "python": sys.executable, "sessions": {"s": {}}}
        defaults = {"task": {"kill_grace": "1s"}}
        schedules = {"nightly": {"mode": "all", "cron": "0 3 * * *"}, **self.schedules}
        modes = {"all": list(self.pipelines)}
        body = {"pipelines": self.pipelines, "modes": modes, "defaults": defaults, "schedules": schedules}
        return json.dumps({**head, **body, "host": {"max_parallel": 4}})


def _twice(commands: Commands) -> None:
    for _ in range(2):
        commands.run("run", "--mode", "all")
        commands.look()


def _end(commands: Commands) -> None:
    """Runs that fail, that succeed in part, and that take too long."""
    commands.run("run", "--mode", "all")
    commands.look()
    commands.run("resume")
    commands.run("run", "--pipeline", "excused", "--pipeline", "after")
    longer = ("--set", "pipelines.slow.timeout=60s", "--set", "defaults.run.timeout=0.3s")
    commands.run("run", "--pipeline", "slow", *longer)
    commands.look()


def _cancel(commands: Commands) -> None:
    """One run ends by a signal, one by `cancel`, one by `stop`; then something is paused."""
    process = commands.start_waiting()
    process.terminate()
    process.wait(PATIENCE_S)
    for words in (("cancel", "latest"), ("stop",)):
        process = commands.start_waiting()
        commands.run(*words)
        process.wait(PATIENCE_S)
        commands.look()
    commands.run("pause", "waits", "--reason", "no power")
    commands.run("run", "--mode", "all")
    commands.look()


def _kill(commands: Commands) -> None:
    """The run dies and the next command settles it; then another run dies, and a run settles it."""
    for settles in (commands.look, lambda: commands.run("run", "--pipeline", "quick")):
        process = commands.start_waiting()
        process.kill()
        process.wait(PATIENCE_S)
        settles()
    commands.look()


def _outlive(commands: Commands) -> None:
    """The run dies, its attempts do not, and leave how they ended; then all of it goes well."""
    process = commands.start_waiting()
    process.kill()
    process.wait(PATIENCE_S)
    _until(lambda: len(list(commands.root.glob("state/attempts/*/*.record.json"))) == 2, "two records")
    commands.look()
    commands.run("run", "--mode", "all")


def _much(commands: Commands) -> None:
    """So much is written that SQLite moves pages from its journal into the store while the run goes on."""
    commands.run("run", "--mode", "all", "--max-parallel", "2")
    commands.run("run", "--pipeline", NAMES[0])
    commands.look()


def _crowd(commands: Commands) -> None:
    """Several processes have one store, which none of them finds at first."""
    for _ in range(2):
        started = [commands.start("run", "--pipeline", name) for name in ("one", "two", "three")]
        started.append(commands.start("status"))
        for process in started:
            process.wait(PATIENCE_S)
    commands.look()


def _upgrade(commands: Commands) -> None:
    """Two processes find the old store."""
    started = [commands.start("run", "--pipeline", name) for name in ("one", "two")]
    for process in started:
        process.wait(PATIENCE_S)
    commands.look()


def _fire(commands: Commands) -> None:
    """A timer wakes us: in time, beside a run that dies later, and while it is paused. A slot is due every second."""
    commands.run("fire", TIMER)
    commands.run(*AUDIT)
    (commands.root / SLOW).touch()
    time.sleep(NEXT_SLOT_S)
    process = commands.start_waiting("fire", TIMER)
    time.sleep(NEXT_SLOT_S)
    commands.run("fire", TIMER)
    commands.run(*AUDIT)
    process.kill()
    process.wait(PATIENCE_S)
    commands.run(*AUDIT)
    commands.run("pause", TIMER, "--schedule")
    time.sleep(NEXT_SLOT_S)
    commands.run("fire", TIMER)
    commands.run(*AUDIT)


def _until(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, f"no {what} in {PATIENCE_S} s"
        time.sleep(0.02)


_QUICK = {"shell": ROWS}
_WAITS = {"shell": f": >{BEGUN}; sleep 60"}
SCENARIOS = {
    "endings": Scenario(
        {
            "rows": {"shell": ROWS, "outputs": {"rows": "int"}},
            "reads": {"command": ["test", "{rows.rows}", "=", "3"], "depends_on": ["rows"]},
            "flaky": {"shell": "[ $TETRA_ATTEMPT = 3 ]", "retry": {"max_attempts": 3, "delay": "0.1s"}},
            "fails": {"shell": "exit 3", "retry": {"max_attempts": 2, "delay": 0}},
            "behind": {"shell": "true", "depends_on": ["fails"]},
            "excused": {"shell": "exit 3", "continue_on": {"failure": True}},
            "after": {"shell": "true", "depends_on": ["excused"]},
            "off": {"shell": "true", "enabled": False},
            "slow": {"shell": "sleep 60", "timeout": "0.3s"},
            "missing": {"command": ["./no-such-program"]},
            "serves": {"shell": f"{READY} sleep 60", "until": "stopped"},
            "served": {"shell": "true", "depends_on": [{"serves": "ready"}]},
        },
        _end,
    ),
    "cancelled": Scenario({"quick": _QUICK, "waits": _WAITS, "never": {**_QUICK, "depends_on": ["waits"]}}, _cancel),
    "lost": Scenario({"quick": _QUICK, "waits": _WAITS, "never": {**_QUICK, "depends_on": ["waits"]}}, _kill),
    "surviving": Scenario(
        {"quick": {**_QUICK, "survive": True}, "waits": {"shell": f": >{BEGUN}; sleep 0.5\n{ROWS}", "survive": True}},
        _outlive,
    ),
    "session": Scenario(
        {
            "load": {"function": "functions.load", "session": "s", "writes": ["frame"]},
            "count": {
                "function": "functions.count",
                "session": "s",
                "reads": ["frame"],
                "depends_on": ["load"],
                "outputs": {"twice": "int"},
            },
            "fail": {"function": "functions.fail", "session": "s", "reads": ["frame"], "depends_on": ["load"]},
        },
        _twice,
    ),
    "crowd": Scenario({name: {"shell": ROWS} for name in ("one", "two", "three")}, _crowd),
    "upgrade": Scenario({name: {"shell": ROWS} for name in ("one", "two")}, _upgrade, old=True),
    "slots": Scenario(
        {"work": {"shell": f"if [ -e {SLOW} ]; then : >{BEGUN}; sleep 60; fi\n{ROWS}"}},
        _fire,
        schedules={TIMER: {"pipelines": ["work"], "every": "1s"}},
    ),
    "much": Scenario({name: {"shell": "true"} for name in NAMES}, _much),
}


def main(name: str, root: str, synchronous: str = "") -> None:
    """Perform the scenario in the project at `root`."""
    with closing(Commands(Path(root), synchronous or None)) as commands:
        SCENARIOS[name].perform(commands)


if __name__ == "__main__":
    main(*sys.argv[1:])
