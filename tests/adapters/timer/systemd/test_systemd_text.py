"""The unit files of a project, whole."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from support.components import require
from support.systemd_specs import timer_spec
from tetra_orchestrator.adapters.timer.systemd import parse
from tetra_orchestrator.adapters.timer.systemd.text import patched_until, units
from tetra_orchestrator.core.marker import body_digest, read_marker
from tetra_orchestrator.core.units import BOOT_SWEEP, Marker, TimerSpec
from tetra_orchestrator.errors import ConfigError

NOW = utc(2026, 3, 1, 20)
ROOT = "/srv/demo"
NEW_YORK = "America/New_York"

TIMER = """\
# tetra-orchestrator: project=demo root=/srv/demo digest={digest}
# Written by `tetra-orchestrator schedule apply`: change the configuration instead.
[Unit]
Description=demo: schedule daily
SourcePath=/srv/demo/config/orchestration.yaml

[Timer]
Unit=demo-daily.service
OnCalendar=*-*-* 19:00:00 America/New_York
Persistent=yes
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
SERVICE = """\
# tetra-orchestrator: project=demo root=/srv/demo digest={digest}
# Written by `tetra-orchestrator schedule apply`: change the configuration instead.
[Unit]
Description=demo: schedule daily
SourcePath=/srv/demo/config/orchestration.yaml
OnFailure=demo-failure@daily.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=:"/usr/bin/python3" "-P" "-m" "tetra_orchestrator" "fire" "daily"
WorkingDirectory=/srv/demo
Environment="PATH=/usr/bin:/bin"
StandardOutput=append:/srv/demo/logs/demo_daily.log
StandardError=append:/srv/demo/logs/demo_daily.log
UMask=0077
SuccessExitStatus=1 75
KillMode=mixed
TimeoutStartSec=infinity
TimeoutStopSec=90s
NoNewPrivileges=yes
RestrictSUIDSGID=yes
"""


def texts(*specs: TimerSpec, scope: str = "user", root: str = ROOT) -> dict[str, str]:
    return {file.name: file.text for file in units(specs, root, NOW, scope)}


def keys(spec: TimerSpec, ending: str, section: str, scope: str = "user") -> dict[str, str]:
    """The keys of one section with their last values as written."""
    lines = parse.read(texts(spec, scope=scope)[f"{spec.unit}.{ending}"]).lines
    return {key: value for where, key, value in lines if where == section}


def refusal(spec: TimerSpec, root: str = ROOT) -> str:
    with pytest.raises(ConfigError) as caught:
        texts(spec, root=root)
    return str(caught.value)


def test_a_timer_and_its_service_whole() -> None:
    found = texts(timer_spec("0 19 * * *", NEW_YORK))
    assert list(found) == ["demo-daily.timer", "demo-daily.service", "demo-failure@.service"]
    for name, expected in (("demo-daily.timer", TIMER), ("demo-daily.service", SERVICE)):
        assert found[name] == expected.format(digest=body_digest(found[name]))


def test_each_file_is_marked_as_the_projects() -> None:
    for name, text in texts(timer_spec("0 19 * * *"), root="/srv/my project").items():
        assert read_marker(text) == Marker("demo", "/srv/my project", body_digest(text)), name


def test_each_schedule_has_two_files_and_a_project_one_for_failures() -> None:
    found = texts(timer_spec("0 19 * * *"), timer_spec(name=BOOT_SWEEP, at_boot=True))
    assert sorted(found) == [
        *("demo-daily.service", "demo-daily.timer", "demo-failure@.service"),
        *("demo-orchestrator.service", "demo-orchestrator.timer"),
    ]


def test_no_schedules_are_no_files() -> None:
    assert texts() == {}


def test_patches_are_lines_with_the_date_until_which_they_reach() -> None:
    text = texts(timer_spec("30 2 * * *", NEW_YORK))["demo-daily.timer"]
    assert parse.read(text).calendar == [
        "*-*-* 02:30:00 America/New_York",
        "2026-03-08 07:00:00 UTC",
        "2027-03-14 07:00:00 UTC",
        "2028-03-12 07:00:00 UTC",
        "2029-03-11 07:00:00 UTC",
    ]
    assert patched_until(text) == utc(2030, 1, 1)


def test_a_timer_without_patches_has_no_such_date() -> None:
    assert patched_until(texts(timer_spec("0 19 * * *", NEW_YORK))["demo-daily.timer"]) is None


@pytest.mark.parametrize("text", ["", "no unit at all", "[X-Tetra]\nPatchedUntil=soon\n", "[Unit]\nDescription=x\n"])
def test_a_text_that_says_no_date_has_none(text: str) -> None:
    assert patched_until(text) is None


