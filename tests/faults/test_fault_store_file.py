"""Group C, the store's file: damaged, locked, immutable, on a network, copied, without its journal, across a fork."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

import tetra_orchestrator
from faults import sshfs
from faults.disks import GATE, STARTED, shown
from faults.stand import Stand
from support.components import missing, require, require_root
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.errors import StoreError

PACKAGE = Path(tetra_orchestrator.__file__).parent


def integrity(path):
    """What SQLite itself says of the file, with the journal beside it; it takes that in."""
    with closing(apsw.Connection(str(path))) as db:
        try:
            return db.execute("PRAGMA integrity_check").fetchall()[0][0]
        except apsw.Error as error:
            return str(error)


@pytest.mark.parametrize("command", ["run", "status", "show", "cancel latest"])
def test_fault_53_a_damaged_store_is_refused_kept_and_its_rescue_told(site, observed, command):
    site.configure(STARTED)
    assert site.run("run").returncode == 0
    (site.root / "started").unlink()
    store = site.root / "state" / "tetra.db"
    with store.open("r+b") as file:
        file.write(b"\0" * 100)
    left = store.read_bytes()
    with closing(sqlite3.connect(store)) as db, pytest.raises(sqlite3.DatabaseError) as said:
        db.execute("SELECT 1 FROM runs")
    observed(f"SQLite says: {said.value}")
    done = site.run(*command.split())
    assert (done.returncode, shown(done)) == (
        69,
        f"error: {store}: the file is not a database, or its beginning is damaged\n"
        "  hint: nothing is repaired or replaced by itself: keep the file, then restore a backup or save what can be"
        f" read with `sqlite3 '{store}' .recover`\n",
    )
    assert store.read_bytes() == left
    assert not (site.root / "started").exists()


#: Keeps the store locked for writing until its input ends.
HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold(site):
    """Starts a process that has the store locked; it lets go when its input is closed."""
    started = []

    def holding():
        command = [sys.executable, "-c", HOLD, str(site.root / "state" / "tetra.db")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, **pipes))
        assert started[-1].stdout.readline() == "locked\n"
        return started[-1]

    yield holding
    for process in started:
        process.communicate()


def locks_of(pid):
    """The locks for writing that the process has, as /proc/locks tells."""
    return re.findall(rf"POSIX +ADVISORY +WRITE {pid} ", Path("/proc/locks").read_text())


def test_fault_54_a_store_that_stays_locked_is_told_with_who_has_it(site, observed, hold):
    site.configure(STARTED)
    assert site.run("run").returncode == 0
    (site.root / "started").unlink()
    holder = hold()
    observed(f"{len(locks_of(holder.pid))} lock for writing", locks_of(holder.pid))
    done = site.run("run")
    store = site.root / "state" / "tetra.db"
    command = f"{sys.executable} -c {HOLD}".replace("\n", " ")
    assert (done.returncode, shown(done)) == (
        69,
        f"error: {store}: another process has kept the store locked for 10 s: pid {holder.pid} ({command[:100]}...)\n"
        "  hint: let it finish, or end it\n",
    )
    assert not (site.root / "started").exists()
    holder.communicate()
    assert site.count("SELECT count(*) FROM runs") == 1
    assert site.run("run").returncode == 0


def test_fault_54_a_store_that_is_locked_for_a_while_is_waited_for(site, observed, hold):
    site.configure(f"pipelines: {{one: {{shell: 'touch ready; {GATE}'}}, two: {{shell: 'true', depends_on: [one]}}}}")
    running = site.start("run")
    site.until((site.root / "ready").exists)
    site.until(lambda: site.count("SELECT count(*) FROM attempts WHERE state = 'running'"))
    holder = hold()
    (site.root / "open").touch()
    wal = site.root / "state" / "tetra.db-wal"
    size = wal.stat().st_size
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(1)
    observed("a lock for writing, and nothing written meanwhile", locks_of(holder.pid) and wal.stat().st_size == size)
    holder.communicate()
    assert site.finish(running).returncode == 0
    assert site.states() == {"one": "succeeded", "two": "succeeded"}


@pytest.fixture
def immutable():
    """Makes files immutable, even for root, until the test is over."""
    require_root()
    paths = []

    def change(sign, *files):
        done = subprocess.run((require("chattr"), sign, *map(str, files)), capture_output=True, text=True)
        if done.returncode:
            missing(f"needs a file system with immutable files: {done.stderr.strip()}")

    def make(*files):
        change("+i", *files)
        paths.extend(files)

    def unmake():
        while paths:
            change("-i", paths.pop())

    make.undo = unmake
    yield make
    unmake()


def test_fault_55_a_store_that_becomes_immutable_ends_the_run_and_keeps_whole_transitions(
    disk_path, observed, immutable
):
    site = Stand(disk_path / "my project")
    site.configure(
        f"pipelines: {{one: {{shell: 'touch ready; {GATE}'}}, two: {{shell: touch started, depends_on: [one]}}}}"
    )
    running = site.start("run")
    site.until((site.root / "ready").exists)
    site.until(lambda: site.count("SELECT count(*) FROM attempts WHERE state = 'running'"))
    store = site.root / "state" / "tetra.db"
    immutable(store, Path(f"{store}-wal"))
    with pytest.raises(PermissionError) as refused:
        store.open("r+b")
    observed(f"opening it for writing as root: {refused.value.strerror}")
    meanwhile = site.run("status")
    (site.root / "open").touch()
    done = site.finish(running)
    immutable.undo()
    unwritable = f"error: {store}: the disk reports: disk I/O error"
    hint = "  hint: see the system's log for faults of that disk"
    assert (meanwhile.returncode, shown(meanwhile)) == (73, f"{unwritable}\n{hint}\n")
    told = f"{unwritable}; not recorded any more: one exited with code 0; two cancelled\n{hint}\n"
    assert (done.returncode, shown(done)) == (73, told)
    assert not (site.root / "started").exists()
    assert integrity(store) == "ok"
    assert site.states() == {"one": "lost", "two": "cancelled"}, "which the next command could settle"


@pytest.mark.parametrize("replaced", [False, True])
def test_fault_56_a_store_that_is_deleted_or_replaced_under_a_run_ends_it_and_history_is_not_begun_anew(
    site, observed, replaced
):
    site.configure(
        f"pipelines: {{one: {{shell: 'touch ready; {GATE}'}}, two: {{shell: touch started, depends_on: [one]}}}}"
    )
    running = site.start("run")
    site.until((site.root / "ready").exists)
    site.until(lambda: site.count("SELECT count(*) FROM attempts WHERE state = 'running'"))
    store = site.root / "state" / "tetra.db"
    before = store.stat().st_ino
    moved = [path.rename(path.with_name(f"moved{path.name[8:]}")) for path in sorted(store.parent.glob("tetra.db*"))]
    if replaced:
        store.write_bytes(b"")
    observed(f"another file has its name: {replaced}", not store.exists() or store.stat().st_ino != before)
    (site.root / "open").touch()
    done = site.finish(running)
    assert (done.returncode, shown(done)) == (
        73,
        f"error: {store}: the store was deleted or replaced while it was in use; not recorded any more: "
        "one exited with code 0; two cancelled\n"
        "  hint: nothing more was recorded; move the file back, then run `tetra status`\n",
    )
    assert not (site.root / "started").exists()
    for path in moved:
        path.rename(path.with_name(f"tetra.db{path.name[5:]}"))
    assert site.states() == {"one": "lost", "two": "cancelled"}


def killed(site, observed, text):
    """A run whose owner was killed, and the journal that it has left behind."""
    site.configure(text)
    running = site.start("run")
    site.until((site.root / "ready").exists)
    site.until(lambda: site.count("SELECT count(*) FROM attempts WHERE state = 'running'"))
    running.send_signal(signal.SIGKILL)
    running.communicate()
    journal = site.root / "state" / "tetra.db-wal"
    observed(f"killed, and a journal of {journal.stat().st_size} bytes is left", journal.stat().st_size > 0)
    return journal


TWICE = "pipelines: {one: {shell: 'echo $$ >pid; touch ready; [ -e go ] || exec sleep 60'}}"


def test_fault_57_without_the_journal_of_a_killed_run_the_store_is_as_before_it(site, observed):
    site.configure(TWICE)
    (site.root / "go").touch()
    assert site.run("run").returncode == 0
    before = site.run("show", "--json").stdout
    for name in ("go", "ready"):
        (site.root / name).unlink()
    journal = killed(site, observed, TWICE)
    journal.unlink()
    (site.root / "state" / "tetra.db-shm").unlink()
    assert integrity(site.root / "state" / "tetra.db") == "ok"
    assert site.run("show", "--json").stdout == before
    os.kill(int(site.note("pid")), signal.SIGKILL)
    (site.root / "go").touch()
    assert site.run("run").returncode == 0
    with closing(SqliteStore(str(site.root / "state" / "tetra.db"))) as store:
        assert [run.state for run in store.runs()] == ["succeeded", "succeeded"]


def test_fault_57_with_its_journal_the_killed_run_is_settled(site, observed):
    killed(site, observed, TWICE)
    assert site.states() == {"one": "lost"}
    os.kill(int(site.note("pid")), signal.SIGKILL)


@pytest.fixture
def crashed(tmp_path):
    """The files of a store whose owner has died, and a whole backup from before, made by SQLite itself."""
    from adapters.store.history import Diary

    folder, backup = tmp_path / "state", tmp_path / "backup.db"
    with closing(SqliteStore(str(folder / "tetra.db"))) as store:
        diary = Diary(store)
        for number in range(8):
            diary.open(f"old-{number}", "a", "b")
        store.connection.execute(f"VACUUM INTO '{backup}'")
        diary.open("new", "a", "b")
        shutil.copytree(folder, tmp_path / "crashed")
    return tmp_path / "crashed" / "tetra.db", backup


def test_fault_57_a_backup_beside_the_journal_of_a_crash_is_refused_and_kept(crashed, observed):
    path, backup = crashed
    backup.replace(path)
    left, journal = path.read_bytes(), Path(f"{path}-wal")
    together = path.parent / "together"
    together.mkdir()
    for file in (path, journal):
        shutil.copy(file, together)
    said = integrity(together / "tetra.db")
    observed(f"SQLite makes of them: {said}", said != "ok")
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            SqliteStore(str(path))
        assert str(caught.value) == (
            f"{path}: the journal {path}-wal belongs to another store\n"
            f"  hint: move {path}-wal away to use the store as it is, or put the store back that was here before"
        )
        assert path.read_bytes() == left
    journal.rename(f"{journal}.old")
    with closing(SqliteStore(str(path))) as store:
        assert [run.run_id for run in store.runs()] == [f"old-{number}" for number in reversed(range(8))]


def test_fault_57_the_journal_of_a_crash_is_taken_in_by_its_own_store(crashed, observed):
    path, _ = crashed
    observed("the journal is there", Path(f"{path}-wal").stat().st_size > 0)
    with closing(SqliteStore(str(path))) as store:
        assert store.runs()[0].run_id == "new"


LOOK = """
import os

