"""`doctor` says how the store, the machine, the project and its timers are, and what a timer's job misses."""

from __future__ import annotations

import json
import re
from pathlib import Path

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
    assert re.search("^error +store_content ", done.stdout, re.M)
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


# What the project needs, and what a job of the scheduler finds of it.

REPOSITORY = Path(__file__).parents[2]
DAILY = """
modes: {all: [a]}
schedules: {daily: {mode: all, cron: "0 19 * * *"}}
"""


def findings(site, *options, **environ):
    """What is found, by code."""
    done = site.run("doctor", "--json", *options, env=environ)
    assert done.returncode in (0, 1, 2), done.stderr
    return {each["code"]: each for each in json.loads(done.stdout)["findings"]}


def program(path):
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def test_a_project_without_schedules_is_told_nothing_about_timers(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    assert set(findings(site)) - {"interpreter_versioned", "interpreter"} == {
        *CODES,
        *("pidfd", "process_table", "control_groups", "clock", "zone", "folders", "umask"),
    }


def test_an_environment_beside_the_file_whose_python_is_gone_is_told_although_another_is_used(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    (site.root / ".venv" / "bin").mkdir(parents=True)
    (site.root / ".venv" / "bin" / "python").symlink_to("/gone/bin/python3")
    (site.root / ".venv" / "pyvenv.cfg").write_text("home = /gone/bin\n")
    assert findings(site)["interpreter_broken"] == {
        "code": "interpreter_broken",
        "severity": "error",
        "message": f"{site.root}/.venv/bin/python leads to /gone/bin/python3, which is gone",
        "remedy": f"make its environment anew: python3 -m venv --clear {site.root}/.venv, and install what was in it",
    }


def test_a_file_in_place_of_the_logs_is_told_with_its_owner(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    (site.root / "logs").write_text("")
    assert findings(site, USER="ada")["folder_unwritable"] == {
        "code": "folder_unwritable",
        "severity": "error",
        "message": f"{site.root}/logs (logs) cannot be written: Not a directory; it belongs to {site.root.owner()}",
        "remedy": f"give it to yourself: sudo chown -R ada {site.root}/logs, or set `logs: {{dir: ...}}` or LOG_DIR",
    }


def test_a_file_that_cannot_be_used_is_told_beside_what_can_still_be_looked_at(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    site.run("status")
    site.configure("pipelines: {a: {shel: 'true'}}")
    found = findings(site)
    assert set(CODES) < set(found)
    assert found["configuration"] == {
        "code": "configuration",
        "severity": "error",
        "message": f"2 problems in {site.root}/config/orchestration.yaml",
        "remedy": "tetra validate shows each problem with its place",
    }


def test_a_program_that_only_your_shell_has_on_its_path_is_told_from_within_a_job(site):
    site.configure("pipelines: {a: {shell: 'fetch | sort'}}" + DAILY)
    program(site.root / "tools" / "fetch")
    path = f"{site.root}/tools:{site.env['PATH']}"
    assert "path_missing" not in findings(site, "--by", "crontab", PATH=path)
    found = findings(site, "--in-job", "--by", "crontab", PATH=path)
    assert found["path_missing"]["severity"] == "error"
    assert found["path_missing"]["message"].startswith(
        f"fetch of a is {site.root}/tools/fetch in your shell; the job does not find it on its PATH "
    )
    assert found["path_missing"]["remedy"].startswith(
        f'write {site.root}/tools/fetch in the file, or give tasks its folder: env: {{set: {{PATH: "{site.root}/tools:'
    )
    assert found["in_job"] == {
        "code": "in_job",
        "severity": "ok",
        "message": "cron starts nothing at once: a job was started as crontab(5) describes it, and compared",
        "remedy": None,
    }


def test_a_path_that_the_file_gives_to_tasks_is_the_one_that_counts(site):
    program(site.root / "tools" / "fetch")
    tools = site.root / "tools"
    site.configure(f"env: {{set: {{PATH: '{tools}:/usr/bin:/bin'}}}}\npipelines: {{a: {{shell: fetch}}}}" + DAILY)
    assert "path_missing" not in findings(site, "--in-job", "--by", "crontab")


def test_a_variable_of_the_file_is_missed_in_a_job_unless_it_stands_beside_the_file(site):
    site.configure("pipelines: {a: {command: [echo, '${API_KEY}']}}" + DAILY)
    found = findings(site, "--in-job", "--by", "crontab", API_KEY="abcdefgh")
    assert found["env_missing"]["message"] == "the file names API_KEY, which your shell has and the job has not"
    (site.root / "config" / ".env").write_text("API_KEY=abcdefgh\n")
    assert "env_missing" not in findings(site, "--in-job", "--by", "crontab", API_KEY="abcdefgh")


def test_through_systemd_a_job_is_started_and_compared(site):
    site.configure("pipelines: {a: {shell: 'true'}}" + DAILY)
    fake = site.root / "tools" / "systemd-run"
    program(fake)
    fake.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\ncd /\nexec env -i PATH=/bin "$@"\n')
    found = findings(site, "--in-job", "--by", "systemd", PATH=f"{site.root}/tools:{site.env['PATH']}")
    assert found["in_job"]["message"] == "a job that systemd-user has started was compared with this shell"
    assert found["cwd"]["message"] == f"the job starts in / instead of {site.root}"


def test_a_scheduler_that_starts_no_job_is_an_error_with_its_words(site):
    site.configure("pipelines: {a: {shell: 'true'}}" + DAILY)
    fake = site.root / "tools" / "systemd-run"
    program(fake)
    fake.write_text("#!/bin/sh\necho 'Failed to connect to bus: No medium found' >&2\nexit 1\n")
    found = findings(site, "--in-job", "--by", "systemd", PATH=f"{site.root}/tools:{site.env['PATH']}")
    assert found["in_job"] == {
        "code": "in_job",
        "severity": "error",
        "message": "systemd (user) has started no job that answers: Failed to connect to bus: No medium found",
        "remedy": "mend what it says; without a scheduler that starts jobs, no timer does either",
    }


def test_a_project_without_schedules_has_no_job_to_try(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    assert findings(site, "--in-job", "--by", "crontab")["in_job"]["message"] == (
        "the file has no schedule, so there is no timer whose job could be tried"
    )


def test_a_scheduler_that_there_is_not_is_a_mistake(site):
    site.configure("pipelines: {a: {shell: 'true'}}")
    done = site.run("doctor", "--by", "at")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith("error: Unknown scheduler: at\n  hint: --by takes systemd, launchd, crontab")


def test_every_code_is_explained():
    sources = [path.read_text() for path in (REPOSITORY / "src/tetra_orchestrator").rglob("*.py")]
    given = {code for text in sources for code in re.findall(r'(?:Diagnosis|Obstacle)\(\s*"(\w+)"', text)}
    assert {"units_stale", "timer_off"} < given | set(re.findall(r'\("(units_\w+)"', "".join(sources)))
    given |= set(re.findall(r'\("(units_\w+)"', "".join(sources)))
    page = (REPOSITORY / "docs" / "doctor.md").read_text()
    assert {code for code in given if f"`{code}`" not in page} == set()
