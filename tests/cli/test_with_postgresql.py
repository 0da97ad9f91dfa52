"""The real command line on a project whose store is in PostgreSQL."""

from __future__ import annotations

import json
import os
import signal

import pytest

from support.postgres import GUARDED, PASSWORD, Server

PROJECT = """\
state: ${STORE}
pipelines:
  extract:
    shell: 'echo "{\\"records_processed\\": 7}" >> $TETRA_OUTPUT'
  load:
    shell: 'test -e there || exit 3'
    depends_on: [extract]
modes: {daily: [extract, load]}
schedules: {daily: {mode: daily, cron: "* * * * *", catch_up: latest}}
"""
SLOW = """\
state: ${STORE}
pipelines:
  first: {shell: 'touch started; sleep 2; echo done'}
  second: {shell: 'echo second', depends_on: [first]}
"""
HIDDEN = "pa%2555-0%3Aword"


@pytest.fixture
def remote(site, postgres_url):
    site.env["STORE"] = postgres_url
    site.configure(PROJECT)
    return site


def everything_written(root):
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_run_is_recorded_shown_and_resumed(remote):
    first = remote.run("run", "--mode", "daily")
    assert first.returncode == 2, first.stderr
    assert "Orchestration failed: load failed" in first.stdout
    (remote.root / "there").touch()
    again = remote.run("resume")
    assert again.returncode == 0, again.stderr
    assert [line.partition("] ")[2] for line in again.stdout.splitlines()][2:] == [
        f"extract skipped: it succeeded in run {remote.json('status')['pipelines'][0]['last_run']['run_id']}",
        "Running load (attempt 1)",
        "load completed successfully",
        "Orchestration completed",
    ]
    shown = remote.json("show")["run"]
    assert (shown["state"], shown["trigger"]) == ("succeeded", "resume")
    assert [(one["name"], one["last_run"]["state"]) for one in remote.json("status")["pipelines"]] == [
        ("extract", "succeeded"),
        ("load", "succeeded"),
    ]


def test_a_slot_is_settled_in_the_ledger_of_the_server(remote, postgres):
    (remote.root / "there").touch()
    assert remote.run("schedule", "list").returncode == 0
    with postgres.connect(remote.env["STORE"].rpartition("/")[2]) as db:
        db.execute("SET search_path = orchestration")
        db.execute("UPDATE schedules SET since = since - 120000000, judged = judged - 120000000")
        done = remote.run("fire", "daily", "--by", "crontab")
        assert done.returncode == 0, done.stderr
        outcomes = db.execute("SELECT outcome, run_id IS NOT NULL FROM slots ORDER BY slot DESC LIMIT 1").fetchall()
        runs = db.execute("SELECT state, trigger, schedule FROM runs").fetchall()
    assert outcomes[0][1], "the slot knows its run"
    assert {(state, schedule) for state, _, schedule in runs} == {("succeeded", "daily")}  # a minute may begin in it


def test_the_state_folder_stays_below_the_project_without_a_database(remote):
    remote.run("run", "--pipeline", "extract")
    assert (remote.root / "state" / "locks").is_dir()
    assert not list(remote.root.rglob("*.db"))


def test_doctor_tells_of_the_server(remote):
    found = {one["code"]: one for one in remote.json("doctor")["findings"]}
    assert found["store_library"]["message"].startswith(f"{remote.env['STORE']}: PostgreSQL ")
    assert found["store_durability"]["severity"] == "error", "the server of these tests does not sync"
    assert not [one for one in found.values() if "postgresql:" in one["message"] and one["severity"] == "warning"]


def test_64_a_server_that_is_gone_at_the_start_is_69_with_its_address_and_nothing_is_started(site, postgres):
    with_nobody = f"postgresql://me@127.0.0.1:{postgres.port}/nobody_made_this"
    site.env["STORE"] = with_nobody
    site.configure(PROJECT)
    for command in (["run"], ["status"], ["fire", "daily", "--by", "crontab"], ["resume"]):
        done = site.run(*command)
        assert done.returncode == 69, done.stderr
        assert done.stderr.startswith(f"error: {with_nobody}: no connection to the server: ")
        assert "Traceback" not in done.stderr
    assert not list(site.root.rglob("*.1.log"))