@pytest.mark.parametrize(("scope", "key"), [("user", "OnStartupSec"), ("system", "OnBootSec")])
def test_a_start_of_the_machine_or_of_the_users_manager_is_a_minute_later(scope: str, key: str) -> None:
    found = keys(timer_spec(at_boot=True), "timer", "Timer", scope)
    assert found == {"Unit": "demo-daily.service", key: "1min", "AccuracySec": "1s"}


def test_an_interval_without_a_grid_counts_from_the_start_of_the_timer() -> None:
    found = keys(timer_spec(every_s=61.5), "timer", "Timer")
    assert found == {
        "Unit": "demo-daily.service", "OnActiveSec": "61.5s", "OnUnitActiveSec": "61.5s", "AccuracySec": "1s",
    }  # fmt: skip


def test_what_was_missed_is_not_made_up_for_when_that_is_not_wanted() -> None:
    assert "Persistent" not in keys(timer_spec("0 19 * * *", persistent=False), "timer", "Timer")


def test_jitter_spreads_the_wakes() -> None:
    assert keys(timer_spec("0 19 * * *", jitter_s=90.0), "timer", "Timer")["RandomizedDelaySec"] == "90s"


def test_a_timer_that_is_never_due_is_refused() -> None:
    assert refusal(timer_spec()) == (
        "/srv/demo/config/orchestration.yaml: the timer 'daily' is never due\n  hint: give it a time"
    )


def test_what_is_to_outlive_the_guard_is_not_for_systemd_to_kill() -> None:
    assert keys(timer_spec("0 19 * * *", outlived=True), "service", "Service")["KillMode"] == "process"


def test_limits_are_systemds_own() -> None:
    spec = timer_spec(
        "0 19 * * *", memory_bytes=1 << 30, cpu=1.5, processes=64, delegate=True, timeout_s=7200.0, stop_s=1.5
    )
    found = keys(spec, "service", "Service")
    wanted = {
        "MemoryMax": "1073741824", "CPUQuota": "150%", "TasksMax": "64", "Delegate": "yes", "OOMPolicy": "continue",
        "TimeoutStartSec": "7200s", "TimeoutStopSec": "1.5s",
    }  # fmt: skip
    assert {key: found[key] for key in wanted} == wanted


@pytest.mark.parametrize(("scope", "own_users"), [("user", "yes"), ("system", None)])
def test_a_strict_unit_may_only_write_to_the_project_and_its_logs(scope: str, own_users: str | None) -> None:
    spec = timer_spec("0 19 * * *", strict=True, log="/var/log/demo/daily.log")
    service = parse.read(texts(spec, scope=scope)["demo-daily.service"])
    assert service.all("Service", "ReadWritePaths") == ['"/srv/demo"', '"/var/log/demo"']
    wanted = (own_users, "strict", "read-only", "yes")
    names = ("PrivateUsers", "ProtectSystem", "ProtectHome", "PrivateTmp")
    assert tuple(service.value("Service", name) for name in names) == wanted


def test_a_mask_is_written_in_octal() -> None:
    assert keys(timer_spec("0 19 * * *", umask=0o27), "service", "Service")["UMask"] == "0027"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"description": "a\nExecStart=/bin/evil"},
            "the description of the timer 'daily' has the character '\\n' in it",
        ),
        ({"argv": ("/bin/sh", "a\tb")}, "the command of the timer 'daily' has the character '\\t' in it"),
        ({"argv": ("/bin/s\rh",)}, "the program of the timer 'daily' has the character '\\r' in it"),
        ({"cwd": "/srv/\x1b"}, "the folder of the timer 'daily' has the character '\\x1b' in it"),
        ({"env": (("A", "1\n2"),)}, "the variable A of the timer 'daily' has the character '\\n' in it"),
        ({"log": "/srv/\x00/log"}, "the log of the timer 'daily' has the character '\\x00' in it"),
        ({"source": "/srv/\x7f"}, "the source of the timer 'daily' has the character '\\x7f' in it"),
    ],
)
def test_a_control_character_is_refused_with_the_fields_name(fields: dict[str, object], problem: str) -> None:
    spec = timer_spec("0 19 * * *")._replace(**fields)
    assert refusal(spec) == f"{problem}, which no unit can hold\n  hint: take it out"


NASTY = st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"))) | st.text("\\\"'%$;# =[]{}")
FOLDERS = st.text(alphabet="ab\\\"'%$;# =[]é日", min_size=1).map(lambda name: f"/srv/{name}/x")


