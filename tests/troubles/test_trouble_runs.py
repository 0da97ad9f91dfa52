"""Runs that fail, are partial, die with their owner, or take too long; what rules say of them, and their logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

from faults.clocks import wall_clock
from troubles.drill import PROMPT, Drill

#: Exits with what the file `code` says, and waits before that while there is a file `wait`, though not for ever.
PROGRAM = "echo hello >>begun; for i in $(seq 3000); do test -e wait || break; sleep 0.02; done; exit $(cat code)"
DAY_S = 86400.0


def working(trouble: Drill, pipeline: str = "", **parts: dict[str, object]) -> None:
    """The pipeline `load`, of which that is said as well, and which has succeeded once."""
    trouble.configure(f"pipelines: {{load: {{shell: {json.dumps(PROGRAM)}{pipeline}}}}}", **parts)
    exits(trouble, 0)
    assert trouble.tetra("run").returncode == 0
    trouble.has_not_begun()


def exits(trouble: Drill, code: int) -> None:
    trouble.site.write("code", str(code))


def begins(trouble: Drill) -> tuple[subprocess.Popen[str], Path]:
    """A run whose task runs, until the file is removed."""
    begun, wait = (trouble.site.write(name, "") for name in ("begun", "wait"))
    run = trouble.site.start("run")
    trouble.site.until(begun.read_text)
    return run, wait


def test_a_pipeline_fails(trouble: Drill) -> None:
    working(trouble)
    exits(trouble, 3)
    assert trouble.tetra("run").returncode == 2
    trouble.is_found_and_told_once()
    assert trouble.tetra("run").returncode == 2
    assert trouble.letters() == [("raised", *trouble.finding)]
    exits(trouble, 0)
    assert trouble.tetra("run").returncode == 0
    trouble.is_over()


def test_the_owner_of_a_run_is_killed(trouble: Drill) -> None:
    """Nobody is left to say so: the next look finds the run lost."""
    working(trouble)
    owner, wait = begins(trouble)
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    assert trouble.letters() == []
    trouble.is_found_and_told_once()
    wait.unlink()
    assert trouble.tetra("run").returncode == 0
    trouble.is_over()


def test_a_pipeline_ends_partial_by_its_fallback(trouble: Drill) -> None:
    working(trouble, ", on_failure: {fallback: {shell: 'true'}}")
    exits(trouble, 3)
    assert trouble.tetra("run").returncode == 1
    trouble.is_found_and_told_once()
    exits(trouble, 0)
    assert trouble.tetra("run").returncode == 0
    trouble.is_over()


def test_a_rule_about_the_error_rate_holds(trouble: Drill) -> None:
    """One that is told of rates wants to hear of no single failure."""
    rule = {"name": "Many errors", "condition": "error_rate > 0.1 and runs >= 2", "channels": ["hook"]}
    told = {**PROMPT, "rules": [rule], "findings": {"ignore": ["pipeline_failed"]}}
    working(trouble, monitor={"error_window": 2}, alerting=told)
    exits(trouble, 3)
    assert trouble.tetra("run").returncode == 2
    trouble.is_found_and_told_once()
    exits(trouble, 0)
    assert trouble.tetra("run").returncode == 0
    assert trouble.letters() == [("raised", *trouble.finding)]
    assert trouble.tetra("run").returncode == 0
    trouble.is_over()


def test_a_run_takes_much_longer_than_usual(trouble: Drill) -> None:
    with wall_clock(trouble.site) as clock:
        working(trouble)
        assert [trouble.tetra("run").returncode for _ in range(2)] == [0, 0]
        run, wait = begins(trouble)
        trouble.has_not_begun()
        clock.shift(timedelta(minutes=10))
        trouble.is_found_and_told_once()
        wait.unlink()
        assert trouble.site.finish(run).returncode == 0
        assert trouble.tetra("run").returncode == 0
        trouble.is_over()


def test_a_task_is_slow(trouble: Drill) -> None:
    working(trouble, monitor={"slow_task": "2s"})
    run, wait = begins(trouble)
    time.sleep(2.2)
    wait.unlink()
    assert trouble.site.finish(run).returncode == 0
    trouble.is_found_and_told_once()
    assert trouble.tetra("run").returncode == 0
    trouble.is_over()


def test_a_log_is_stale(trouble: Drill) -> None:
    working(trouble, monitor={"log_age": "25h"})
    (log,) = (trouble.site.root / "logs" / "runs").rglob("load.1.log")
    os.utime(log, (time.time() - 26 / 24 * DAY_S,) * 2)
    trouble.is_found_and_told_once()
    assert trouble.tetra("run").returncode == 0
    trouble.is_over()
