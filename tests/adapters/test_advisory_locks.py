"""Locks of several hosts in one database. Two folders are two places, as two hosts are: neither sees the other's files.

The server is a real one. Who is killed here is a process, or the session that the server has for one.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from support.waiting import until
from tetra_orchestrator.adapters.locks import claims, lease, session
from tetra_orchestrator.adapters.locks.advisory import AdvisoryTable
from tetra_orchestrator.adapters.locks.place import host, place
from tetra_orchestrator.adapters.locks.presence import Presence
from tetra_orchestrator.adapters.locks.table import LockTable
from tetra_orchestrator.errors import NotNow, StoreError

RUN, OTHER = "20260301T120000Z-aaaaaa", "20260301T120000Z-bbbbbb"
LEASE_S = 10.0
HOLD = """
import sys, time
from tetra_orchestrator.adapters.locks.advisory import AdvisoryTable
from tetra_orchestrator.adapters.locks.table import LockTable
folder, url, run = sys.argv[1:]
table = AdvisoryTable(LockTable(folder), url, 10.0)
with table.shares(run), table.held(["pipeline-p"], f"run {run}"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place_of(tmp_path, postgres_url):
    """Makes the locks of a project at a place of its own by name: the same name gives the same place."""
    with ExitStack() as stack:

        def make(name, lease_s=LEASE_S, shared=()):
            table = AdvisoryTable(LockTable(folder_of(tmp_path, name)), postgres_url, lease_s, shared)
            stack.callback(table.close)
            return table

        yield make


@pytest.fixture
def holder(tmp_path, postgres_url):
    """Starts a process that holds the lock of a run and of the pipeline p at a place, until it is killed."""
    started = []

    def start(name, run=RUN):
        command = (sys.executable, "-c", HOLD, folder_of(tmp_path, name), postgres_url, run)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def folder_of(tmp_path, name):
    return str(tmp_path / name / "state" / "locks")


def sessions(postgres, url, where="application_name LIKE 'tetra/%'"):
    """Ends our sessions of the database; how many there were."""
    with postgres.connect(url.rpartition("/")[2]) as db:
        ours = f"datname = current_database() AND {where}"
        query = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {ours}"
        return len(db.execute(query).fetchall())


def owners(postgres, url):
    with postgres.connect(url.rpartition("/")[2]) as db:
        return [run for (run,) in db.execute("SELECT run_id FROM orchestration.run_owners ORDER BY run_id")]


def aged(postgres, url, run, seconds):
    """Has the last proof of the run's owner be older."""
    with postgres.connect(url.rpartition("/")[2]) as db:
        change = (
            "UPDATE orchestration.run_owners SET proved_at = proved_at - %s * interval '1 second' WHERE run_id = %s"
        )
        db.execute(change, (seconds, run))


def kept_trying(run):
    """Takes turns until one shows that the run is still ours."""
    while turned(run) is None:
        assert run.wakeup().within_s == lease.RETRY_S
        time.sleep(lease.RETRY_S)


def turned(run):
    with run.turn() as others:
        return others


# Names


def test_a_name_is_held_on_one_host_only_and_the_other_is_told_which(place_of):
    here, there = place_of("here"), place_of("there")
    with here.held(["pipeline-p", "pipeline-q"], f"run {RUN}"):
        with pytest.raises(NotNow) as caught, there.held(["pipeline-q", "pipeline-z"], f"run {OTHER}"):
            pass
        assert str(caught.value) == (
            f"the pipeline 'q' is already being run by pid {os.getpid()} on host {host()}\n"
            "  hint: wait until it ends, or end it with `tetra cancel RUN`"
        )
        assert not there.is_held("pipeline-z"), "all or none"
        assert (there.is_held("pipeline-p"), there.is_held("pipeline-r")) == (True, False)
    with there.held(["pipeline-q"], f"run {OTHER}"):
        assert here.is_held("pipeline-q")


def test_several_hosts_share_a_name_and_keep_out_who_does_not(place_of):
    here, there, third = place_of("here"), place_of("there"), place_of("third")
    with (
        here.held(["pipeline-p"], "one", shared=True),
        there.held(["pipeline-p"], "two", shared=True),
        pytest.raises(NotNow, match="the pipeline 'p' is already being run by"),
        third.held(["pipeline-p"], "x"),
    ):
        pass
    with third.held(["pipeline-p"], "x"):
        pass


def test_two_processes_of_one_place_are_kept_apart_by_the_local_lock_which_names_the_pid(place_of, holder):
    process = holder("here")
    with pytest.raises(NotNow) as caught, place_of("here").held(["pipeline-p"], "x"):
        pass
    assert f"already being run by pid {process.pid}, run {RUN}" in str(caught.value)


def test_who_is_killed_holds_nothing_any_more_on_either_host(place_of, holder):
    process = holder("there")
    here = place_of("here")
    assert here.is_held("pipeline-p")
    process.kill()
    process.wait()
    until(lambda: not here.is_held("pipeline-p"))
    with here.held(["pipeline-p"], "x"):
        pass


def test_at_its_own_place_a_dead_process_is_no_obstacle_even_where_the_server_keeps_its_session(
    place_of, holder, postgres, postgres_url
):
    process = holder("here")
    with postgres.connect(postgres_url.rpartition("/")[2]) as db:
        find = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tetra/%'"
        [(backend,)] = db.execute(find).fetchall()
        os.kill(backend, signal.SIGSTOP)  # it cannot see that the connection has ended
        try:
            process.kill()
            process.wait()
            here = place_of("here")
            assert not here.is_held(f"run-{RUN}"), "the local lock has told"
            assert place_of("there").is_held("pipeline-p"), "the session is still there"
        finally:
            os.kill(backend, signal.SIGCONT)
    with here.held(["pipeline-p"], "x"):
        pass


# Owners and leases


def test_a_run_of_another_host_counts_as_owned_until_its_lease_is_over_and_of_the_own_one_until_its_death(
    place_of, holder, postgres, postgres_url
):
    process = holder("there")
    here, there = place_of("here"), place_of("there")
    assert (here.is_held(f"run-{RUN}"), there.is_held(f"run-{RUN}")) == (True, True)
    process.kill()
    process.wait()
    until(lambda: not here.is_held("pipeline-p"))
    assert (here.is_held(f"run-{RUN}"), there.is_held(f"run-{RUN}")) == (True, False)
    aged(postgres, postgres_url, RUN, LEASE_S)
    assert not here.is_held(f"run-{RUN}")


def test_a_stopped_owner_owns_its_run_for_as_long_as_its_host_answers(place_of, holder, postgres, postgres_url):
    holder("there").send_signal(signal.SIGSTOP)
    aged(postgres, postgres_url, RUN, 10 * LEASE_S)
    assert place_of("here").is_held(f"run-{RUN}")


def test_a_run_that_has_ended_leaves_nothing(place_of, postgres, postgres_url):
    here, there = place_of("here"), place_of("there")
    with here.shares(RUN):
        assert owners(postgres, postgres_url) == [RUN]
        assert there.is_held(f"run-{RUN}")
    assert owners(postgres, postgres_url) == []
    assert not there.is_held(f"run-{RUN}")


def test_a_run_has_one_owner(place_of):
    with place_of("here").shares(RUN), pytest.raises(NotNow, match="is already being run by run"):
        place_of("there").shares(RUN).__enter__()


def test_a_proof_is_written_several_times_in_a_lease_and_one_look_is_enough_else(place_of, postgres, postgres_url):
    with place_of("here", lease_s=1.2).shares(RUN) as run:
        aged(postgres, postgres_url, RUN, 5)
        there = place_of("there")
        assert turned(run) == {}
        assert run.wakeup().within_s == pytest.approx(1.2 / lease.PROOFS)
        time.sleep(1.2 / lease.PROOFS)
        assert turned(run) == {}
        assert owner_of(there, RUN).within


def owner_of(table, run):
    return table._link.do(lambda session: claims.owner(session, run, f"run-{run}"))


def test_fault_65_a_session_that_is_ended_is_noticed_at_once_and_all_its_locks_are_taken_again(
    place_of, postgres, postgres_url
):
    here, there = place_of("here"), place_of("there")
    with here.shares(RUN) as run, here.held(["pipeline-p"], f"run {RUN}"):
        assert turned(run) == {}
        assert sessions(postgres, postgres_url) == 1
        readable = run.wakeup().fd
        until(lambda: select.select([readable], [], [], 0)[0], within_s=5)
        assert turned(run) is None, "nothing may start"
        assert there.is_held(f"run-{RUN}"), "its lease goes on"
        until(lambda: turned(run) == {}, within_s=5)
        assert (there.is_held("pipeline-p"), there.is_held(f"run-{RUN}")) == (True, True)
        with pytest.raises(NotNow), there.held(["pipeline-p"], "x"):
            pass


def test_a_lock_that_another_host_has_taken_meanwhile_keeps_the_run_from_starting_more_until_it_gives_up(
    place_of, postgres, postgres_url
):
    here, there = place_of("here", lease_s=2.0), place_of("there")
    with here.shares(RUN) as run, here.held(["pipeline-p"], f"run {RUN}"), ExitStack() as stack:
        sessions(postgres, postgres_url)
        stack.enter_context(there.held(["pipeline-p"], "x"))
        with pytest.raises(StoreError) as caught:
            kept_trying(run)
    assert caught.value.code == "store_lost"
    assert re.sub("^for [12] s", "for 1 s", str(caught.value)) == (
        f"for 1 s nothing could show that run {RUN} is still ours; the database cannot be reached:"
        f" pid {os.getpid()} on host {host()} has taken pipeline-p meanwhile\n"
        "  hint: see whether the server runs; `host: {timeout: ...}` says for how long it may be away"
    )


def test_without_a_server_nothing_starts_and_after_half_of_the_lease_the_run_is_given_up(place_of, postgres):
    with ExitStack() as stack:
        began = time.monotonic()
        run = stack.enter_context(place_of("here", lease_s=3.0).shares(RUN))
        assert turned(run) == {}
        postgres.stop(3)
        stack.callback(postgres.start)
        with pytest.raises(StoreError) as caught:
            kept_trying(run)
        assert 1.5 <= time.monotonic() - began < 10
        assert (caught.value.code, caught.value.exit_code) == ("store_lost", 69)


def test_a_run_is_told_that_it_was_asked_for_something_on_whichever_host(place_of):
    here, there = place_of("here"), place_of("there")
    with here.shares(RUN) as run:
        turned(run)
        run.asked()  # what came before it listened has to be looked at
        assert (turned(run), run.asked()) == ({}, False)
        there.nudge(OTHER)
        assert (turned(run), run.asked()) == ({}, False)
        there.nudge(RUN)
        until(lambda: turned(run) == {} and run.asked())
        assert not run.asked(), "once"


def test_what_was_asked_while_the_session_was_away_is_looked_at_when_it_is_back(place_of, postgres, postgres_url):
    with place_of("here").shares(RUN) as run:
        turned(run)
        run.asked()
        sessions(postgres, postgres_url)
        until(lambda: turned(run) == {})
        assert run.asked()


# Pools that hosts share


def test_what_a_run_takes_of_a_shared_pool_is_seen_by_the_runs_of_other_hosts_and_the_rest_is_not(place_of):
    here, there = (place_of(name, shared=["warehouse"]) for name in ("here", "there"))
    with here.shares(RUN) as one, there.shares(OTHER) as two:
        for amounts in ({"warehouse": 2, "db": 1, "host.places": 3}, {"warehouse": 1, "wanted warehouse": 4}):
            with one.turn():
                one.take(amounts)
            expected = {name: n for name, n in amounts.items() if "warehouse" in name}
            assert turned(two) == expected
    with there.shares(OTHER) as two:
        assert turned(two) == {}


def test_a_dead_hosts_share_counts_until_its_lease_is_over(place_of, tmp_path, postgres, postgres_url):
    code = (
        HOLD.replace("url, 10.0)", 'url, 10.0, ["warehouse"])')
        .replace("table.shares(run), ", "table.shares(run) as run_, ")
        .replace('    print("held"', '    with run_.turn(): run_.take({"warehouse": 2})\n    print("held"')
    )
    command = (sys.executable, "-c", code, folder_of(tmp_path, "there"), postgres_url, OTHER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
        process.wait()
    with place_of("here", shared=["warehouse"]).shares(RUN) as run:
        assert turned(run) == {"warehouse": 2}
        aged(postgres, postgres_url, OTHER, LEASE_S)
        assert turned(run) == {}


def test_a_new_session_tells_others_again_what_the_run_takes(place_of, postgres, postgres_url):
    here, there = (place_of(name, shared=["warehouse"]) for name in ("here", "there"))
    with here.shares(RUN) as one, there.shares(OTHER) as two:
        with one.turn():
            one.take({"warehouse": 2})
        with postgres.connect(postgres_url.rpartition("/")[2]) as db:
            db.execute("UPDATE orchestration.run_owners SET takes = '{}'")
        sessions(postgres, postgres_url)
        until(lambda: turned(one) is not None)
        until(lambda: turned(two) == {"warehouse": 2})


# Where we are


def test_a_place_is_a_folder_of_a_running_kernel_whatever_its_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert place(str(tmp_path / "a")) == place(str(tmp_path / "link")) != place(str(tmp_path / "b"))


def test_a_lock_has_the_same_number_in_every_version():
    assert claims.key("pipeline-daily") == "2839100527155442020"


# Copies


def test_fault_67_a_copy_that_has_forgotten_what_this_project_has_seen_is_refused(place_of, tmp_path, postgres):
    here = place_of("here")
    with here.shares(RUN):
        pass
    here.close()
    [seen] = (tmp_path / "here" / "state").glob("postgres-*.seen")
    newest = int(seen.read_text())
    seen.write_text(f"{newest + 1000}\n")
    with pytest.raises(StoreError) as caught:
        here.shares(OTHER).__enter__()
    assert (caught.value.code, caught.value.exit_code) == ("store_stale", 69)
    assert str(caught.value) == (
        f"the database is an older copy: it has forgotten transactions up to {newest + 1000}, which this project has"
        " seen\n"
        "  hint: restore the newer one; to go on with the copy all the same, end what still runs and remove"
        f" {seen}"
    )
    seen.unlink()
    with here.shares(OTHER):
        assert int(seen.read_text()) > newest


def test_what_was_seen_of_a_server_is_kept_by_its_own_identity_in_a_file_that_nobody_else_reads(place_of, tmp_path):
    with place_of("here").shares(RUN):
        pass
    [seen] = (tmp_path / "here" / "state").glob("postgres-*.seen")
    assert seen.stat().st_mode & 0o777 == 0o600
    seen.write_text("not a number")
    with place_of("here").shares(RUN):
        pass
    assert int(seen.read_text()) > 0


def test_what_hosts_take_is_json_that_every_version_reads(place_of, postgres, postgres_url):
    with place_of("here", shared=["warehouse"]).shares(RUN) as run:
        with run.turn():
            run.take({"warehouse": 2})
        with postgres.connect(postgres_url.rpartition("/")[2]) as db:
            [(takes,)] = db.execute("SELECT takes::text FROM orchestration.run_owners").fetchall()
    assert json.loads(takes) == {"warehouse": 2}


# Processes


class Kernel:
    """The processes of one machine."""

    def __init__(self, own, *others):
        self._own, self._alive = own, {own, *others}

    def own(self):
        return self._own

    def is_alive(self, identity):
        return identity in self._alive


def test_a_process_of_another_machine_lives_as_long_as_its_session(place_of, postgres, postgres_url):
    here, there = Presence(Kernel("1:10:boot-a"), place_of("here")), Presence(Kernel("1:10:boot-b"), place_of("there"))
    assert not here.is_alive("1:10:boot-b")
    assert there.own() == "1:10:boot-b"
    assert (here.is_alive("1:10:boot-b"), here.is_alive("2:10:boot-b")) == (True, False)
    sessions(postgres, postgres_url)
    assert not here.is_alive("1:10:boot-b")


def test_of_a_process_of_this_machine_the_kernel_knows_best(place_of):
    here, gone = Presence(Kernel("1:10:boot-a", "2:10:boot-a"), place_of("here")), place_of("there")
    gone.show("3:10:boot-a")
    assert (here.is_alive("2:10:boot-a"), here.is_alive("3:10:boot-a")) == (True, False)


# Rights


def test_who_may_not_make_the_table_of_owners_is_told_where_the_rights_are_listed(tmp_path, postgres, postgres_url):
    name = postgres_url.rpartition("/")[2]
    with postgres.connect(name) as db:
        db.execute(f"CREATE ROLE reader_{name} LOGIN")
        db.execute(f"GRANT USAGE ON SCHEMA orchestration TO reader_{name}")
    url = postgres.url(name, user=f"reader_{name}")
    with pytest.raises(StoreError) as caught:
        AdvisoryTable(LockTable(folder_of(tmp_path, "here")), url, LEASE_S).shares(RUN).__enter__()
    assert str(caught.value) == (
        "the locks in the database cannot be used: permission denied for schema orchestration\n"
        "  hint: the role of `state:` needs the rights that docs/postgresql.md lists"
    )


def test_a_process_that_is_stopped_amid_taking_locks_keeps_others_out_for_a_while_only(place_of, monkeypatch):
    monkeypatch.setattr(session, "TURN_S", 1)
    stopped, other = place_of("alpha"), place_of("beta")
    gate = claims.Turn(stopped._link.session())
    gate.__enter__()

    with other.held(["pipeline-p"], "run 2"):
        assert other.is_held("pipeline-p")

    with pytest.raises(session.Gone):
        gate.__exit__(None)
    with stopped.held(["pipeline-q"], "run 1"):  # by a session that is new
        assert other.is_held("pipeline-q")


@pytest.mark.parametrize("name", ["alpha", "a-host-with-the-long-name-of-a-cloud.example.org"])
def test_a_run_takes_its_locks_from_its_own_session_that_the_server_still_keeps(place_of, monkeypatch, name):
    monkeypatch.setattr("socket.gethostname", lambda: name)
    table = place_of("here")
    with table.shares(RUN) as run:
        link = table._link
        cut, link._session = link._session, None  # we have lost it, and the server has not noticed yet
        limit = time.monotonic() + 3
        while turned(run) is None:
            assert time.monotonic() < limit, "it was taken for somebody else's"
            time.sleep(lease.RETRY_S)
        with pytest.raises(session.Gone):
            cut.ask("SELECT")
