"""Standard streams that are closed, stopped, slow or cannot be written, and words that are not UTF-8."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import termios
import threading
import time
from contextlib import contextmanager

import pytest

from support.samples import pairs

FILE = """
    pipelines:
      data: {shell: "echo data"}
    modes: {daily: [data]}
"""
UNWRITABLE = "error: cannot write to standard output: No space left on device\n"
#: Our command, whose own log is on a full disk.
FULL_LOG = """
import os
from tetra_orchestrator.adapters import workspace
make = workspace.Workspace.open_log
def on_a_full_disk(self, now):
    path = make(self, now)
    os.unlink(path)
    os.symlink("/dev/full", path)
    return path
workspace.Workspace.open_log = on_a_full_disk
from tetra_orchestrator.cli.main import main
main()
"""
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


def sh(site, line, **env):
    """A shell's line, in which `tetra` is our command."""
    tetra = f'tetra() {{ "{sys.executable}" -m tetra_orchestrator "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", tetra + line], cwd=site.root, env={**site.env, **env}, capture_output=True, text=True, timeout=60
    )


COMMANDS = ("run", "status", "show", "version", "validate", "logs")
CLOSED = ("<&- >&- 2>&-", ">&-", "2>&-", "<&-")


@pytest.mark.parametrize(("command", "closed"), pairs(COMMANDS, CLOSED, 2))
def test_a_closed_stream_is_as_good_as_the_null_device(site, command, closed):
    site.configure(FILE)
    if command in ("show", "logs"):
        site.run("run")
    done = sh(site, f"tetra {command} {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    site.run("run")
    assert site.json("show")["run"]["state"] == "succeeded"


@needs_full
@pytest.mark.parametrize("command", ["status", "status --json", "show", "version", "graph", "logs", "--help"])
def test_output_that_cannot_be_written_ends_with_73_and_one_line(site, command):
    site.configure(FILE)
    site.run("run")
    done = sh(site, f"tetra {command} >/dev/full")
    assert (done.returncode, done.stderr) == (73, UNWRITABLE)


@needs_full
@pytest.mark.parametrize(("shell", "code", "state"), [("true", 0, "succeeded"), ("exit 3", 2, "failed")])
def test_a_run_whose_words_cannot_be_written_ends_as_it_ended_and_says_what_is_missing(site, shell, code, state):
    site.configure(f"pipelines: {{data: {{shell: '{shell}'}}}}\n")
    done = sh(site, "tetra run --json >/dev/full")
    missing = "warning: 5 lines are missing on standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (code, missing)
    assert site.json("show")["run"]["state"] == state


@needs_full
def test_a_run_whose_log_cannot_be_written_ends_as_it_ended_and_says_so(site):
    site.configure(FILE)
    full = site.root / "full.py"
    full.write_text(FULL_LOG)
    done = sh(site, f'"{sys.executable}" {full.name} run --progress plain')
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].endswith("Orchestration completed")
    assert done.stderr.startswith("warning: the run's log ")
    assert done.stderr.endswith(".log is incomplete: [Errno 28] No space left on device\n")


@needs_full
def test_more_output_than_a_buffer_holds_ends_with_73_too(site):
    site.configure("pipelines: {data: {shell: 'head -c 300000 /dev/zero | tr \"\\\\0\" x'}}\n")
    site.run("run")
    done = sh(site, "tetra logs -p data >/dev/full")
    assert (done.returncode, done.stderr) == (73, UNWRITABLE)


@needs_full
def test_full_standard_error_takes_only_the_words(site):
    site.configure(FILE)
    assert sh(site, "tetra run --mode dayly 2>/dev/full").returncode == 64
    assert sh(site, "tetra status >/dev/full 2>/dev/full").returncode == 73


def broken(site):
    site.configure(FILE)
    site.write("broken/apsw/__init__.py", "raise RuntimeError('boom')\n")
    config = f"{site.root}/config/orchestration.yaml"
    return {"PYTHONPATH": f"{site.root}/broken:{site.env['PYTHONPATH']}", "PIPELINE_CONFIG": config}


