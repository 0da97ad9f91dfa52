"""Group C, the disk: full, without inodes, with a limit on files, failing under fsync."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys

import pytest

from faults.disks import GATE, STARTED, fill, shown, use_up_inodes
from faults.stand import TETRA
from support.components import missing, require, require_root


@pytest.fixture
def mount():
    """Mounts a tmpfs with these options at a folder, until the test is over."""
    require_root()
    places = []

    def mounted(folder, options):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = (require("mount"), "-t", "tmpfs", "-o", f"mode=0700,{options}", "tetra-test", str(folder))
        done = subprocess.run(line, capture_output=True, text=True)
        if done.returncode:
            missing(f"needs to mount a tmpfs: {done.stderr.strip()}")
        places.append(folder)

    yield mounted
    for place in places:
        subprocess.run(("umount", "--lazy", str(place)), check=True)


def broken(site, more=""):
    """What is said of a store that the disk does not take, and `more`."""
    return (
        f"error: {site.root}/state/tetra.db: the disk reports: disk I/O error{more}\n"
        "  hint: see the system's log for faults of that disk\n"
    )


def test_fault_45_where_the_disk_is_full_no_store_is_made_and_nothing_is_started(site, observed, mount):
    site.configure(STARTED)
    state = site.root / "state"
    mount(state, "size=64k")
    observed(f"writing below state/: {fill(state)}", os.statvfs(state).f_bavail == 0)
    done = site.run("run")
    assert done.returncode == 73
    assert shown(done) == (
        f"error: {state}/tetra.db: the disk is full\n"
        f"  hint: free some space on the disk of '{state}', then start again\n"
    )
    assert not (site.root / "started").exists()
    (state / "ballast").unlink()
    assert not (state / "tetra.db").exists()
    assert site.command(require("mount"), "-o", "remount,size=8m", str(state)).returncode == 0
    assert site.run("run").returncode == 0


def test_fault_45_a_disk_that_fills_up_under_a_run_ends_it_and_the_space_that_was_kept_takes_its_end(
    site, observed, mount
):
    gate = "touch ready; trap 'echo asked; exit 7' TERM; until [ -e open ]; do sleep 0.05; done"
    site.configure(f"""
        pipelines:
          fills: {{shell: "{gate}"}}
          long: {{shell: "touch begun; trap 'exit 0' TERM; until [ -e never ]; do sleep 0.05; done"}}
          two: {{shell: touch started, depends_on: [fills]}}
    """)
    state = site.root / "state"
    mount(state, "size=4m")
    running = site.start("run")
    site.until(lambda: (site.root / "ready").exists() and (site.root / "begun").exists())
    site.until(lambda: site.count("SELECT count(*) FROM attempts WHERE state = 'running'") == 2)
    observed(f"writing below state/: {fill(state)}", os.statvfs(state).f_bavail == 0)
    (site.root / "open").touch()
    done = site.finish(running)
    assert (done.returncode, shown(done)) == (
        73,
        f"error: {state}/tetra.db: the disk is full\n"
        f"  hint: free some space on the disk of '{state}', then start again\n",
    )
    assert not (state / "tetra.db.reserve").exists()
    (state / "ballast").unlink()
    assert (site.run_state(), site.json("show")["run"]["exit_code"]) == ("failed", 73)
    assert site.states() == {"fills": "succeeded", "long": "cancelled", "two": "cancelled"}
    with sqlite3.connect(f"file:{state}/tetra.db?mode=ro", uri=True) as store:
        [why] = store.execute("SELECT reason_text FROM runs").fetchone()
    assert why == "the run was ended, because the disk is full"
    assert (state / "tetra.db.reserve").stat().st_size == 1 << 20, "the next command keeps some again"
    assert not (site.root / "started").exists()
    (site.root / "never").touch()
    assert site.run("resume").returncode == 0
    assert site.states() == {"fills": "skipped", "long": "succeeded", "two": "succeeded"}


#: With /tmp full for us alone, while its folders are as before. Leaves the error of writing into it in a file.
FULL_TMP = """
import ctypes, os, sys

libc = ctypes.CDLL(None, use_errno=True)

def mount(source, target, kind, flags, options):
    if libc.mount(source, target, kind, flags, options):
        raise OSError(ctypes.get_errno(), "mount")

