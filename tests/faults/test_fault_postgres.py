"""Faults 44 and 63 to 68: a server that restarts, goes away, ends sessions or loses what it had; several hosts."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest

from faults.cable import ANSWER_LOST, NEVER_ASKED, Cable
from faults.stand import Stand
from support.components import require
from support.samples import pairs
from tetra_orchestrator.errors import Exit

#: Of a lease of ten seconds half goes by before a run is given up.
TIMEOUT_S = 10
#: Each task says when it starts and when it ends, so that what runs twice is there twice.
TASK = "printf 'start %s\\n' {name} >>trace; sleep {seconds}; printf 'end %s\\n' {name} >>trace"
ASIDE = ("unshare", "--pid", "--fork", "--mount-proc")


#: Instead of so many seconds: as long as there is no file of that name.
UNTIL_OPEN = "0; until [ -e open ]; do sleep 0.1; done"


@pytest.fixture
def host(tmp_path, postgres_url):
    """Makes a host by name: a folder of its own, with a chain of tasks and the one database."""

    def make(name="my project", *, url=postgres_url, tasks=1, seconds=0.0, timeout_s=TIMEOUT_S):
        return describe(Stand(tmp_path / name), url, tasks, seconds, timeout_s)

    return make


def describe(site, url, tasks=1, seconds=0.0, timeout_s=TIMEOUT_S):
    site.configure(f"state: {url}\nhost: {{timeout: {timeout_s}s}}\n{chain(tasks, seconds)}")
    return site


def chain(tasks, seconds):
    lines = ["pipelines:"]
    for number in range(tasks):
        after = f", depends_on: [t{number - 1}]" if number else ""
        shell = TASK.format(name=f"t{number}", seconds=seconds).replace("'", "''")
        lines.append(f"  t{number}: {{shell: '{shell}'{after}}}")
    return "\n".join([*lines, "modes:", f"  all: [{', '.join(f't{number}' for number in range(tasks))}]"])


def expected(tasks):
    return [f"{word} t{number}" for number in range(tasks) for word in ("start", "end")]


def trace(site):
    path = site.root / "trace"
    return path.read_text().splitlines() if path.exists() else []


def run_of(site):
    """The newest run with its tasks, as `show --json` has it."""
    return site.json("show")


def once(site, tasks):
    """That every task of the newest run succeeded in one attempt, and ran once."""
    assert trace(site) == expected(tasks)
    found = run_of(site)
    assert found["run"]["state"] == "succeeded"
    assert [(task["state"], len(task["attempts"])) for task in found["tasks"]] == [("succeeded", 1)] * tasks
    assert site.run("status").returncode == 0


def sessions(postgres, url, like):
    """The server's processes for sessions of ours of such a name."""
    with postgres.connect(url.rpartition("/")[2]) as db:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE %s"
        return [pid for (pid,) in db.execute(query, (like,))]


def cut(postgres, url, like):
    with postgres.connect(url.rpartition("/")[2]) as db:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s"
        return len(db.execute(query, (like,)).fetchall())


@contextmanager
def away(postgres):
    """The server is gone while the block lasts."""
    postgres.stop(signal.SIGQUIT)
    try:
        yield
    finally:
        postgres.start()


# 44: two hosts


def test_fault_44_of_two_hosts_one_runs_a_pipeline_and_the_other_is_told_which(host, observed):
    here, there = host("here", seconds=30), host("there")
    process = here.start("run", "--pipeline", "t0")
    here.until(lambda: trace(here) == ["start t0"])
    run_id = there.json("status")["active_runs"][0]["run_id"]
    done = there.run("run", "--pipeline", "t0")
    observed(f"run {run_id} of another folder was told")
    assert (done.returncode, done.stdout) == (Exit.NOT_NOW, "")
    assert done.stderr == (
        f"error: the pipeline 't0' is already being run by run {run_id} on host {socket.gethostname()}\n"
        "  hint: wait until it ends, or end it with `tetra cancel RUN`\n"
    )
    process.send_signal(signal.SIGTERM)
    assert here.finish(process).returncode == Exit.TERMINATED
    done = there.run("run", "--pipeline", "t0")
    assert (done.returncode, trace(there)) == (0, expected(1))