def test_63_a_server_that_crashes_and_comes_back_amid_a_run_holds_the_run_up_and_no_more(site):
    server = Server(durable=True)
    try:
        site.env["STORE"] = server.store()
        site.configure(SLOW)
        running = site.start("run")
        site.until(lambda: (site.root / "started").exists())
        server.restart()
        out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        assert out.count("completed successfully") == 2
        assert err == ""
        assert [one["state"] for one in site.json("show")["tasks"]] == ["succeeded", "succeeded"]
    finally:
        server.remove()


def test_a_run_whose_owner_is_killed_is_settled_by_the_next_command(remote, postgres):
    remote.configure(SLOW)
    running = remote.start("run")
    remote.until(lambda: (remote.root / "started").exists())
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=20)
    assert remote.run("run").returncode == 0
    with postgres.connect(remote.env["STORE"].rpartition("/")[2]) as db:
        found = db.execute("SELECT state FROM orchestration.runs ORDER BY id").fetchall()
    assert found == [("lost",), ("succeeded",)]


# -- the password -------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(remote, postgres):
    """The project with a password in the address, from a variable."""
    name = remote.env["STORE"].rpartition("/")[2]
    remote.env["STORE"] = postgres.url(name, user=GUARDED, password=PASSWORD)
    assert HIDDEN in remote.env["STORE"]
    return remote


def test_the_password_is_written_nowhere_and_said_nowhere(guarded):
    guarded.configure(PROJECT.replace("test -e there || exit 3", "env; echo $STORE"))
    said = [
        guarded.run(*command)
        for command in (
            ["run", "--mode", "daily"],
            ["status"],
            ["show"],
            ["config", "show"],
            ["config", "show", "--json"],
            ["validate", "--json"],
            ["doctor"],
            ["logs", "load"],
            ["graph"],
        )
    ]
    assert [done.returncode for done in said[:3]] == [0, 0, 0], said[0].stderr
    for done in said:
        assert HIDDEN not in done.stdout + done.stderr, done.args
        assert PASSWORD not in done.stdout + done.stderr, done.args
    for path in everything_written(guarded.root):
        content = path.read_bytes()
        assert HIDDEN.encode() not in content, path
        assert PASSWORD.encode() not in content, path


def test_the_password_in_the_file_itself_is_warned_of_and_kept_in_no_cache(guarded):
    guarded.configure(PROJECT.replace("${STORE}", guarded.env["STORE"]))
    done = guarded.run("validate")
    assert "the password of the store stands in the file" in done.stdout + done.stderr
    assert HIDDEN not in done.stdout + done.stderr
    guarded.run("run", "--pipeline", "extract")
    guarded.run("status")
    cached = everything_written(guarded.root / "state")
    assert [path for path in cached if HIDDEN.encode() in path.read_bytes()] == []


def test_a_wrong_password_is_told_without_it(guarded):
    guarded.env["STORE"] = guarded.env["STORE"].replace(HIDDEN, "not-this-one")
    done = guarded.run("status", "--json")
    error = json.loads(done.stdout)
    assert (done.returncode, error["code"]) == (69, "store_unavailable")
    assert error["message"].endswith(f'password authentication failed for user "{GUARDED}"')
    assert "not-this-one" not in done.stdout + done.stderr


@pytest.mark.parametrize("password", ["with@sign", "with/slash", "with%zz", "with space"])
def test_an_address_of_which_the_password_would_be_taken_for_the_host_is_refused_without_it(site, password):
    site.env["STORE"] = f"postgresql://me:{password}@127.0.0.1/db"
    site.configure(PROJECT)
    done = site.run("validate")
    assert done.returncode == 78
    assert "the login in the address of the store cannot be told from the host" in done.stderr
    assert "hint: write such a sign of the password by its number: %40 for @" in done.stderr
    assert password not in done.stdout + done.stderr


def test_without_the_extra_the_remedy_is_its_install_line(remote):
    blocked = remote.write("blocked/psycopg.py", "raise ModuleNotFoundError('No module', name='psycopg')\n").parent
    remote.env["PYTHONPATH"] = os.pathsep.join((str(blocked), remote.env["PYTHONPATH"]))
    done = remote.run("status")
    assert done.returncode == 64
    assert done.stderr == (
        "error: a store in PostgreSQL needs psycopg, which is not installed\n"
        "  hint: pip install 'tetra-orchestrator[postgres]'\n"
    )