before = os.open("/tmp", os.O_RDONLY)
mount(b"tetra-test", b"/tmp", b"tmpfs", 0, b"size=64k,mode=1777")
for name in os.listdir(before):
    place = f"/proc/self/fd/{before}/{name}"
    if os.path.isdir(place) and not os.path.islink(place):
        os.mkdir(f"/tmp/{name}")
        mount(os.fsencode(place), os.fsencode(f"/tmp/{name}"), None, 4096, None)
os.chdir(sys.argv[1])
try:
    with open("/tmp/ballast", "wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
except OSError as error:
    open("full", "w").write(error.strerror)
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_fault_47_a_full_tmp_changes_nothing(site, observed):
    require_root()
    site.write("double.py", "def double(rows):\n    print(int(rows) * 2)\n")
    site.configure("""
        pythonpath: [.]
        pipelines:
          bare: {shell: "echo bare; echo '{\\"rows\\": 3}' >>$TETRA_OUTPUT", outputs: {rows: int}}
          filtered: {shell: echo filtered, log_limit: 1MB}
          wrapped: {shell: echo wrapped, survive: true, depends_on: [bare]}
          called: {function: double.double, config: {rows: "{bare.rows}"}, depends_on: [bare]}
    """)
    alone = (require("unshare"), "--mount")
    if site.command(*alone, "mount", "-t", "tmpfs", "tetra-test", "/tmp").returncode:
        missing("needs a namespace of mounts")
    line = (*alone, sys.executable, "-c", FULL_TMP, str(site.root), *TETRA, "run")
    done = site.command(*line, env=site.env | {"TMPDIR": "/tmp"})
    observed(f"writing into /tmp: {site.note('full')}", site.note("full") == "No space left on device")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(site.states().values()) == {"succeeded"}
    assert [site.log(name) for name in ("bare", "filtered", "wrapped")] == [b"bare\n", b"filtered\n", b"wrapped\n"]
    assert site.log("called") == b"6\n"


def test_fault_48_without_an_inode_no_store_is_made_and_nothing_is_started(site, observed, mount):
    site.configure(STARTED)
    state = site.root / "state"
    mount(state, "size=8m,nr_inodes=8")
    observed(f"making a file below state/: {use_up_inodes(state)}", os.statvfs(state).f_ffree == 0)
    done = site.run("run")
    assert done.returncode == 73
    assert shown(done) == (
        f"error: {state}/tetra.db: the store cannot be made: No space left on device\n"
        f"  hint: make sure that you can write to {state}\n"
    )
    assert not (site.root / "started").exists()


def test_fault_48_without_an_inode_for_the_journal_nothing_is_started(site, observed, mount):
    site.configure(STARTED)
    state = site.root / "state"
    mount(state, "size=8m,nr_inodes=100")
    assert site.run("run").returncode == 0
    (site.root / "started").unlink()
    observed(f"making a file below state/: {use_up_inodes(state)}", os.statvfs(state).f_ffree == 0)
    done = site.run("run")
    assert (done.returncode, shown(done)) == (
        73,
        f"error: {state}/tetra.db: the journal of the store cannot be made: No space left on device\n"
        f"  hint: make sure that you can write to '{state}'\n",
    )
    assert not (site.root / "started").exists()


def test_fault_48_without_an_inode_for_an_attempt_it_fails_and_says_so(site, observed, mount):
    state = site.root / "state"
    site.configure(f"""
        pipelines:
          one: {{shell: "touch ready; {GATE}"}}
          two: {{shell: touch started, depends_on: [one]}}
    """)
    mount(state, "size=8m,nr_inodes=100")
    running = site.start("run")
    site.until((site.root / "ready").exists)
    observed(f"making a file below state/: {use_up_inodes(state)}", os.statvfs(state).f_ffree == 0)
    (site.root / "open").touch()
    done = site.finish(running)
    assert (done.returncode, done.stderr) == (2, "")
    assert site.states() == {"one": "succeeded", "two": "failed"}
    folder = f"{state}/checkpoints/{site.json('show')['run']['run_id']}/two"
    assert site.reason("two") == (
        f"could not start: cannot write the checkpoint folder {folder}: No space left on device\n"
        "  hint: make it writable, or set state or TETRA_STATE (cannot_write)"
    )
    assert not (site.root / "started").exists()


def limited(site, *args):
    """The command, of which no file may grow beyond 4096 bytes."""
    # Python 3.11 would leave its own caches of modules cut short
    env = site.env | {"PYTHONDONTWRITEBYTECODE": "1"}
    return site.command(require("prlimit"), "--fsize=4096", *TETRA, *args, env=env)


def test_fault_49_a_limit_on_file_sizes_is_told_and_does_not_kill_us(site, observed):
    site.configure(STARTED)
    probe = site.command(require("prlimit"), "--fsize=4096", "dd", "if=/dev/zero", f"of={site.root}/probe", "bs=8192")
    observed(f"another program that writes more: signal {-probe.returncode}", probe.returncode == -signal.SIGXFSZ)
    done = limited(site, "run")
    assert (done.returncode, shown(done)) == (73, broken(site))
    assert not (site.root / "started").exists()
    assert site.run("run").returncode == 0


def test_fault_49_a_limit_on_file_sizes_leaves_a_store_that_is_there_as_it_was(site, observed):
    site.configure(STARTED)
    assert site.run("run").returncode == 0
    (site.root / "started").unlink()
    done = limited(site, "run")
    store = site.root / "state" / "tetra.db"
    observed("the store is larger than the limit", store.stat().st_size > 4096)
    assert (done.returncode, shown(done)) == (73, broken(site))
    assert not (site.root / "started").exists()
    assert site.count("SELECT count(*) FROM runs") == 1
    assert site.run("run").returncode == 0


#: An fsync(2) and fdatasync(2) that fail for files of a name from when a file is there on, and say so in another.
SHIM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failing(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || access(getenv("FAILING_SINCE"), F_OK))
        return 0;
    path[length] = 0;
    if (!strstr(path, "tetra.db"))
        return 0;
    int told = open(getenv("FAILED"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dprintf(told, "EIO for %s\n", strrchr(path, '/') + 1);
    close(told);
    errno = EIO;
    return 1;
}

int fsync(int fd) { return failing(fd) ? -1 : syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return failing(fd) ? -1 : syscall(SYS_fdatasync, fd); }
"""


@pytest.fixture
def failing_fsync(site):
    """The environment in which fsync of the store fails from when the file `failing` is in the project on."""
    source, library = site.write("shim.c", SHIM), site.root.parent / "shim.so"  # ld.so(8) splits at spaces
    done = site.command(require("cc"), "-shared", "-fPIC", "-o", str(library), str(source))
    assert done.returncode == 0, done.stderr
    names = {"FAILING_SINCE": str(site.root / "failing"), "FAILED": str(site.root / "failed")}
    return {"LD_PRELOAD": str(library), **names}


def test_fault_50_an_fsync_that_fails_is_believed_and_nothing_more_is_started(site, observed, failing_fsync):
    site.configure("pipelines: {one: {shell: touch failing}, two: {shell: touch started, depends_on: [one]}}")
    done = site.run("run", env=failing_fsync)
    failures = site.note("failed").splitlines()
    observed(f"fsync: {failures[0]}", failures[0] == "EIO for tetra.db-wal")
    lost = "; not recorded any more: one exited with code 0; two cancelled"
    assert (done.returncode, shown(done)) == (73, broken(site, lost))
    assert not (site.root / "started").exists()
    (site.root / "failing").unlink()
    assert site.states()["one"] in ("succeeded", "lost"), "it may be on the disk, or may not"
    assert site.states()["two"] == "cancelled"


def test_fault_50_where_fsync_fails_from_the_start_nothing_is_started(site, observed, failing_fsync):
    site.configure(STARTED)
    (site.root / "failing").touch()
    done = site.run("run", env=failing_fsync)
    observed(f"fsync: {site.note('failed').splitlines()[0]}")
    assert (done.returncode, shown(done)) == (73, broken(site))
    assert not (site.root / "started").exists()
    assert not (site.root / "state" / "tetra.db").exists()


def test_fault_46_a_full_disk_of_the_logs_is_noted_and_the_run_goes_on(site, observed, mount):
    site.write("talk.py", "print('the first line')\nprint('x' * 1_000_000)\nopen('told', 'w').write('all')\n")
    site.configure("""
        pipelines:
          talk: {command: [python, talk.py], log_limit: 2MB}
          after: {shell: "true", depends_on: [talk]}
    """)
    logs = site.root / "logs"
    mount(logs, "size=64k")
    done = site.run("run")
    observed("logs/ is full", os.statvfs(logs).f_bavail == 0)
    assert site.note("told") == "all"
    assert (done.returncode, site.states()) == (0, {"talk": "succeeded", "after": "succeeded"})
    assert site.log("talk").startswith(b"the first line\nxxx")
    (attempt,) = site.tasks()["talk"]["attempts"]
    assert re.fullmatch(
        r"\d+ bytes of output could not be written to the log: No space left on device", attempt["note"]
    )
