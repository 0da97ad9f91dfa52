"""W11: what looks back, over a history of 10,000 runs and 1,000,000 tasks."""

from __future__ import annotations

from pathlib import Path

import apsw

from benchmarks import tools
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, environment, measure
from benchmarks.tools import ENTRY

ROUNDS = 15
RUNS, PIPELINES, TASKS = 10_000, 20, 5
#: Pipelines beside those that succeed every time: one has failed since the first run, one has never done anything else,
#: and one was left out of all runs but the first.
FAILED_SINCE, FAILED_ALWAYS, SKIPPED_SINCE = PIPELINES - 3, PIPELINES - 2, PIPELINES - 1
#: Microseconds since 1970 of the first run; one run follows the other after an hour.
FIRST, HOUR, MINUTE, SECOND = 1_700_000_000_000_000, 3_600_000_000, 60_000_000, 1_000_000

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
_RUNS = f"""
INSERT INTO runs (id, run_id, project, mode, trigger, state, config_hash, started_at, finished_at, duration_s,
    exit_code, log, tags)
{_NUMBERS.format(first=1, last="{runs}")}
SELECT i, strftime('%Y%m%dT%H%M%SZ', ({FIRST} + i * {HOUR}) / {SECOND}, 'unixepoch') || '-' || printf('%06d', i),
    'bench', CASE i % 7 WHEN 0 THEN 'weekly' ELSE 'all' END, 'schedule', CASE i % 10 WHEN 0 THEN 'partial'
    ELSE 'failed' END, (SELECT hash FROM configs LIMIT 1), {FIRST} + i * {HOUR}, {FIRST} + i * {HOUR} + {MINUTE}, 60.0,
    2, '/logs/orchestrator_' || i || '.log', CASE i % 100 WHEN 0 THEN '["owner=anna"]' END FROM n
"""
_TASK_RUNS = f"""
INSERT INTO task_runs (run, task_id, pipeline, position, state, version, started_at, finished_at, attempts)
{_NUMBERS.format(first=0, last="{tasks} - 1")}
SELECT runs.id, 'p' || (i / {TASKS}) || '.t' || (i % {TASKS}), 'p' || (i / {TASKS}), i,
    CASE WHEN i / {TASKS} = {FAILED_ALWAYS} OR i / {TASKS} = {FAILED_SINCE} AND runs.id > 1 THEN 'failed'
        WHEN i / {TASKS} = {SKIPPED_SINCE} AND runs.id > 1 THEN 'skipped' ELSE 'succeeded' END,
    3, runs.started_at + i * {SECOND} / 2, runs.started_at + (i + 1) * {SECOND} / 2,
    CASE WHEN i / {TASKS} = {SKIPPED_SINCE} AND runs.id > 1 THEN 0 ELSE 1 END
FROM runs, n
"""
_ATTEMPTS = """
INSERT INTO attempts (run, task_id, number, token, state, log, runner, kind, exit_code, started_at, finished_at,
    waited_s, duration_s)
SELECT run, task_id, 1, printf('%032x', id), state, '/logs/runs/' || run || '/' || task_id || '.1.log', 'local',
    'exited', CASE state WHEN 'failed' THEN 1 ELSE 0 END, started_at, finished_at, 0.0, 0.5
FROM task_runs WHERE attempts = 1
"""


def look_back(root: Path, options: Options) -> Part:
    """Measure them beside a bare interpreter."""
    folder = root / "W11"
    folder.mkdir()
    path = prepare(folder)
    fill(path, RUNS)
    asked = {
        "status": ("status",),
        "history": ("history",),
        "failed": ("history", "--state", "success", "--pipeline", "p0"),
        "tag": ("history", "--tag", "owner=nobody"),
        "page": ("history", "-n", "1000", "--json"),
        "show": ("show",),
        "dry prune": ("prune", "--dry-run", "--runs", "9000"),
    }
    cases = [Case(name, f"`{' '.join(words)}`", (*ENTRY, *words), folder) for name, words in asked.items()]
    cases.append(tools.bare(folder))
    facts = {"runs": RUNS, "tasks": RUNS * PIPELINES * TASKS, "bytes": path.stat().st_size}
    return part(cases, measure(cases, options.most(ROUNDS)), facts, {}, {})


def prepare(folder: Path) -> Path:
    """Write the configuration into the folder, and have a run make the store; returns that."""
    import subprocess

    tasks = ", ".join(f"t{number}: {{command: ['true']}}" for number in range(TASKS))
    lines = [f"  p{number}: {{tasks: {{{tasks}}}}}" for number in range(PIPELINES)]
    text = "\n".join(["version: 1", "project: bench", "pipelines:", *lines, ""])
    (folder / "orchestration.yaml").write_text(text, encoding="utf-8")
    subprocess.run((*ENTRY, "run"), cwd=folder, env=environment(), check=True, capture_output=True)
    return folder / "state" / "tetra.db"


def fill(path: Path, runs: int) -> None:
    """Put so many runs into the store in place of what is there, as its own statements would have left them."""
    store = apsw.Connection(str(path))
    try:
        store.execute("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF; DELETE FROM runs")
        for statement in (_RUNS.format(runs=runs), _TASK_RUNS.format(tasks=PIPELINES * TASKS), _ATTEMPTS):
            store.execute(statement)
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        store.close()