def test_fault_44_a_run_of_another_host_is_cancelled_by_word_of_the_database(host, observed):
    here, there = host("here", seconds=30), host("there")
    process = here.start("run", "--pipeline", "t0")
    here.until(lambda: trace(here) == ["start t0"])
    run_id = here.json("status")["active_runs"][0]["run_id"]
    require("unshare")
    began = time.monotonic()
    done = there.command(*ASIDE, *process.args[:3], "cancel", run_id)
    assert (done.returncode, done.stdout) == (0, f"run {run_id} is cancelled\n"), done.stderr
    assert here.finish(process).returncode == Exit.FAILED
    assert time.monotonic() - began < 15
    seen = there.command(*ASIDE, "ps", "-e").stdout
    observed("the process that cancelled it sees no other process", seen.count("\n") < 5)
    assert run_of(here)["run"]["state"] == "cancelled"


def test_fault_44_what_a_killed_host_ran_is_settled_by_another_when_its_lease_is_over(host, postgres_url, observed):
    here, there = host("here", seconds=60.15), host("there")
    process = here.start("run", "--pipeline", "t0")
    here.until(lambda: trace(here) == ["start t0"])
    process.kill()
    process.communicate()
    observed("its owner was killed")
    killed = time.monotonic()
    assert there.json("show")["run"]["state"] == "running", "its host may be alive and cut off"
    assert there.run("run", "--pipeline", "t0").returncode == Exit.NOT_NOW
    there.until(lambda: there.json("show")["run"]["state"] == "lost", TIMEOUT_S + 10)
    assert time.monotonic() - killed > TIMEOUT_S - 3
    assert there.run("run", "--pipeline", "t0").returncode == 0
    describe(here, postgres_url)
    assert here.run("run", "--pipeline", "t0").returncode == 0, "and ends what the dead owner has left on its own host"
    assert here.command("pgrep", "-f", "^sleep 60[.]15$").stdout == ""


# 63: it restarts


def test_fault_63_a_server_that_crashes_again_and_again_loses_no_transition_and_repeats_none(host, postgres, observed):
    tasks, restarts = 14, 0
    site = host(tasks=tasks, seconds=0.4, timeout_s=30)
    process = site.start("run", "--mode", "all")
    site.until(lambda: trace(site))
    while process.poll() is None:
        postgres.restart(signal.SIGQUIT)
        restarts += 1
        time.sleep(1.2)
    observed(f"{restarts} crashes of the server during one run", restarts >= 3)
    assert site.finish(process).returncode == 0
    once(site, tasks)


def test_fault_63_another_host_that_looks_meanwhile_leaves_the_run_alone(host, postgres, observed):
    here, there = host("here", seconds=UNTIL_OPEN), host("there")
    process = here.start("run", "--pipeline", "t0")
    here.until(lambda: trace(here))
    seen = []
    for _ in range(3):
        postgres.restart(signal.SIGQUIT)
        seen.append([run["state"] for run in there.json("status")["active_runs"]])
        assert there.run("run", "--pipeline", "t0").returncode == Exit.NOT_NOW
    observed("three crashes")
    assert seen == [["running"]] * 3
    (here.root / "open").touch()
    assert here.finish(process).returncode == 0
    once(here, 1)


# 64: it is gone


def test_fault_64_without_a_server_nothing_begins(host, postgres, postgres_url, observed):
    site = host()
    with away(postgres):
        done = site.run("run", "--pipeline", "t0")
        observed("the server is stopped")
    assert (done.returncode, done.stdout, trace(site)) == (Exit.UNAVAILABLE, "", [])
    assert done.stderr.startswith(f"error: {postgres_url}: "), done.stderr
    assert "\n  hint: start the server, or correct `state:`" in done.stderr


def test_fault_64_what_runs_goes_on_nothing_new_starts_and_when_the_server_is_back_all_is_recorded_once(
    host, postgres, observed
):
    site = host(tasks=3, seconds=1.5, timeout_s=30)
    process = site.start("run", "--mode", "all")
    site.until(lambda: trace(site) == ["start t0"])
    with away(postgres):
        site.until(lambda: "end t0" in trace(site))
        observed("t0 ended while there was no server")
        time.sleep(1)
        assert trace(site) == ["start t0", "end t0"]
    assert site.finish(process).returncode == 0
    once(site, 3)


def test_fault_64_a_run_whose_server_stays_away_ends_and_the_next_command_settles_it(host, postgres, observed):
    site = host(tasks=2, seconds=61.15)
    process = site.start("run", "--mode", "all")
    site.until(lambda: trace(site) == ["start t0"])
    with away(postgres):
        began = time.monotonic()
        out, err = process.communicate(timeout=30)
        lasted = time.monotonic() - began
        observed(f"the server was away for {lasted:.0f} s", lasted >= TIMEOUT_S / 2)
        assert site.command("pgrep", "-f", "^sleep 61[.]15$").stdout == "", "before others may take its place"
    assert process.returncode == Exit.UNAVAILABLE
    assert re.search(r"^error: for \d s nothing could show that run \S+ is still ours; ", err), err
    assert "Traceback" not in err
    assert site.run("status").returncode == 0
    assert run_of(site)["run"]["state"] == "lost"
    assert site.states() == {"t0": "lost", "t1": "cancelled"}


