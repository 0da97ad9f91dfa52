"""`history`: which runs it lists, in which forms, and how it goes on."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import pytest

FILE = """
    timezone: Europe/Paris
    tenants: {acme: {}}
    pipelines:
      data: {shell: "true", tags: {team: risk}, tenant: acme}
      report: {shell: "exit 3"}
    modes: {daily: [data], bad: [report], all: [data, report]}
"""
HEAD = ["run", "mode", "state", "started", "(UTC)", "took", "trigger"]


@pytest.fixture
def ran(site):
    """Three runs: `daily` succeeded, `bad` failed, `all` failed."""
    site.configure(FILE)
    for mode, code in (("daily", 0), ("bad", 2), ("all", 2)):
        assert site.run("run", "--mode", mode).returncode == code
    return site


def modes(site, *args):
    return [run["mode"] for run in site.json("history", *args)["runs"]]


def test_history_has_the_published_shape(ran):
    body = ran.json("history")
    assert (list(body), body["schema"]) == (["schema", "runs", "next_cursor"], "tetra.history/1")
    assert [run["mode"] for run in body["runs"]] == ["all", "bad", "daily"]
    assert body["next_cursor"] is None
    first = body["runs"][0]
    assert first == ran.json("show", first["run_id"])["run"]
    assert (first["state"], first["exit_code"], first["trigger"], first["tags"]) == (
        *("failed", 2, "manual"),
        ["team=risk", "tenant=acme"],
    )
    assert first["duration_s"] >= 0
    assert body["runs"][1]["tags"] == []


def test_runs_are_found_by_what_they_had_and_were(ran):
    assert modes(ran, "--pipeline", "data") == ["all", "daily"]
    assert modes(ran, "--mode", "bad") == ["bad"]
    assert modes(ran, "--state", "failed") == ["all", "bad"]
    assert modes(ran, "--state", "success") == ["daily"]
    assert modes(ran, "--state", "succeeded", "--state", "failed", "-n", "2") == ["all", "bad"]
    assert modes(ran, "--state", "active") == []
    assert modes(ran, "--tenant", "acme", "--tag", "team=risk") == ["all", "daily"]
    assert modes(ran, "--tag", "team=risky") == []
    assert modes(ran, "--since", "1h") == ["all", "bad", "daily"]
    assert modes(ran, "--until", "1h") == []
    assert modes(ran, "--since", "2020-01-01", "--until", "2020-01-02") == []
    assert modes(ran, "--backfill", "20260101T000000Z-aaaaaa") == []


def test_a_date_begins_in_the_project_s_zone(ran):
    import apsw

    store = apsw.Connection(str(ran.root / "state" / "tetra.db"))
    began = 1_772_319_600_000_000  # 2026-02-28T23:00:00Z, in Paris the first second of March
    store.execute("UPDATE runs SET started_at = ? WHERE mode = 'daily'", (began,))
    store.close()
    assert modes(ran, "--since", "2026-03-01", "--until", "2026-03-02") == ["daily"]
    assert modes(ran, "--since", "2026-02-27", "--until", "2026-03-01") == []


def test_a_long_history_comes_in_pages(ran):
    first = ran.json("history", "-n", "2")
    assert [run["mode"] for run in first["runs"]] == ["all", "bad"]
    assert first["next_cursor"] == first["runs"][-1]["run_id"]
    last = ran.json("history", "-n", "2", "--cursor", first["next_cursor"])
    assert ([run["mode"] for run in last["runs"]], last["next_cursor"]) == (["daily"], None)


def test_people_see_a_table_and_where_it_goes_on(ran):
    lines = ran.run("history", "-n", "1").stdout.splitlines()
    run = ran.json("history", "-n", "1")["runs"][0]["run_id"]
    assert lines[0].split() == HEAD
    assert lines[2].split()[:3] == [run, "all", "failed"]
    assert lines[3:] == ["", f"there are more: --cursor {run} goes on behind these"]
    assert max(map(len, lines)) <= 80


def test_where_nothing_fits_that_is_said(site):
    site.configure(FILE)
    assert site.run("history").stdout == "no run fits\n"
    assert site.json("history") == {"schema": "tetra.history/1", "runs": [], "next_cursor": None}


def test_csv_is_what_rfc_4180_says(ran):
    path = ran.root / "history.csv"
    with path.open("wb") as file:
        done = ran.run("history", "--csv", "-n", "2", stdout=file)
    text = path.read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") == 3
    rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    known = ran.json("history", "-n", "2")
    assert [row["run_id"] for row in rows] == [run["run_id"] for run in known["runs"]]
    assert (rows[0]["tags"], rows[0]["exit_code"], rows[0]["slot"]) == ("team=risk; tenant=acme", "2", "")
    assert done.stderr == f"there are more: --cursor {known['next_cursor']} goes on behind these\n"


def test_csv_has_no_cell_that_a_spreadsheet_would_execute(site):
    site.configure("""
        pipelines: {data: {shell: "true", tags: {"=cmd()": 'x, "y"'}}}
    """)
    site.run("run")
    done = site.run("history", "--csv")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert row["tags"] == '\'=cmd()=x, "y"'


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ("--state", "sucess"),
            "error: Unknown state: sucess\n  hint: did you mean 'success'? states: queued, running, succeeded, "
            "partial, failed, timed_out, cancelled, lost, success, active\n",
        ),
        (("--pipeline", "dat"), "error: Unknown pipeline: dat\n  hint: did you mean 'data'? pipelines: data, report\n"),
        (("--mode", "dayly"), "error: Unknown mode: dayly\n  hint: did you mean 'daily'? modes: daily, bad, all\n"),
        (("--tag", "risk"), "error: --tag 'risk' is not NAME=VALUE\n  hint: write it like --tag team=risk\n"),
        (("--tag", "=risk"), "error: --tag '=risk' is not NAME=VALUE\n  hint: write it like --tag team=risk\n"),
        (
            ("--since", "soon"),
            "error: --since 'soon' is not a time\n"
            "  hint: write an instant (2026-03-01T20:00:00Z), a date (2026-03-01) or how long ago (7d, 12h)\n",
        ),
        (
            ("--until", ""),
            "error: --until '' is not a time\n"
            "  hint: write an instant (2026-03-01T20:00:00Z), a date (2026-03-01) or how long ago (7d, 12h)\n",
        ),
        (
            ("--since", "2026-02-01", "--until", "2026-01-01"),
            "error: --since '2026-02-01' is not before --until '2026-01-01'\n"
            "  hint: swap them; --until does not count\n",
        ),
        (
            ("--cursor", "gone"),
            "error: there is no run 'gone' to go on behind\n"
            "  hint: leave out --cursor, which begins with the newest run\n",
        ),
        (("--csv", "--json"), "error: --csv and --json are two forms of the same\n  hint: leave out one of them\n"),
    ],
)
def test_a_wrong_question_ends_with_64_and_what_to_ask(site, args, text):
    site.configure(FILE)
    done = site.run("history", *args)
    assert (done.returncode, done.stderr) == (64, text)


def test_a_mode_is_known_while_the_file_or_a_run_has_it(ran):
    assert modes(ran, "--mode", "daily", "--state", "failed") == []
    ran.configure(FILE.replace("bad: [report], ", ""))
    assert modes(ran, "--mode", "bad") == ["bad"]
    assert modes(ran, "--mode", "bad", "--state", "success") == []


def test_history_needs_no_sound_file(ran):
    (ran.root / "config" / "orchestration.yaml").write_text("version: 1\nproject: [")
    done = ran.run("history", "--json", "--since", "1h")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["runs"]) == 3
    assert done.stderr.startswith("warning: ")


def test_a_reader_that_leaves_is_no_fault(ran):
    process = ran.start("history", "--csv")
    process.stdout.close()
    assert process.wait(timeout=10) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_reader_that_stops_in_a_pager_keeps_nobody_from_the_store(ran):
    """More is printed than a pipe holds, nobody reads it, and meanwhile a run is recorded and the journal emptied."""
    import apsw

    store = apsw.Connection(str(ran.root / "state" / "tetra.db"))
    columns = ", ".join(
        name for _, name, *_ in store.execute("PRAGMA table_info(runs)") if name not in ("id", "run_id")
    )
    store.execute(f"""
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO runs (run_id, {columns}) SELECT 'copy-' || i, {columns} FROM n, runs WHERE mode = 'daily'
    """)
    reading, writing = os.pipe()
    reader = subprocess.Popen(
        [sys.executable, "-m", "tetra_orchestrator", "history", "-n", "2000", "--json"],
        cwd=ran.root, env=ran.env, stdout=writing, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    assert os.read(reading, 1) == b"{"
    assert ran.run("run", "--mode", "daily").returncode == 0
    assert reader.poll() is None
    busy, *_ = store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
    assert busy == 0
    store.close()
    os.close(reading)
    assert reader.wait(timeout=10) == 0
