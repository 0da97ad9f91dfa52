"""`prune`: what goes, why, and what stays."""

from __future__ import annotations

import json
import os
import time

import pytest

FILE = """
    logs: {{keep: {keep}}}
    pipelines: {{a: {{shell: "echo hello"}}}}
"""
STRAY = "20250101T000000Z-abcdef"


@pytest.fixture
def ran(site):
    """Five runs, of which `keep` has none removed behind a run."""
    site.configure(FILE.format(keep="{runs: 50}"))
    for _ in range(5):
        assert site.run("run").returncode == 0
    return site


def runs(site):
    return [run["run_id"] for run in site.json("history")["runs"]]


def stray(site, name, days):
    path = site.write(name, "hello\n")
    for one in (path, path.parent):
        os.utime(one, (time.time() - days * 86400,) * 2)
    return path


def test_a_dry_run_tells_what_would_go_and_removes_nothing(ran):
    known = runs(ran)
    body = ran.json("prune", "--dry-run", "--runs", "2")
    assert list(body) == [
        *(
            "schema",
            "dry_run",
            "keep",
            "runs",
            "slots",
            "alerts",
            "strays",
            "files_bytes",
            "store_spare_bytes",
            "faults",
        ),
    ]
    assert (body["schema"], body["dry_run"]) == ("tetra.prune/1", True)
    assert body["keep"] == {"runs": 2, "days": None, "total_bytes": None}
    assert [run["run_id"] for run in body["runs"]] == known[:1:-1]
    assert list(body["runs"][0]) == ["run_id", "mode", "state", "finished_at", "reason", "files_bytes"]
    assert body["runs"][0]["reason"] == {"code": "runs", "text": "it is not one of the newest 2"}
    assert body["files_bytes"] == sum(run["files_bytes"] for run in body["runs"]) > 0
    assert runs(ran) == known
    assert len(os.listdir(ran.root / "logs" / "runs")) == 5


def test_what_goes_is_told_and_goes_with_its_files(ran):
    known = runs(ran)
    text = ran.run("prune", "--runs", "2").stdout
    assert [line.split()[0] for line in text.splitlines()[2:5]] == known[:1:-1]
    assert "removed: 3 runs, 0 slots and 0 alerts from before " in text
    assert runs(ran) == known[:2]
    assert sorted(os.listdir(ran.root / "logs" / "runs")) == sorted(known[:2])
    assert ran.json("prune", "--runs", "2")["runs"] == []


def test_the_file_s_limits_hold_where_no_others_are_given(ran):
    ran.configure(FILE.format(keep="{bytes: 1GB, runs: 2}"))
    assert len(ran.json("prune", "--dry-run")["runs"]) == 3
    assert len(ran.json("prune", "--dry-run", "--bytes", "1B")["runs"]) == 4


def test_without_a_limit_every_run_stays_and_that_is_said(ran):
    ran.configure('pipelines: {a: {shell: "echo hello"}}\n')
    assert ran.run("prune").stdout.splitlines()[-1] == (
        "`logs.keep` sets no limit, so every run stays; --runs, --days and --bytes set one"
    )
    assert len(runs(ran)) == 5


def test_files_of_no_run_go_once_they_are_old_and_nothing_else_does(ran):
    gone = [
        stray(ran, f"logs/runs/{STRAY}/a.1.log", 2),
        stray(ran, f"state/attempts/{STRAY}/a.1.output.jsonl", 2),
        stray(ran, "state/tetra.db.4711.new", 2),
        stray(ran, "logs/orchestrator_20250101_000000.log", 500),
    ]
    stays = [
        stray(ran, f"logs/runs/{STRAY[:-1]}x/a.1.log", 0.5),
        stray(ran, f"state/attempts/{STRAY[:-1]}x/nothing.json", 2),
        stray(ran, "logs/runs/notes/mine.txt", 99),
        stray(ran, "logs/orchestrator_20250101_000001.log", 2),
        stray(ran, "logs/other.log", 500),
    ]
    for folder in ("logs", "state"):
        os.utime(ran.root / folder)
    body = ran.json("prune", "--dry-run")
    assert sorted(os.path.relpath(one["path"], ran.root) for one in body["strays"]) == [
        *("logs/orchestrator_20250101_000000.log", f"logs/runs/{STRAY}", f"state/attempts/{STRAY}"),
        "state/tetra.db.4711.new",
    ]
    assert {one["size_bytes"] for one in body["strays"]} == {6}
    assert all(path.exists() for path in gone)
    assert "removed: 0 runs, 0 slots" in ran.run("prune").stdout
    assert [path.exists() for path in (*gone, *stays)] == [False] * 4 + [True] * 5
    assert len(runs(ran)) == 5


