"""Group G: output without end, bytes that are no text, secrets in it, outputs that cannot be read, slow readers."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import resource
import select
import sqlite3
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from tetra_orchestrator.core.retention import MOST

STOPWATCH = Path(__file__).parents[2] / "benchmarks" / "stopwatch.py"
MB = 1 << 20
SHORT, FULL = 300, 10240
#: What memory may grow by, however long the output.
GROWTH = 50 * MB

FLOOD = """
import sys
megabytes, end = int(sys.argv[1]), sys.argv[2]
out = sys.stdout.buffer
out.write(b"the first line\\n")
block = (b"x" * 1023 + (b"\\n" if end else b"x")) * 1024
for _ in range(megabytes):
    out.write(block)
out.write(b"\\nthe last line\\n")
out.flush()
with open("written", "w") as file:
    file.write(str(megabytes * len(block)))
"""


def peak_of(site, *args):
    """The exit code and the most bytes of memory that one process of ours, or one that it waited for, has had.

    Started by a small process, as the kernel counts what a process's parent had as its own.
    """
    command = [sys.executable, "-IS", STOPWATCH, sys.executable, "-m", "tetra_orchestrator", *args]
    done = subprocess.run(command, cwd=site.root, env=site.env, capture_output=True, text=True, check=True)
    code, _, _, memory = done.stdout.split()
    return int(code), int(memory) * 1024


def flood(site, observed, megabytes, end):
    """A run with so much output in one task, held against one with next to none."""
    site.write("flood.py", FLOOD)
    line = f"pipelines: {{flood: {{command: [python, flood.py, '%d', '{end}'], log_limit: 1MB}}}}"
    site.configure(line % 1)
    code, quiet = peak_of(site, "run")
    assert code == 0
    site.configure(line % megabytes)
    code, loud = peak_of(site, "run")
    assert int(site.note("written")) == megabytes * MB
    observed(f"{megabytes} MB written by the child")
    assert code == 0, "the child was neither blocked nor broken off"
    assert site.states() == {"flood": "succeeded"}
    assert loud - quiet < GROWTH
    log = site.log("flood")
    assert len(log) < 1.1 * MB
    assert log.startswith(b"the first line\n")
    assert log.endswith(b"\nthe last line\n")
    (gap,) = re.findall(rb"(\d+) bytes", log)
    assert int(gap) > (megabytes - 2) * MB, "the log tells how much it lacks"


@pytest.mark.parametrize("megabytes", [SHORT, pytest.param(FULL, marks=pytest.mark.long)])
def test_fault_93_output_without_end_costs_no_memory_and_keeps_head_and_tail(site, observed, megabytes):
    flood(site, observed, megabytes, "newline")


@pytest.mark.parametrize("megabytes", [SHORT, pytest.param(1024, marks=pytest.mark.long)])
def test_fault_94_a_line_without_end_costs_no_memory_and_keeps_head_and_tail(site, observed, megabytes):
    flood(site, observed, megabytes, "")


def test_fault_93_output_without_a_limit_goes_to_its_file_past_us(site, observed):
    site.write("flood.py", FLOOD)
    site.configure(f"pipelines: {{flood: {{command: [python, flood.py, '{SHORT}', '']}}}}")
    code, peak = peak_of(site, "run")
    (log,) = site.root.glob("logs/runs/*/flood.1.log")
    observed(f"{SHORT} MB in the log", log.stat().st_size > SHORT * MB)
    assert code == 0
    assert peak < GROWTH + 50 * MB
    assert site.run("logs", "-p", "flood", "--tail", "1").stdout == "the last line\n"


EVERY_BYTE = bytes(range(256)) + "\x1b[31mred\x1b[0m 10%\r20%\r \u2028 \u202e end\n".encode() + b"\xff\xfe half \xc3\n"


@pytest.mark.parametrize("way", ["", "log_limit: 1MB"], ids=["direct", "filtered"])
def test_fault_95_bytes_that_are_no_text_are_kept_and_shown_harmlessly(site, observed, way):
    (site.root / "bytes").write_bytes(EVERY_BYTE)
    site.configure(f"pipelines: {{odd: {{shell: cat bytes; exit 1, {way}}}, fine: {{shell: cat bytes, {way}}}}}")
    done = site.run("run")
    log = site.log("fine")
    observed("every byte from 0 to 255, ANSI, CR, U+2028", set(log) == set(range(256)) and b"\x1b[31m" in log)
    assert done.returncode == 2
    assert site.states() == {"odd": "failed", "fine": "succeeded"}
    assert log == site.log("odd") == EVERY_BYTE
    shown = [done, site.run("logs", "-p", "fine"), site.run("show"), site.run("logs")]
    for text in (each.stdout + each.stderr for each in shown):
        assert not set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text))


def test_fault_95_characters_that_rearrange_a_line_are_shown_harmlessly(site, observed):
    (site.root / "bytes").write_bytes("one \u2028 two \u202e three\n".encode())
    site.configure("pipelines: {fine: {shell: cat bytes}}")
    assert site.run("run").returncode == 0
    observed("U+2028 and U+202E in the log", "\u202e" in site.log("fine").decode())
    assert not set("\u2028\u202e") & set(site.run("logs", "-p", "fine").stdout)


SECRET = 'q7#Zr"&pLm/42 ßx+9'
LONGER, LATER = "alpha-beta-gamma", "gamma-delta-epsilon"

LEAK = """
import base64, json, os, shlex, sys, time, urllib.parse
secret = os.environ["TOKEN"]

