"""schedule verify: the units in launchd/ and systemd/ of a project are those that its file describes."""

from __future__ import annotations

import json
import plistlib
import shutil
import sys
from pathlib import Path

import pytest

from support.components import require
from tetra_orchestrator.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
FILE = f"""\
version: 1
project: demo
python: {sys.executable}
timezone: America/New_York
pipelines: {{a: {{shell: "true"}}}}
modes: {{all: [a]}}
schedules:
  daily: {{mode: all, cron: "0 19 * * *"}}
  nightly: {{mode: all, cron: "30 2 * * *"}}
"""
NAMES = {
    "launchd": [f"com.demo.{name}.plist" for name in ("daily", "monitor", "nightly", "orchestrator")],
    "systemd": [
        *("demo-daily.service", "demo-daily.timer", "demo-failure@.service"),
        *("demo-monitor.service", "demo-monitor.timer", "demo-nightly.service"),
        *("demo-nightly.timer", "demo-orchestrator.service", "demo-orchestrator.timer"),
    ],
}


@pytest.fixture
def verify(tmp_path, monkeypatch, capsys):
    """Calls `schedule verify` in a project and returns exit code and standard output."""
    for name in ("PIPELINE_CONFIG", "TETRA_HOME", "TETRA_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOG_DIR", str(tmp_path / "elsewhere"))
    (tmp_path / "config").mkdir()
    (tmp_path / "config/orchestration.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)

    def call(*args):
        capsys.readouterr()
        code = main.run(["schedule", "verify", *args])
        return code, capsys.readouterr().out

    return call


def units(folder: Path) -> dict[str, dict[str, str]]:
    return {family: {file.name: file.read_text() for file in sorted((folder / family).iterdir())} for family in NAMES}


def test_the_units_of_this_repository_are_what_its_file_describes(tmp_path, monkeypatch, capsys):
    require("systemd-analyze")
    for name in ("config", "launchd", "systemd", "src/pipelines"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert main.run(["schedule", "verify"]) == 0
    assert capsys.readouterr().out == "13 units are what the file describes, and systemd takes them\n"


def test_this_repository_s_times_are_said_as_a_person_would():
    """C-011, C-012, T-024, T-031, T-033, T-036, T-038."""
    lists = {name: plistlib.loads((REPOSITORY / f"launchd/com.tetra.{name}.plist").read_bytes()) for name in (
        *("daily", "weekly", "orchestrator"),
    )}  # fmt: skip
    assert {name: job["Label"] for name, job in lists.items()} == {name: f"com.tetra.{name}" for name in lists}
    assert lists["daily"]["StartCalendarInterval"] == {"Hour": 19, "Minute": 0}
    assert lists["weekly"]["StartCalendarInterval"] == {"Weekday": 0, "Hour": 20, "Minute": 0}
    assert [job["RunAtLoad"] for job in lists.values()] == [False, False, True]
    for name, times in (("daily", "*-*-* 19:00:00"), ("weekly", "Sun *-*-* 20:00:00")):
        timer = (REPOSITORY / f"systemd/tetra-{name}.timer").read_text()
        assert f"\nOnCalendar={times} America/New_York\n" in timer


def test_what_was_written_is_found_to_be_right_and_names_no_place_of_this_machine(verify, tmp_path):
    code, out = verify("--write")
    assert (code, out.partition(" units")[0]) == (0, "13")
    assert {family: list(files) for family, files in units(tmp_path).items()} == NAMES
    assert not any(str(tmp_path) in text for files in units(tmp_path).values() for text in files.values())
    assert "OnCalendar=2026-03-08 07:00:00 UTC\n" in units(tmp_path)["systemd"]["demo-nightly.timer"]
    before = units(tmp_path)
    assert verify() == (code, out)
    verify("--write")
    assert units(tmp_path) == before


def test_what_differs_is_missing_or_belongs_to_no_schedule_is_told(verify, tmp_path):
    verify("--write")
    daily = tmp_path / "systemd/demo-daily.timer"
    daily.write_text(daily.read_text().replace("19:", "18:"))
    (tmp_path / "launchd/com.demo.nightly.plist").rename(tmp_path / "launchd/com.demo.old.plist")
    code, out = verify()
    assert (code, out) == (
        1,
        "launchd/com.demo.nightly.plist is missing\n"
        "launchd/com.demo.old.plist belongs to no schedule\n"
        "systemd/demo-daily.timer is not what the file describes\n"
        "  hint: write them anew with `make golden` or `tetra schedule verify --write`\n",
    )
    body = json.loads(verify("--json")[1])
    assert (body["schema"], body["ok"], len(body["faults"])) == ("tetra.schedule.verify/1", False, 3)
    assert body["faults"][0] == {"file": "launchd/com.demo.nightly.plist", "text": "is missing"}


def test_writing_removes_what_belongs_to_no_schedule_and_nothing_that_is_not_ours(verify, tmp_path):
    verify("--write")
    (tmp_path / "config/orchestration.yaml").write_text(FILE.replace("  nightly:", "  # nightly:"))
    (tmp_path / "systemd/mine.timer").write_text("[Timer]\nOnCalendar=daily\n")
    (tmp_path / "systemd/README.md").write_text("mine\n")
    assert verify("--write")[0] == 1
    assert [name for name in units(tmp_path)["systemd"] if "demo" not in name] == ["README.md", "mine.timer"]
    assert not any("nightly" in name for files in units(tmp_path).values() for name in files)


def test_where_nobody_keeps_units_only_systemd_is_asked(verify, tmp_path):
    assert verify()[0] == 0
    assert not (tmp_path / "systemd").exists()


def test_without_systemd_the_files_are_compared_all_the_same(verify, monkeypatch, tmp_path):
    verify("--write")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert verify() == (0, "13 units are what the file describes\n")
    assert json.loads(verify("--json")[1])["systemd"] is False


def test_what_systemd_finds_wrong_is_told(verify, tmp_path, monkeypatch):
    analyze = tmp_path / "bin/systemd-analyze"
    analyze.parent.mkdir()
    analyze.write_text('#!/bin/sh\ncase "$1" in calendar) echo "  Next elapse: never";; esac\n')
    analyze.chmod(0o755)
    monkeypatch.setenv("PATH", f"{analyze.parent}:{Path(shutil.which('sh')).parent}")
    code, out = verify()
    assert code == 1
    assert "systemd demo-daily.timer: one of its times is never due: *-*-* 19:00:00 America/New_York\n" in out