def look():
    os.system("ls -l /proc/$PPID/fd >session")
"""


def test_fault_58_no_child_has_the_store_open(site, observed):
    look = "ls -l /proc/self/fd >{name}"
    site.write("looking.py", LOOK)
    site.configure(f"""
        pythonpath: [.]
        sessions: {{common: {{}}}}
        pipelines:
          called: {{function: looking.look, session: common}}
          bare: {{shell: "{look.format(name="bare")}; ls -l /proc/$PPID/fd >owner"}}
          filtered: {{shell: "{look.format(name="filtered")}", log_limit: 1MB}}
          wrapped: {{shell: "{look.format(name="wrapped")}; ls -l /proc/$PPID/fd >wrapper", survive: true}}
    """)
    assert site.run("run").returncode == 0
    observed("we had the store open ourselves", "tetra.db" in site.note("owner"))
    for name in ("bare", "filtered", "wrapped", "wrapper", "session"):
        assert "/state/" not in site.note(name), name


#: The worker of a job elsewhere, which has no store: it and its guardian share no more than a pipe.
FORKS = "adapters/runner/remote/worker.py"


def test_fault_58_nothing_of_ours_forks_but_a_worker_that_has_no_store(observed):
    names = {"fork", "forkpty", "multiprocessing"}
    sources = list(PACKAGE.rglob("*.py"))
    found = []
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            used = {getattr(node, "attr", None), getattr(node, "module", None)} | {
                alias.name for alias in getattr(node, "names", ()) if isinstance(alias, ast.alias)
            }
            if used & names:
                found.append(source.relative_to(PACKAGE).as_posix())
    observed(f"{len(sources)} modules read", len(sources) > 100)
    assert found == [FORKS]
    worker = f"tetra_orchestrator.{FORKS.removesuffix('.py').replace('/', '.')}"
    stores = "[name for name in sys.modules if name in ('apsw', 'sqlite3', 'psycopg', 'threading')]"
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {worker}; print({stores})"], capture_output=True, text=True
    )
    assert told.stdout == "[]\n", told


@pytest.fixture
def network(tmp_path):
    """A folder on what the kernel knows as a network file system."""
    require_root()
    if not os.path.exists("/dev/fuse"):
        missing("needs /dev/fuse")
    folder = tmp_path / "far away"
    folder.mkdir(mode=0o700)
    server = subprocess.Popen([sys.executable, sshfs.__file__, str(folder)], stdout=subprocess.PIPE, text=True)
    if server.stdout.readline() != "mounted\n":
        missing("needs to mount a file system of fuse(4)")
    yield folder
    subprocess.run(("umount", "--lazy", str(folder)), check=True)
    server.communicate(timeout=30)


@pytest.mark.parametrize("command", ["run", "status"])
def test_fault_59_a_store_on_a_network_file_system_is_refused_before_anything_is_started(
    site, observed, network, command
):
    store = network / "state" / "tetra.db"
    site.configure(f"state: 'sqlite:///{store}'\n{STARTED}")
    mounts = Path("/proc/self/mountinfo").read_text()
    observed("mountinfo has fuse.sshfs", f"{str(network).replace(' ', chr(92) + '040')} rw" in mounts)
    done = site.run(command)
    assert (done.returncode, shown(done)) == (
        69,
        f"error: {store}: the state folder is on a network file system, {network} (fuse.sshfs)\n"
        "  hint: put it on a local disk, with `state:` or TETRA_STATE\n",
    )
    assert not (site.root / "started").exists()


def test_fault_60_a_copy_of_a_store_in_use_is_whole_when_sqlite_makes_it(site, observed):
    site.configure(f"pipelines: {{one: {{shell: 'touch ready; {GATE}'}}}}")
    running = site.start("run")
    site.until((site.root / "ready").exists)
    site.until(lambda: site.count("SELECT count(*) FROM attempts WHERE state = 'running'"))
    store, folder = site.root / "state" / "tetra.db", site.root / "copies"
    observed("a run goes on, and what it recorded is in the journal", Path(f"{store}-wal").stat().st_size > 0)
    folder.mkdir(mode=0o700)
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(folder / "asked.db")) as target:
        source.backup(target)
    shutil.copy(store, folder / "copied.db")
    (site.root / "open").touch()
    assert site.finish(running).returncode == 0
    run_id = site.json("show")["run"]["run_id"]
    with closing(SqliteStore(str(folder / "asked.db"))) as asked:
        assert [(run.run_id, run.state) for run in asked.runs()] == [(run_id, "running")]
        assert [attempt.state for attempt in asked.attempts(run_id)] == ["running"]
    with closing(SqliteStore(str(folder / "copied.db"))) as copied:
        assert copied.runs() == [], "a copy of the file alone lacks what is in the journal, and is whole"
    assert integrity(folder / "copied.db") == "ok"