def say(data):
    os.write(1, data if isinstance(data, bytes) else data.encode())

print("start", flush=True)
count = 0
for byte in secret.encode():
    count += os.write(1, bytes([byte]))
    time.sleep(0.005)
say("\\n")
for lead in ("", "a", "bc"):
    say(base64.b64encode((lead + secret + "tail").encode()) + b"\\n")
say(urllib.parse.quote(secret) + "\\n" + urllib.parse.quote_plus(secret) + "\\n")
say(json.dumps(secret) + "\\n" + json.dumps(secret, ensure_ascii=False) + "\\n" + shlex.quote(secret) + "\\n")
say("x" * 65530 + secret + "\\n")
first, later = os.environ["FIRST"], os.environ["LATER"]
say(first + later[len("gamma"):] + "\\n")
say(later + first + "\\n")
open("split", "w").write(str(count))
print("the end", flush=True)
raise SystemExit(4)
"""


def forms(secret):
    """What of a secret must not be found: raw, in three phases of base64, for URLs, JSON and shells."""
    raw = secret.encode()
    yield raw
    for skip in range(3):
        whole = base64.b64encode(b"_" * skip + raw)
        # characters that hold bits of the neighbours as well are not the secret's own
        yield whole[-(-skip * 8 // 6) : len(whole) - (4 if len(b"_" * skip + raw) % 3 else 0)]
    yield urllib.parse.quote(secret).encode()
    yield urllib.parse.quote_plus(secret).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()


def test_fault_96_a_secret_in_the_output_never_reaches_the_disk(site, observed, tmp_path):
    keys = {"TOKEN": SECRET, "FIRST": LONGER, "LATER": LATER}
    for name, value in keys.items():
        (tmp_path / name).write_text(value)
    site.write("leak.py", LEAK)
    site.configure(f"""
        secrets:
          TOKEN: {{file: {tmp_path}/TOKEN}}
          FIRST: {{command: [cat, {tmp_path}/FIRST]}}
          LATER: {{file: {tmp_path}/LATER}}
        pipelines:
          leak: {{command: [python, leak.py], env: {{TOKEN: "${{TOKEN}}", FIRST: "${{FIRST}}", LATER: "${{LATER}}"}}}}
    """)
    done, trace = site.traced("write", "run")
    single = re.findall(r'write\(1, "[^"\\]", 1\)', trace)
    observed(f"{len(single)} writes of a single byte, then other encodings", len(single) > 10)
    assert done.returncode == 2
    log = site.log("leak")
    assert log.startswith(b"start\n")
    assert log.endswith(b"the end\n"), "what is no secret is kept"
    shown = site.run("show").stdout + site.run("show", "--json").stdout + site.run("logs").stdout + done.stdout
    places = {path.name: path.read_bytes() for path in site.written() if path.is_file()}
    places["what was shown"] = shown.encode()
    found = [
        (name, form)
        for name, data in places.items()
        for secret in keys.values()
        for form in forms(secret)
        if form in data
    ]
    assert found == []


BAD_OUTPUTS = {
    "huge": ("truncate -s 1G made", f"{1 << 30} bytes are more than the limit of {MB}"),
    "binary": (r"{ printf '\377'; head -c 1000 /dev/urandom; } >made", "line 1: "),
    "partial": ("""printf '{"rows": 1}\\n{"rows": 2' >made""", "line 2: "),
    "a list": ("echo [1] >made", "line 1: an object such as "),
    "no file": ("mkfifo made", "is not a regular file"),
}


@pytest.mark.parametrize("name", BAD_OUTPUTS)
def test_fault_97_outputs_that_cannot_be_read_fail_the_task_with_the_line(site, observed, name):
    line, told = BAD_OUTPUTS[name]
    site.write("work.sh", f'{line}\nls -n made\nmv made "$TETRA_OUTPUT"\n')
    site.configure("""
        pipelines:
          one: {command: [sh, work.sh]}
          after: {shell: echo after, depends_on: [one]}
    """)
    assert site.run("run").returncode == 2
    mode, _, _, _, size, *_ = site.log("one").decode().split()
    observed(f"{name}: {mode}, {size} bytes")
    assert site.states() == {"one": "failed", "after": "upstream_failed"}
    assert site.outcome("one") == ("outputs_invalid", 0, None)
    assert told in site.reason("one")
    assert site.tasks()["one"]["outputs"] == {}


def test_fault_97_of_a_key_that_comes_twice_the_later_counts_and_one_that_nobody_declared_is_kept(site, observed):
    site.write("work.sh", """printf '{"rows": 1, "extra": 5}\\n{"rows": 2}\\n' >"$TETRA_OUTPUT"\n""")
    site.configure("pipelines: {one: {command: [sh, work.sh], outputs: {rows: int}}}")
    assert site.run("run").returncode == 0
    (left,) = site.root.glob("state/attempts/*/one.1.output.jsonl")
    observed("a doubled and an undeclared key in the file", left.read_text().count("rows") == 2)
    assert site.tasks()["one"]["outputs"] == {"rows": 2, "extra": 5}


def test_fault_98_somebody_who_does_not_read_our_output_does_not_hold_up_the_run(site, observed):
    tasks = "".join(f"  task{number}: {{shell: 'true'}}\n" for number in range(60))
    site.configure(f"pipelines:\n{tasks}".replace("\n", "\n        "))
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    running = site.start("run", "--json", stdout=writer)
    try:
        site.until(lambda: (site.root / "state" / "tetra.db").exists() and full(writer))
        observed("the pipe takes no more: poll(2) without POLLOUT")
        site.until(lambda: site.run_state() == "succeeded", seconds=20)
    finally:
        os.close(writer)
        os.close(reader)
        running.wait(timeout=20)
    assert running.returncode == 0


def full(writer):
    poll = select.poll()
    poll.register(writer, select.POLLOUT)
    return not poll.poll(0)


RUNS = 10_000
COPIES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies})
INSERT INTO runs (run_id, {runs}) SELECT printf('20200101T000000Z-%06d', i), {runs} FROM n, runs WHERE id = 1;
CREATE TEMP VIEW copies AS SELECT id FROM runs WHERE run_id LIKE '20200101T%';
INSERT INTO task_runs (run, {task_runs}) SELECT copies.id, {task_runs} FROM copies, task_runs WHERE run = 1;
INSERT INTO attempts (run, {attempts}) SELECT copies.id, {attempts} FROM copies, attempts WHERE run = 1;
"""


