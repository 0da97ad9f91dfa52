"""Group I, what surrounds us when we are started: environment, locale, umask, folder, streams, signals, the host."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys

import pytest

from faults.stand import TETRA, has_signal
from support.components import missing, require, require_root

CHAIN = """
    host: {max_parallel: 1}
    pipelines:
      one: {shell: "echo 'größe \u00e9' | tee told; exit 0", outputs: {}}
      two: {shell: exit 3, depends_on: [one]}
      three: {shell: echo three, depends_on: [two]}
      aside: {command: [python, -c, "print('aside')"]}
"""
RESULT = {"one": "succeeded", "two": "failed", "three": "upstream_failed", "aside": "succeeded"}


def result(site, done):
    """Exit code, states and logs, which no surroundings may change."""
    return done.returncode, site.states(), site.log("one"), site.log("aside")


SAME = (2, RESULT, "größe \u00e9\n".encode(), b"aside\n")


def test_fault_108_an_almost_empty_environment_changes_nothing(site, observed):
    site.configure(CHAIN.replace("| tee told", "; cat /proc/$PPID/environ >environ"))
    path = f"PYTHONPATH={site.env['PYTHONPATH']}"
    done = site.command(require("env"), "-i", path, *TETRA, "run")
    assert result(site, done) == SAME
    observed("our own process had only PYTHONPATH", site.note("environ") == f"{path}\0")


LOCALES = {
    "C": {"LC_ALL": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def undated(text):
    """What was printed, without times and ids of runs."""
    return re.sub(r"\d{4}-\d\d-\d\d [\d:]+|\d{8}[T_]\d+(_\d+|Z-\w+)?|\d\.\d s", "", text)


@pytest.mark.parametrize("name", LOCALES)
def test_fault_109_another_locale_changes_no_byte(site, observed, name):
    env = LOCALES[name]
    site.configure(CHAIN)
    usual = site.run("run")
    line = "import locale, sys; print(locale.getpreferredencoding(), sys.stdout.encoding)"
    seen = site.command(sys.executable, "-c", line, env=site.env | env).stdout.strip()
    observed(f"{name}: Python speaks {seen.replace(' ', ' and ')}")
    done = site.run("run", env=env)
    assert result(site, done) == SAME
    assert undated(done.stdout) == undated(usual.stdout)
    shown = subprocess.run(
        [*TETRA, "logs", "-p", "one"], cwd=site.root, env=site.env | env, capture_output=True, check=True
    ).stdout
    assert shown == SAME[2]


def test_fault_109_an_interpreter_that_is_told_not_to_speak_utf_8_is_started_again_once(site, observed):
    env = site.env | LOCALES["ASCII"]
    trace = site.root.parent / "trace"
    strace = (require("strace"), "-o", str(trace), "-e", "trace=execve")
    done = site.command(*strace, TETRA[0], "-X", "utf8=0", *TETRA[1:], "--version", env=env)
    started = re.findall(r"^execve\(.* = 0$", trace.read_text(), re.MULTILINE)
    observed("-X utf8=0 and LC_ALL=C", len(started) == 2 and '"-X", "utf8", "-X", "utf8=0"' in started[1])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("umask", ["000", "077", "777"])
def test_fault_110_files_are_private_whatever_the_umask(site, observed, umask):
    site.configure(CHAIN.replace("| tee told", ""))
    line = f'umask {umask}; grep Umask /proc/self/status >&2; exec "$@"'
    done = site.command("/bin/sh", "-c", line, "sh", *TETRA, "run")
    observed(f"Umask: 0{umask} in proc(5)", f"Umask:\t0{umask}\n" in done.stderr)
    assert (done.returncode, site.states()) == SAME[:2]
    for path in site.written():
        if not path.is_symlink():
            wanted = 0o700 if path.is_dir() else 0o600
            assert (str(path), stat.S_IMODE(path.stat().st_mode)) == (str(path), wanted)


def test_fault_111_a_folder_of_our_own_that_was_deleted_changes_nothing(site, observed):
    site.configure(CHAIN)
    file = str(site.root / "config" / "orchestration.yaml")
    line = 'mkdir gone && cd gone && rmdir ../gone && readlink /proc/self/cwd && exec "$@"'
    done = site.command("/bin/sh", "-c", line, "sh", *TETRA, "run", "--config", file)
    observed("(deleted) behind the link /proc/self/cwd", "/gone (deleted)" in done.stdout)
    assert result(site, done) == SAME


def test_fault_111_the_root_as_our_folder_changes_nothing(site, observed):
    site.configure(CHAIN)
    before = set(os.listdir("/"))
    done = site.command(
        *TETRA, "run", cwd="/", env=site.env | {"PIPELINE_CONFIG": f"{site.root}/config/orchestration.yaml"}
    )
    observed("our folder was /")
    assert result(site, done) == SAME
    assert set(os.listdir("/")) == before, "nothing is written there"


def test_fault_111_a_folder_of_our_own_that_we_may_not_read_changes_nothing(site, observed):
    require_root()
    site.configure(CHAIN)
    closed = site.root / "closed"
    closed.mkdir()
    file = str(site.root / "config" / "orchestration.yaml")
    weak = (
        require("setpriv"),
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
    )
    line = 'cd closed && chmod 0 . && (ls . || true) && exec "$@"'
    done = site.command(*weak, "/bin/sh", "-c", line, "sh", *TETRA, "run", "--config", file)
    observed("EACCES for ls in it", "Permission denied" in done.stderr)
    assert result(site, done) == SAME


def test_fault_112_closed_standard_streams_are_never_given_to_the_store(site, observed):
    site.configure(CHAIN.replace("| tee told", "; ls -l /proc/$PPID/fd >&2"))
    trace = site.root.parent / "trace"
    strace = (require("strace"), "-o", str(trace), "-e", "trace=fcntl,dup,fstat,newfstatat")
    line = 'exec "$@" <&- >&- 2>&-'
    done = site.command("/bin/sh", "-c", line, "sh", *strace, *TETRA, "run")
    closed = set(re.findall(r"(?:fcntl|dup|fstat)\(([012])[^=]*= -1 EBADF", trace.read_text()))
    observed(f"EBADF for descriptors {', '.join(sorted(closed))}", closed == {"0", "1", "2"})
    assert (done.returncode, site.states()) == SAME[:2]
    ours = dict(re.findall(r" ([0-9]+) -> (.*)", site.log("one").decode()))
    assert [ours[number] for number in "012"] == ["/dev/null"] * 3
    with sqlite3.connect(site.root / "state" / "tetra.db") as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


#: Becomes our command after it has done what a careless parent does; tells what the kernel then says of it.
CARELESS = """
import os, signal, sys
{deed}
mask = next(line for line in open("/proc/self/status") if line.startswith("{mask}"))
open("mask", "w").write(mask.split()[1])
os.execv(sys.executable, [sys.executable, "-m", "tetra_orchestrator", "run"])
"""


@pytest.mark.parametrize("waiter", ["", "portable"])
def test_fault_113_a_parent_that_ignores_chld_costs_no_exit_code(site, observed, waiter):
    site.configure(CHAIN)
    deed = CARELESS.format(deed="signal.signal(signal.SIGCHLD, signal.SIG_IGN)", mask="SigIgn")
    done = site.command(sys.executable, "-c", deed, env=site.env | {"TETRA_WAITER": waiter})
    observed("CHLD is in SigIgn of proc(5)", has_signal(site.note("mask"), signal.SIGCHLD))
    assert result(site, done) == SAME
    assert site.outcome("two") == ("exited", 3, None)


@pytest.mark.parametrize("waiter", ["", "portable"])
def test_fault_114_signals_that_a_parent_has_blocked_reach_us_and_our_children(site, observed, waiter):
    site.configure('pipelines: {one: {shell: "grep SigBlk /proc/self/status >child; exec sleep 300"}}')
    blocked = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    deed = f"signal.pthread_sigmask(signal.SIG_BLOCK, {[int(number) for number in blocked]})"
    running = subprocess.Popen(
        [sys.executable, "-c", CARELESS.format(deed=deed, mask="SigBlk")],
        cwd=site.root, env=site.env | {"TETRA_WAITER": waiter},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    mask = site.note("mask")
    observed("TERM, INT, CHLD are in SigBlk of proc(5)", all(has_signal(mask, number) for number in blocked))
    child = site.note("child").split()[1]
    assert not any(has_signal(child, number) for number in blocked)
    running.terminate()
    assert site.finish(running).returncode == 143
    assert site.states() == {"one": "cancelled"}


def test_fault_119_root_runs_what_belongs_to_somebody_else():
    pytest.skip(
        "not covered, by decision: root often runs a checkout that another user has made, which a look at the owner of "
        "the file would refuse, while every module and script that it names could be somebody else's all the same"
    )


def test_fault_120_without_pidfd_exits_are_noticed_all_the_same(site, observed):
    site.configure(CHAIN)
    site.env.pop("TETRA_WAITER", None)
    trace = site.root.parent / "trace"
    fault = ("-e", "trace=pidfd_open", "-e", "inject=pidfd_open:error=ENOSYS")
    done = site.command(require("strace"), "-f", "-o", str(trace), *fault, *TETRA, "run")
    observed("pidfd_open = ENOSYS", re.search(r"pidfd_open\(.* = -1 ENOSYS .*\(INJECTED\)", trace.read_text()))
    assert result(site, done) == SAME


def test_fault_120_without_proc_a_run_ends_as_usual_and_says_what_it_went_by(site, observed):
    require_root()
    site.configure(CHAIN.replace("| tee told", "; ls -d /proc/self >&2"))
    line = 'mount -t tmpfs none /proc && exec "$@"'
    hidden = (require("unshare"), "--mount", "/bin/sh", "-c", line, "sh")
    done = site.command(*hidden, *TETRA, "run")
    if "mount" in done.stderr:
        missing("needs the right to mount")
    observed("ENOENT for /proc/self", b"/proc/self" in site.log("one") and b"No such file" in site.log("one"))
    assert (done.returncode, site.states()) == SAME[:2]
    assert site.log("one").startswith(SAME[2])
    assert {attempt["tree_gone_by"] for task in site.tasks().values() for attempt in task["attempts"]} == {"group"}


def test_fault_120_on_a_disk_that_cannot_be_written_nothing_is_started(site, observed):
    require_root()
    site.configure("pipelines: {one: {shell: touch /tmp/never-$$}}")
    line = 'mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && { touch probe; exec "$@"; }'
    done = site.command(require("unshare"), "--mount", "/bin/sh", "-c", line, "sh", *TETRA, "run")
    observed("EROFS for touch", "Read-only file system" in done.stderr.splitlines()[0])
    assert done.returncode == 73
    assert "error: " in done.stderr
    assert not (site.root / "state").exists()


def test_fault_120_where_other_processes_are_hidden_a_run_ends_as_usual(site, observed):
    require_root()
    site.configure(CHAIN)
    line = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
    done = site.command(require("unshare"), "--mount", "--pid", "--fork", "/bin/sh", "-c", line, "sh", *TETRA, "run")
    observed("a /proc of a pid namespace of its own, with hidepid=2", "mount" not in done.stderr)
    assert result(site, done) == SAME