# 65: the session of the locks is ended


def test_fault_65_a_run_whose_session_is_ended_has_its_locks_again_within_seconds_and_goes_on(
    host, postgres, postgres_url, observed
):
    here, there = host("here", tasks=2, seconds=3), host("there", tasks=2)
    process = here.start("run", "--mode", "all")
    here.until(lambda: trace(here))
    before = sessions(postgres, postgres_url, "tetra/%")
    observed(f"the session {before} was ended", cut(postgres, postgres_url, "tetra/%") == 1)
    here.until(lambda: sessions(postgres, postgres_url, "tetra/%") not in ([], before), 5)
    assert there.run("run", "--mode", "all").returncode == Exit.NOT_NOW
    assert here.finish(process).returncode == 0
    once(here, 2)


# 66: a pooler


@contextmanager
def pgbouncer(postgres, url, folder, mode):
    """The address of the database behind a pooler."""
    name = url.rpartition("/")[2]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n{name} = host=127.0.0.1 port={postgres.port} user=tetra\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\n"
        "ignore_startup_parameters = extra_float_digits,options\nunix_socket_dir =\n"
    )
    command = (require("pgbouncer"), "-u", "postgres", str(settings))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/") as pooler:
        try:
            yield f"postgresql://tetra@127.0.0.1:{port}/{name}"
        finally:
            pooler.kill()


def answers(url):
    from psycopg.pq import PGconn, Ping

    return PGconn.ping(url.encode()) == Ping.OK


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_fault_66_a_pooler_that_mixes_sessions_is_refused_and_one_that_does_not_is_used(
    host, postgres, postgres_url, mode, observed
):
    folder = postgres.folder / f"pooler-{mode}"
    folder.mkdir()
    folder.chmod(0o755)
    with pgbouncer(postgres, postgres_url, folder, mode) as url:
        site = host(url=url)
        site.until(lambda: answers(url))
        done = site.run("run", "--pipeline", "t0")
        observed(f"PgBouncer with pool_mode = {mode}")
    if mode == "session":
        assert (done.returncode, trace(site)) == (0, expected(1)), done.stderr
    else:
        assert (done.returncode, done.stdout, trace(site)) == (Exit.CONFIG, "", [])
        assert "pooler" in done.stderr


# 67: an older copy


def test_fault_67_a_server_that_has_been_set_back_is_refused_before_anything_runs(host, postgres, observed):
    site = host()
    copy = postgres.folder / "copy"
    assert site.run("run", "--pipeline", "t0").returncode == 0
    postgres.stop()
    subprocess.run(["cp", "-a", str(postgres.data), str(copy)], check=True)
    postgres.start()
    assert site.run("run", "--pipeline", "t0").returncode == 0
    newest = postgres.folder / "newest"
    postgres.stop()
    postgres.data.rename(newest)
    copy.rename(postgres.data)
    postgres.start()
    try:
        done = site.run("run", "--pipeline", "t0")
        observed("the server has the data of a copy from before the second run")
        assert (done.returncode, trace(site)) == (Exit.UNAVAILABLE, expected(1) * 2)
        assert re.match(r"error: the database is an older copy: it has forgotten transactions up to \d+", done.stderr)
    finally:
        postgres.stop()
        shutil.rmtree(postgres.data)
        newest.rename(postgres.data)
        postgres.start()
    assert site.run("run", "--pipeline", "t0").returncode == 0


# 68: the connection dies during a commit


@pytest.mark.parametrize(("nth", "how"), pairs(range(1, 8), (ANSWER_LOST, NEVER_ASKED), 2))
def test_fault_68_a_commit_whose_answer_is_lost_is_made_once(host, postgres, postgres_url, nth, how, observed):
    with Cable(postgres.port, nth, how) as cable:
        site = host(tasks=3, url=postgres_url.replace(f":{postgres.port}/", f":{cable.port}/"))
        done = site.run("run", "--mode", "all")
        observed(f"at the commit number {nth} {how}", cable.broken == 1)
    describe(site, postgres_url, tasks=3)
    if done.returncode == 0:
        once(site, 3)
        return
    assert (done.returncode, trace(site)) == (Exit.UNAVAILABLE, [])
    assert site.run("run", "--mode", "all").returncode == 0
    assert trace(site) == expected(3)