def test_a_report_s_folders_are_private_and_below_the_project(site, tmp_path):
    env = broken(site)
    (tmp_path / "home").mkdir()
    done = sh(site, "umask 0; tetra status", **env, TETRA_HOME=f"{tmp_path}/home")
    assert done.returncode == 70
    folders = [tmp_path / "home" / "state", tmp_path / "home" / "state" / "reports"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
    assert len(list(folders[1].iterdir())) == 1


def test_a_report_that_cannot_be_written_is_printed(site):
    env = broken(site)
    done = sh(site, "tetra status", **env, TETRA_HOME="/proc")
    assert done.returncode == 70
    lines = done.stderr.rstrip().splitlines()
    assert lines[:2] == [
        "error: this is a fault of ours: RuntimeError: boom",
        "  hint: please report it with these lines",
    ]
    assert lines[-1] == "RuntimeError: boom"


def test_a_word_that_is_not_utf_8_is_not_our_fault(site):
    site.configure(FILE)
    for command in ("validate", "run"):
        done = sh(site, f"tetra {command} --set title=$'\\xff'")
        assert (done.returncode, done.stdout) == (64, "")
        assert done.stderr.startswith("error: --set title=\\udcff: this is not UTF-8 text")


# Readers that do not read

LENGTH = 12
#: The events of the chain: two for the run, and three for each task.
EVENTS = list(range(1, 3 + 3 * LENGTH))
SMALL = 4096  # bytes that a pipe can hold at least


def chain(site, length=LENGTH):
    """A chain whose every event is long: so few of them fill a small pipe, and no one is larger than PIPE_BUF."""
    names = [f"{'a_pipeline_with_a_long_name':_<90}{n:02d}" for n in range(length)]
    tasks = {name: {"shell": "true", "depends_on": names[n - 1 : n] if n else []} for n, name in enumerate(names)}
    site.configure(f"pipelines: {json.dumps(tasks)}\n")


@contextmanager
def small_pipe():
    """(reading end, writing end) of a pipe that holds less than the chain has to say."""
    if not hasattr(fcntl, "F_SETPIPE_SZ"):
        pytest.skip("needs a pipe whose size can be set")
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALL)
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


def all_of_the_log(site):
    """Whether the run's own log holds its first and its last line."""
    lines = site.lines_of_log() or [""]
    return lines[0].startswith("Starting orchestration") and lines[-1] == "Orchestration completed"


def test_fault_98_a_reader_that_sleeps_does_not_block_the_run_and_gets_whole_lines(site):
    chain(site)
    with small_pipe() as (reader, writer):
        with subprocess.Popen(["sleep", "60"], stdin=reader) as sleeper:
            process = site.start("run", "--json", stdout=writer)
            _, words = process.communicate(timeout=60)
            sleeper.kill()
        writer.close()
        came = reader.read()
    rows = [json.loads(line) for line in came.splitlines(keepends=True)]
    assert 0 < len(came) <= SMALL
    assert came.endswith(b"}\n")
    assert [row["seq"] for row in rows] == EVENTS[: len(rows)]
    missing = len(EVENTS) - len(rows)
    assert (process.returncode, words) == (
        0,
        f"warning: {missing} lines are missing on standard output: nobody read it\n",
    )
    assert site.json("show")["run"]["state"] == "succeeded"
    assert all_of_the_log(site)


def test_fault_98_the_run_is_over_in_the_store_while_its_reader_is_still_waited_for(site):
    chain(site)
    with small_pipe() as (reader, writer):
        process = site.start("run", "--json", stdout=writer)
        writer.close()
        hurry = threading.Event()
        came = []

        def read():
            while chunk := reader.read(SMALL if hurry.is_set() else 50):
                came.append(chunk)
                hurry.wait(0.05)

        slow = threading.Thread(target=read, daemon=True)
        slow.start()
        site.until(lambda: (site.root / "logs" / "latest").exists() and all_of_the_log(site), 30)
        assert site.run("run", "--progress", "plain").returncode == 0  # its locks are free
        assert process.poll() is None
        hurry.set()
        assert process.wait(timeout=60) == 0
        slow.join()
        process.communicate()
    assert [json.loads(line)["seq"] for line in b"".join(came).splitlines()] == EVENTS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_after_the_run_is_over_does_not_change_its_exit_code(site, number):
    chain(site)
    with small_pipe() as (reader, writer):
        process = site.start("run", "--json", stdout=writer)
        site.until(lambda: (site.root / "logs" / "latest").exists() and all_of_the_log(site), 30)
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.001)
        assert process.communicate()[1].startswith("warning: ")
    assert process.returncode == 0 == site.json("show")["run"]["exit_code"]