@given(st.lists(NASTY), NASTY, NASTY, FOLDERS, FOLDERS)
def test_whatever_is_in_a_spec_comes_back_from_its_units(
    argv: list[str], value: str, title: str, folder: str, root: str
) -> None:
    spec = timer_spec(
        "0 19 * * *",
        description=f"<{title}>",
        argv=("/usr/bin/python3", *argv),
        cwd=folder,
        env=(("A", value), ("B", title)),
        log=f"{folder}/{'y'}.log",
        source=f"{folder}.yaml",
    )
    found = texts(spec, root=root)
    service = parse.read(found["demo-daily.service"])
    assert (service.argv, service.env) == (spec.argv, spec.env)
    assert service.value("Service", "WorkingDirectory") == folder
    assert service.value("Service", "StandardOutput") == f"append:{spec.log}"
    plain = parse.read(texts(timer_spec("0 19 * * *", env=(("A", ""), ("B", ""))))["demo-daily.service"])
    assert [line[:2] for line in service.lines] == [line[:2] for line in plain.lines]
    marker = read_marker(found["demo-daily.timer"])
    assert marker is not None
    assert marker.root == root


@given(st.text() | st.from_regex("[A-Za-z0-9_-]{1,101}"), st.sampled_from(("project", "name")))
def test_no_name_adds_a_line_to_a_unit_or_a_part_to_a_files_name(text: str, field: str) -> None:
    spec = timer_spec("0 19 * * *", **{field: text})
    if not re.fullmatch("[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", text):
        assert refusal(spec).endswith("use letters, digits, '_' and '-', not '-' first, at most 100 of them")
        return
    found = units([spec], ROOT, NOW, "user")
    assert all("/" not in file.name and len(file.name) < 256 for file in found)
    plain = units([timer_spec("0 19 * * *")], ROOT, NOW, "user")
    assert [file.text.count("\n") for file in found] == [file.text.count("\n") for file in plain]


def run_notifier(folder: Path, **monitor: str) -> subprocess.CompletedProcess[str]:
    """Start what systemd would start for `demo-failure@daily.service`."""
    log = str(folder / "log $HOME 100% 'x'" / "daily.log")
    unit = parse.read(texts(timer_spec("0 19 * * *", log=log))["demo-failure@.service"])
    (command,) = unit.all("Service", "ExecStart")
    argv = [parse.unspecified(word.replace("%i", "daily")) for word in parse.split(command.removeprefix(":"))]
    return subprocess.run(argv, env={"PATH": os.defpath, **monitor}, capture_output=True, text=True, check=False)


def test_a_failure_is_told_to_the_journal_and_to_a_file_beside_the_log(tmp_path: Path) -> None:
    folder = tmp_path / "log $HOME 100% 'x'"
    folder.mkdir()
    done = run_notifier(
        tmp_path, MONITOR_SERVICE_RESULT="exit-code", MONITOR_EXIT_CODE="exited", MONITOR_EXIT_STATUS="2"
    )
    told = "demo-daily.service failed: exit-code, exited 2"
    assert (done.stdout, done.stderr, done.returncode) == (f"<3>{told}\n", "", 0)
    moment, _, rest = (folder / "failures.log").read_text().partition(" ")
    assert rest == f"{told}\n"
    assert len(moment) == len("2026-03-01T20:00:00Z")
    assert moment.endswith("Z")


def test_a_failure_is_told_to_the_journal_when_there_is_no_folder_for_logs(tmp_path: Path) -> None:
    done = run_notifier(tmp_path)
    assert done.stdout == "<3>demo-daily.service failed: unknown, exit unknown\n"
    assert done.returncode != 0


@pytest.mark.parametrize("scope", ["user", "system"])
@pytest.mark.parametrize("spec", [
    timer_spec("30 2 * * 1", NEW_YORK, strict=True, delegate=True, memory_bytes=1 << 30, cpu=1.5, processes=64),
    timer_spec("0 3 LW * *", NEW_YORK, jitter_s=2.5, timeout_s=60.0),
    timer_spec("0 9 1 * 5L", NEW_YORK, argv=("/bin/sh", "-c", 'x="$HOME" 100% \\', ";", "é")),
    timer_spec(every_s=61.0), timer_spec(every_s=90.0), timer_spec(at=NOW), timer_spec(at_boot=True),
])  # fmt: skip
def test_systemd_itself_has_nothing_against_the_units(spec: TimerSpec, scope: str, tmp_path: Path) -> None:
    program = require("systemd-analyze")
    found = texts(spec._replace(argv=("/bin/sh", *spec.argv[1:])), scope=scope)
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    command = [program, "verify", "--man=no", "--recursive-errors=yes", f"--{scope}", *map(str, tmp_path.iterdir())]
    env = {"PATH": os.defpath, "XDG_RUNTIME_DIR": str(tmp_path), "LC_ALL": "C"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