def test_logs_of_another_project_in_the_same_folder_stay(ran):
    shared = {"LOG_DIR": str(ran.root / "shared")}
    other = ran.root / "other"
    other.mkdir()
    (other / "orchestration.yaml").write_text('version: 1\nproject: other\npipelines: {a: {shell: "echo hello"}}\n')
    for args in (("run",), ("run", "--config", str(other / "orchestration.yaml")), ("run", "--mode", "nope")):
        ran.run(*args, env=shared)
    there = sorted((ran.root / "shared").rglob("*.log"))
    for path in (ran.root / "shared").rglob("*"):
        os.utime(path, (time.time() - 900 * 86400,) * 2, follow_symlinks=False)
    assert len(there) == 5
    assert json.loads(ran.run("prune", "--days", "1", "--json", env=shared).stdout)["strays"] == []
    assert sorted((ran.root / "shared").rglob("*.log")) == there


def test_more_days_than_the_calendar_has_remove_nothing(ran):
    body = ran.json("prune", "--days", "9" * 30)
    assert (body["runs"], body["slots"]) == ([], {"before": "1970-01-01T00:00:00Z", "count": 0})


def test_a_run_whose_files_cannot_be_removed_stays_and_ends_it_with_73(ran):
    oldest = runs(ran)[-1]
    folder = ran.root / "logs" / "runs" / oldest
    (ran.root / "precious").mkdir()
    folder.rename(ran.root / "moved")
    folder.symlink_to(ran.root / "precious")
    done = ran.run("prune", "--runs", "1")
    assert done.returncode == 73
    assert done.stderr == (
        f"error: cannot remove the files of run {oldest}: Cannot call rmtree on a symbolic link\n"
        "  hint: remove them yourself, or make them yours\n"
    )
    assert runs(ran)[1:] == [oldest]
    again = ran.run("prune", "--runs", "1", "--json")
    assert again.returncode == 73
    (fault,) = json.loads(again.stdout)["faults"]
    assert fault["message"].startswith(f"cannot remove the files of run {oldest}")


def test_the_latest_success_and_what_is_active_stay(ran):
    good = runs(ran)[0]
    ran.configure(FILE.format(keep="{runs: 50}").replace("echo hello", "exit 1"))
    for _ in range(3):
        ran.run("run")
    ran.configure(
        FILE.format(keep="{runs: 50}").replace("echo hello", "touch up; while ! test -e go; do sleep 0.05; done")
    )
    process = ran.start("run")
    ran.until((ran.root / "up").exists)
    active = runs(ran)[0]
    ran.run("prune", "--runs", "1")
    assert runs(ran) == [active, good]
    (ran.root / "go").touch()
    assert process.wait(timeout=10) == 0
    process.communicate()


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--bytes", "lots"), "error: --bytes 'lots' is not a size\n  hint: write it like 512MB or 8GB\n"),
        (
            ("--bytes", "0"),
            "error: --bytes '0' is no limit\n  hint: write at least 1B; what is needed stays all the same\n",
        ),
        (
            ("--days", "0"),
            "error: Invalid value for '--days': 0 is not in the range x>=1.\n"
            "  hint: `tetra prune --help` lists what it takes\n",
        ),
    ],
)
def test_a_limit_that_is_none_is_refused(ran, args, text):
    done = ran.run("prune", *args)
    assert (done.returncode, done.stderr) == (64, text)


def test_room_that_is_free_in_the_store_is_told(ran):
    ran.configure("""
        pipelines: {a: {shell: 'printf "{\\"x\\": \\"%0200000d\\"}" 1 >> $TETRA_OUTPUT'}}
    """)
    for _ in range(2):
        assert ran.run("run").returncode == 0
    assert ran.json("prune", "--runs", "1")["store_spare_bytes"] > 150_000
    assert (
        ran.run("prune")
        .stdout.splitlines()[-1]
        .endswith(" KB of the store's file are free for new rows; it is not made smaller")
    )


def test_a_project_that_tells_nobody_any_more_keeps_nothing_for_it(site):
    failing = "{a: {shell: exit 3, on_failure: {notify: [note]}}}"
    alerting = "{channels: {note: {type: command, command: [no-such-program]}}}"
    site.configure(f"pipelines: {failing}\nalerting: {alerting}\n")
    for _ in range(2):
        assert site.run("run").returncode == 2
    [alert] = site.json("alerts", "list")["alerts"]
    site.configure("logs: {keep: {runs: 1}}\npipelines: {a: {shell: exit 3}}\n")
    assert [one["state"] for one in site.json("alerts", "list")["alerts"]] == ["open"]
    assert site.run("alerts", "ack", str(alert["id"])).returncode == 0
    assert "1 open alert would be closed: the file has no `alerting` any more" in site.run("prune", "--dry-run").stdout
    assert site.json("status")["alerts_open"] == 1
    assert "1 open alert closed: the file has no `alerting` any more" in site.run("prune").stdout
    assert site.json("status")["alerts_open"] == 0
    assert site.json("alerts", "list")["alerts"] == []
    assert site.json("prune", "--dry-run")["alerts"]["closed"] == 0