def runs_in(site):
    return site.count("SELECT count(*) FROM runs")


def grown_old(site, copies, text=""):
    """A project with one run that has happened, and so many copies of it in its store."""
    site.configure(f"{text}pipelines: {{one: {{shell: echo one}}, two: {{shell: echo two}}}}")
    assert site.run("run").returncode == 0
    own = {"id", "run_id", "run"}
    with sqlite3.connect(site.root / "state" / "tetra.db") as store:
        columns = {
            table: ", ".join(f'"{row[1]}"' for row in store.execute(f"PRAGMA table_info({table})") if row[1] not in own)
            for table in ("runs", "task_runs", "attempts")
        }
        store.executescript(COPIES.format(copies=copies, **columns))


def cpu_seconds_of(site, *args):
    """The least time on a CPU that the command takes of five."""
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert site.run(*args).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def test_fault_99_ten_thousand_old_runs_do_not_slow_down_status(site, observed):
    grown_old(site, RUNS)
    observed(f"{runs_in(site)} runs", runs_in(site) > RUNS)
    assert cpu_seconds_of(site, "status") < 0.5
    assert site.run("run").returncode == site.run("show").returncode == 0
    assert runs_in(site) == RUNS + 2, "without `keep` nothing goes"


KEPT = "logs: {keep: {runs: 50}}\n"