def test_fault_98_a_reader_that_is_slow_but_reads_all_misses_nothing(site):
    chain(site)
    with small_pipe() as (reader, writer):
        process = site.start("run", "--json", stdout=writer)
        writer.close()
        came = b""
        while chunk := reader.read(200):
            came += chunk
            time.sleep(0.02)
        _, words = process.communicate(timeout=60)
    assert (process.returncode, words) == (0, "")
    assert [json.loads(line)["seq"] for line in came.splitlines()] == EVENTS


@pytest.mark.parametrize("style", ["--json", "--progress=plain", "--progress=steps", "--progress=live"])
@pytest.mark.parametrize(("shell", "code"), [("true", 0), ("exit 3", 2)])
def test_fault_39_a_reader_that_goes_after_a_line_changes_nothing(site, style, shell, code):
    site.configure(f"""
        pipelines:
          one: {{shell: "true"}}
          two: {{shell: "sleep 0.3; {shell}", depends_on: [one]}}
    """)
    done = sh(site, f"tetra run {style} | head -1; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (code, "")
    assert len(done.stdout.splitlines()) == 1
    assert site.json("show")["run"]["exit_code"] == code
    last = "Orchestration completed" if code == 0 else "Look closer"
    assert site.lines_of_log()[-1].startswith(last)


@contextmanager
def terminal():
    """(the terminal's side, the program's side); either may be closed by the test."""
    leader, follower = (os.fdopen(fd, "r+b", buffering=0) for fd in pty.openpty())
    with leader, follower:
        yield leader, follower


@pytest.mark.parametrize("progress", ["live", "plain"])
def test_fault_98_a_terminal_stopped_by_ctrl_s_does_not_block_the_run(site, progress):
    chain(site)
    with terminal() as (leader, follower):
        termios.tcflow(follower, termios.TCOOFF)
        process = site.start(
            "run", "--progress", progress, stdout=follower, stderr=follower, stdin=follower, env={"TERM": "xterm"}
        )
        assert process.wait(timeout=60) == 0
    assert site.json("show")["run"]["state"] == "succeeded"
    assert all_of_the_log(site)


def test_fault_98_a_terminal_that_goes_on_after_ctrl_q_shows_every_line(site):
    chain(site)
    shown = b""

    def read(fd):
        nonlocal shown
        while b"Orchestration completed" not in shown:
            shown += os.read(fd, 65536)

    with terminal() as (leader, follower):
        termios.tcflow(follower, termios.TCOOFF)
        process = site.start("run", "--progress", "plain", stdout=follower, stderr=follower, stdin=follower)
        site.until(lambda: (site.root / "logs" / "latest").exists() and all_of_the_log(site), 30)
        termios.tcflow(follower, termios.TCOON)
        reader = threading.Thread(target=read, args=(leader.fileno(),), daemon=True)
        reader.start()
        assert process.wait(timeout=60) == 0
        reader.join(timeout=20)
    assert shown.decode().replace("\r\n", "\n") == (site.root / "logs" / "latest").read_text()


@pytest.mark.parametrize("progress", ["live", "plain"])
def test_fault_39_a_terminal_that_is_closed_ends_no_run_that_does_not_belong_to_it(site, progress):
    site.configure('pipelines: {one: {shell: "sleep 1"}, two: {shell: "true", depends_on: [one]}}\n')
    with terminal() as (leader, follower):
        process = site.start("run", "--progress", progress, stdout=follower, stderr=follower, stdin=follower)
        follower.close()
        site.until(lambda: os.read(leader.fileno(), 65536))
        leader.close()
        assert process.wait(timeout=60) == 0
    assert site.json("show")["run"]["state"] == "succeeded"
    assert all_of_the_log(site)
