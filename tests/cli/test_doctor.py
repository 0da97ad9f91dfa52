"""`doctor` says which SQLite there is, which journal and why, and what the kernel gives us."""

from __future__ import annotations

import apsw
import pytest

from tetra_orchestrator.adapters.runner import abilities as machine
from tetra_orchestrator.adapters.runner.abilities import abilities
from tetra_orchestrator.adapters.store import sqlite_diagnosis
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.diagnosis import Diagnosis

CODES = ["store_library", "store_journal", "store_durability", "store_content"]


def test_it_names_the_library_the_journal_with_the_reason_and_the_durability(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    assert site.run("run").returncode == 0
    found = {each["code"]: each for each in site.json("doctor")["findings"]}
    assert list(found)[:4] == CODES
    version = apsw.sqlite_lib_version()
    assert found["store_library"]["message"] == (
        f"{site.root}/state/tetra.db: SQLite {version} through apsw {apsw.apsw_version()}"
    )
    assert found["store_journal"]["message"] == (
        f"journal_mode=wal, because SQLite {version} is 3.51.3 or newer, where a checkpoint beside a writer is safe"
    )
    assert found["store_durability"]["message"] == "synchronous=FULL: a commit is on the disk when it is told"
    assert {each["severity"] for code, each in found.items() if code in CODES} == {"ok"}
    assert site.run("doctor").returncode in (0, 1), "1 where this machine lacks something"


def test_57_a_damaged_store_is_an_error_with_the_remedy(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    site.run("run")
    path = site.root / "state" / "tetra.db"
    data = bytearray(path.read_bytes())
    data[8192 + 8 : 8192 + 40] = b"\xff" * 32
    path.write_bytes(data)
    done = site.run("doctor")
    assert done.returncode == 2
    assert "error  store_content" in done.stdout
    assert "save what can be read with `sqlite3" in done.stdout


def test_a_store_that_is_no_store_is_an_error_and_not_a_fault_of_ours(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    (site.root / "state").mkdir(mode=0o700)
    (site.root / "state" / "tetra.db").write_bytes(b"x" * 200)
    done = site.run("doctor", "--json")
    assert done.returncode == 2
    assert '"code": "store_damaged"' in done.stdout


def test_an_older_library_gets_the_slower_journal_and_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.40.1")
    store = SqliteStore(str(tmp_path / "state" / "tetra.db"))
    journal = sqlite_diagnosis.diagnose(store.connection, store.path)[1]
    store.close()
    assert journal.message == (
        "journal_mode=truncate, because SQLite 3.40.1 is older than 3.51.3,"
        " where the faster journal could damage the store"
    )


@pytest.mark.parametrize(
    ("ability", "absent", "finding"),
    [
        (
            "_has_pidfd",
            False,
            Diagnosis(
                "pidfd",
                "warning",
                "this system has no pidfd: processes are told apart by pid and start time just before a signal",
                "Linux 5.3 or newer has it, macOS has not",
            ),
        ),
        (
            "find_place",
            None,
            Diagnosis(
                "control_groups",
                "warning",
                "no control group is ours: limits are kept by rlimits, or watched",
                "run it in a unit with Delegate=yes, or as root",
            ),
        ),
    ],
)
def test_what_the_machine_lacks_is_a_warning_that_says_what_we_do_without_it(monkeypatch, ability, absent, finding):
    monkeypatch.setattr(machine, ability, lambda: absent)
    assert finding in abilities()