def test_fault_99_of_ten_thousand_runs_beyond_what_is_kept_a_hundred_go_at_a_time(site, observed):
    grown_old(site, RUNS, KEPT)
    observed(f"{runs_in(site)} runs, and `keep: {{runs: 50}}`", runs_in(site) > RUNS)
    assert site.run("run").returncode == 0
    assert runs_in(site) == RUNS + 2 - MOST


def test_fault_99_runs_beyond_what_is_kept_go_with_their_logs(site, observed):
    grown_old(site, 120, KEPT)
    first = Path(site.json("show")["run"]["log"])
    for folder in ("logs/runs", "state/attempts", "state/checkpoints"):
        for number in range(1, 121):
            site.write(f"{folder}/20200101T000000Z-{number:06}/one.1", "x")
    observed(f"{runs_in(site)} runs with their files, and `keep: {{runs: 50}}`", runs_in(site) == 121)
    assert site.run("run").returncode == 0
    assert not first.exists()
    assert runs_in(site) == 50
    known = {path.name for path in (site.root / "logs" / "runs").iterdir()}
    assert {path.name for path in (site.root / "state" / "checkpoints").iterdir()} == known
    assert {path.name for path in (site.root / "state" / "attempts").iterdir()} == known
    assert len(known) == 50
    for table in ("task_runs", "attempts", "events"):
        assert site.count(f"SELECT count(*) FROM {table} WHERE run NOT IN (SELECT id FROM runs)") == 0
    assert site.json("show")["run"]["state"] == "succeeded"


def test_fault_99_old_files_that_cannot_be_removed_change_nothing_about_a_run(site, observed):
    grown_old(site, 60, KEPT)
    folder = site.root / "logs" / "runs" / "20200101T000000Z-000001"
    folder.symlink_to(site.root)
    done = site.run("run")
    observed("a link where the folder of a run's logs should be", folder.is_symlink())
    assert done.returncode == 0
    assert done.stderr.startswith(
        "warning: old runs are left: cannot remove the files of run 20200101T000000Z-000001: "
    )
    assert runs_in(site) == 51
    assert (site.root / "config" / "orchestration.yaml").exists()
