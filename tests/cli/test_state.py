"""`state`: check, back up, restore and upgrade the store from the command line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

STORES = Path(__file__).parents[1] / "adapters" / "store"
PIPELINES = "pipelines: {a: {shell: 'true'}, b: {shell: exit 3, depends_on: [a]}}\n"
FINE = [
    *("store_library", "store_journal", "store_durability", "store_content"),
    *("store_active", "store_rows"),
]


@pytest.fixture
def ran(site):
    """A project in which one run has been recorded."""
    site.configure(PIPELINES)
    assert site.run("run").returncode == 2
    return site


def store_of(site) -> Path:
    return site.root / "state" / "tetra.db"


def backups(site) -> list[str]:
    return sorted(path.name for path in (site.root / "state" / "backups").glob("*"))


def runs(site) -> list[str]:
    with closing(sqlite3.connect(f"file:{store_of(site)}?mode=ro", uri=True)) as store:
        return [run_id for (run_id,) in store.execute("SELECT run_id FROM runs ORDER BY id")]


def old(site, version: int) -> None:
    """A project with the store of that version."""
    site.configure(PIPELINES)
    store_of(site).parent.mkdir(mode=0o700)
    with sqlite3.connect(store_of(site)) as store:
        store.executescript((STORES / f"version_{version}.sql").read_text())
    store.close()
    store_of(site).chmod(0o600)


# check


def test_a_store_in_order_is_told_to_be(ran):
    assert [(one["code"], one["severity"]) for one in ran.json("state", "check")["findings"]] == [
        (code, "ok") for code in FINE
    ]
    done = ran.run("state", "check")
    assert done.returncode == 0
    assert "store_rows        runs, tasks, attempts, slots, partitions and letters agree with each other" in done.stdout


def test_a_run_whose_owner_has_died_is_settled_by_the_check(site):
    site.configure("pipelines: {slow: {shell: sleep 60}}")
    running = site.start("run")
    site.until(lambda: store_of(site).exists() and "running" in site.run("status").stdout)
    running.kill()
    running.wait()
    [told] = [one for one in site.json("state", "check")["findings"] if one["code"] == "store_active"]
    assert told["severity"] == "ok"
    assert told["message"] == ("active: 0 runs, each with a process that lives; settled, as its owner had died: 1 run")


def test_a_run_that_has_only_a_task_left_that_outlives_it_is_in_order(site):
    site.configure("pipelines: {lives: {survive: true, shell: 'while [ ! -e open ]; do sleep 0.05; done'}}")
    running = site.start("run")
    site.until(lambda: store_of(site).exists() and "running" in site.run("status").stdout)
    running.kill()
    running.wait()
    done = site.run("state", "check")
    (site.root / "open").touch()
    assert (done.returncode, "active: 1 run, each with a process that lives" in done.stdout) == (0, True)
    site.until(lambda: "succeeded" in site.run("status").stdout)


def test_a_damaged_and_an_incomplete_store_are_findings_with_exit_code_2(ran):
    with sqlite3.connect(store_of(ran)) as store:
        store.execute("DROP TRIGGER final_run")
    store.close()
    done = ran.run("state", "check", "--json")
    [finding] = json.loads(done.stdout)["findings"]
    assert (done.returncode, finding["code"]) == (2, "store_incomplete")
    assert "it lacks the trigger final_run" in finding["message"]

    store_of(ran).write_bytes(b"x" * 5000)
    done = ran.run("state", "check")
    assert (done.returncode, "store_damaged" in done.stdout) == (2, True)


def test_rows_that_cannot_be_are_findings(ran):
    with sqlite3.connect(store_of(ran)) as store:
        store.executescript(
            "CREATE TEMP TABLE kept AS SELECT sql FROM sqlite_schema WHERE name = 'final_attempt';"
            " DROP TRIGGER final_attempt; UPDATE attempts SET exit_code = 9 WHERE task_id = 'a'"
        )
        [(trigger,)] = store.execute("SELECT sql FROM kept").fetchall()
        store.execute(trigger)
    store.close()
    done = ran.run("state", "check", "--json")
    bad = [one for one in json.loads(done.stdout)["findings"] if one["severity"] == "error"]
    assert (done.returncode, [one["code"] for one in bad]) == (2, ["store_successes"])
    assert bad[0]["message"] == f"attempts that succeeded and did not exit with 0: 1, such as {runs(ran)[0]} a"


# backup


def test_a_backup_says_where_it_is_and_what_it_holds(ran):
    done = ran.run("state", "backup")
    [name] = backups(ran)
    size = (ran.root / "state" / "backups" / name).stat().st_size
    assert (done.returncode, done.stdout) == (0, f"state/backups/{name}: 1 run, {size} bytes, version 6\n")
    told = ran.json("state", "backup", "mine.db")["backup"]
    assert told == {
        "path": str(ran.root / "mine.db"),
        "version": 6,
        "size_bytes": size,
        "runs": 1,
        "last_run": runs(ran)[0],
    }


def test_a_backup_over_a_file_has_to_be_asked_for(ran):
    assert ran.run("state", "backup", "mine.db").returncode == 0
    done = ran.run("state", "backup", "mine.db")
    assert (done.returncode, done.stderr) == (
        64,
        f"error: {ran.root}/mine.db is there already\n"
        "  hint: add --force to write over it, or name another file or a folder\n",
    )
    assert ran.run("state", "backup", "mine.db", "--force").returncode == 0


def test_before_the_first_run_there_is_nothing_to_back_up_or_to_upgrade(site):
    site.configure(PIPELINES)
    for words in (("backup",), ("upgrade", "--plan"), ("upgrade",)):
        done = site.run("state", *words)
        assert (done.returncode, done.stderr) == (
            69,
            f"error: {store_of(site)}: no runs have been recorded yet\n"
            "  hint: start one with `tetra run --mode MODE`\n",
        )
    assert not store_of(site).exists()


# restore


def test_T_256_a_former_state_is_restored_and_the_one_before_is_kept(ran):
    first = runs(ran)
    ran.run("state", "backup", "mine.db")
    ran.run("run")
    both = runs(ran)
    done = ran.run("state", "restore", "mine.db")
    [name] = backups(ran)
    assert (done.returncode, done.stdout) == (
        0,
        f"state/tetra.db: 1 run, the last of them {first[0]}\nwhat was there before is now state/backups/{name}\n",
    )
    assert runs(ran) == first
    told = ran.json("state", "restore", f"state/backups/{name}")
    assert (told["store"], told["backup"]["runs"]) == (str(store_of(ran)), 2)
    assert runs(ran) == both
    assert ran.run("run").returncode == 2


def test_a_store_is_not_replaced_while_a_run_goes_on_unless_forced_and_the_run_then_ends(site):
    site.configure("pipelines: {slow: {shell: 'while [ ! -e open ]; do sleep 0.05; done'}}")
    site.write("open", "")
    assert site.run("run").returncode == 0
    (site.root / "open").unlink()
    site.run("state", "backup", "mine.db")
    running = site.start("run")
    site.until(lambda: len(runs(site)) == 2 and "running" in site.run("status").stdout)
    done = site.run("state", "restore", "mine.db")
    assert (done.returncode, done.stderr) == (
        75,
        f"error: run {runs(site)[1]} is going on\n  hint: wait until it ends, end it with `tetra cancel RUN`,"
        " or add --force: it then stops at its next commit\n",
    )
    assert site.run("state", "restore", "mine.db", "--force").returncode == 0
    (site.root / "open").touch()
    _, err = running.communicate(timeout=30)
    assert running.returncode == 73
    assert "the store was deleted or replaced while it was in use" in err
    assert len(runs(site)) == 1
    assert site.run("run").returncode == 0


def test_a_damaged_store_is_replaced_although_nobody_can_read_it(ran):
    first = runs(ran)
    ran.run("state", "backup", "mine.db")
    os.truncate(store_of(ran), 20_000)
    assert ran.run("show").returncode == 69
    assert ran.run("state", "restore", "mine.db").returncode == 0
    assert runs(ran) == first
    assert ran.run("state", "check").returncode == 0


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("nowhere.db", 64, "there is no file {root}/nowhere.db"),
        ("config/orchestration.yaml", 69, "{root}/config/orchestration.yaml: this is no copy of a store: file is not"),
        ("state/tetra.db", 64, "{root}/state/tetra.db is the store itself"),
        ("newer.db", 69, "{root}/newer.db: the store was written by a newer version, 9.1.0"),
    ],
)
def test_what_cannot_be_restored_is_told_and_the_store_stays(ran, file, code, words):
    shutil.copyfile(store_of(ran), ran.root / "newer.db")
    with sqlite3.connect(ran.root / "newer.db") as newer:
        newer.execute("INSERT INTO schema_version VALUES (99, '9.1.0')")
    newer.close()
    before = store_of(ran).read_bytes()
    done = ran.run("state", "restore", file)
    assert done.returncode == code
    assert done.stderr.startswith(f"error: {words.format(root=ran.root)}")
    assert store_of(ran).read_bytes() == before


# upgrade


def test_an_upgrade_is_planned_in_words_and_then_done(site):
    old(site, 3)
    plan = site.run("state", "upgrade", "--plan")
    assert plan.returncode == 0
    head, copy, size, *steps = plan.stdout.splitlines()
    assert head == "state/tetra.db has version 3 (by 0.1.0), the newest is 6"
    assert copy.startswith("copy to be made before: state/backups/tetra-v3-")
    assert size.startswith(f"size: {store_of(site).stat().st_size} bytes, free: ")
    assert steps == [
        "to do: 4, the slots of schedules, and when each pipeline is due next",
        "to do: 5, backfills with their partitions, results that are kept, and the tags of runs",
        "to do: 6, alerts with their letters, what was last seen of data, and the memory and disk traffic of attempts",
    ]
    planned = site.json("state", "upgrade", "--plan")
    assert [planned[name] for name in ("found", "newest", "done")] == [3, 6, False]

    done = site.json("state", "upgrade")
    assert (done["done"], done["backup"]) == (True, str(site.root / "state" / "backups" / backups(site)[0]))
    assert (
        site.run("state", "upgrade").stdout
        == "state/tetra.db has version 6, which is the newest: there is nothing to do\n"
    )
    assert runs(site) == ["20261121T191603Z-hefqf5"]


def test_the_copy_before_an_upgrade_brings_the_old_store_back(site):
    old(site, 4)
    before = runs(site)
    assert site.run("run").returncode == 0, "a is paused"
    [copy] = backups(site)
    assert len(runs(site)) == 3
    assert site.run("state", "restore", f"state/backups/{copy}").returncode == 0
    assert runs(site) == before
    assert site.json("state", "upgrade", "--plan")["found"] == 4


# A database on a server


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("backup",), "pg_dump --schema=orchestration makes a copy while runs go on"),
        (("restore", "x.db"), "pg_restore, or psql with what pg_dump has written, restores it"),
    ],
)
def test_a_database_on_a_server_has_tools_of_its_own(site, words, instead):
    site.configure(f"state: postgresql://localhost/tetra\n{PIPELINES}")
    done = site.run("state", *words)
    assert (done.returncode, done.stderr) == (
        64,
        f"error: the store is a database on a server, which has tools of its own for this\n  hint: {instead}\n",
    )


def test_the_plan_for_an_empty_database_says_that_it_has_no_version_yet(site, postgres):
    url = postgres.url(postgres.create())
    site.configure(f"state: {url}\npipelines: {{a: {{command: ['true']}}}}\n")
    assert site.run("state", "upgrade", "--plan").stdout == (
        f"{url} has no version yet, the newest is 2\nto do: 1, all tables, indices, triggers and views\n"
        "to do: 2, alerts with their letters, what was last seen of data, and the memory and disk traffic of attempts\n"
    )
