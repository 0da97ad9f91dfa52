"""Looking around from within a job: what each scheduler is asked for, what the job then finds, and why one does not."""

from __future__ import annotations

import json
import os
import plistlib
import shlex
import shutil
import sys

import pytest

from tetra_orchestrator.adapters import surroundings as prober
from tetra_orchestrator.adapters.timer import in_job
from tetra_orchestrator.adapters.timer.in_job import look_in_job
from tetra_orchestrator.core.surroundings import surroundings
from tetra_orchestrator.core.units import TimerSpec
from tetra_orchestrator.errors import CannotWrite, NotNow
from tetra_orchestrator.timer_port import CRONTAB, LAUNCHD_SYSTEM, LAUNCHD_USER, SYSTEMD_SYSTEM, SYSTEMD_USER

KINDS = (SYSTEMD_USER, SYSTEMD_SYSTEM, LAUNCHD_USER, LAUNCHD_SYSTEM, CRONTAB)

#: Starts the command in the environment, folder and umask that it is told, as systemd.exec(5) has it.
SYSTEMD_RUN = """
import json, os, re, sys
HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
json.dump([sys.argv[1:], dict(os.environ)], open(HERE + "/asked.json", "w"))
if os.path.exists(HERE + "/refuse"):
    sys.exit("Failed to connect to bus: No medium found")
end = sys.argv.index("--")
options = [word.split("=", 1) for word in sys.argv[1:end] if "=" in word]
given = dict(value.split("=", 1) for name, value in options if name == "--property")
env = dict(value.split("=", 1) for name, value in options if name == "--setenv")
argv = [sys.argv[end + 1], *(word.replace("$$", "$") for word in sys.argv[end + 2 :])]
try:
    os.chdir(given["WorkingDirectory"])
except OSError:
    sys.exit(200)
os.umask(int(given["UMask"], 8))
try:
    os.execve(argv[0], argv, env)
except OSError:
    sys.exit(203)
"""

#: Starts what a property list says when it is bootstrapped, as launchd.plist(5) has it.
LAUNCHCTL = """
import json, os, plistlib, subprocess, sys
HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
with open(HERE + "/calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "print":
    sys.exit(113 if os.path.exists(HERE + "/nobody-logged-in") and sys.argv[2].startswith("gui/") else 0)
if sys.argv[1] == "bootstrap":
    data = open(sys.argv[3], "rb").read()
    open(HERE + "/asked.plist", "wb").write(data)
    job = plistlib.loads(data)
    subprocess.Popen(
        job["ProgramArguments"],
        stdin=open(job["StandardInPath"]),
        stdout=open(job["StandardOutPath"], "w"),
        stderr=open(job["StandardErrorPath"], "w"),
        env=job["EnvironmentVariables"],
        cwd=job["WorkingDirectory"],
        umask=job["Umask"],
    )
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder with the fake programs, which alone is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, source in (("systemd-run", SYSTEMD_RUN), ("launchctl", LAUNCHCTL)):
        (folder / f"{name}.py").write_text(source)
        started = shlex.join([sys.executable, "-S", str(folder / f"{name}.py")])  # `#!` takes no path with a space
        (folder / name).write_text(f'#!/bin/sh\nexec {started} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("TOKEN", "only in your shell")
    return folder


@pytest.fixture
def spec(tmp_path):
    root = tmp_path / "my $HOME project"
    root.mkdir()
    env = (("PATH", "/usr/bin:/bin"), ("TETRA_HOME", str(root)))
    return TimerSpec("demo", "daily", "", (sys.executable, "-P"), str(root), env, f"{root}/logs/a b.log", "")


def question(spec, **more):
    return {"root": spec.cwd, "tz": None, "programs": [], "places": [], "interpreters": []} | more


def look(kind, spec, **more):
    return surroundings(look_in_job(kind, spec, prober.__file__, question(spec, **more)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_has_the_folder_and_the_environment_of_a_timer_and_nothing_of_ours(kind, spec, programs):
    found = look(kind, spec)
    assert (found.cwd, found.root) == (spec.cwd, spec.cwd)
    assert found.values["PATH"] == "/usr/bin:/bin"
    assert "TETRA_HOME" in found.names
    assert "TOKEN" not in found.names


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_has_the_umask_of_a_timer(kind, spec, programs):
    assert look(kind, spec._replace(umask=0o027)).umask == 0o027


def test_cron_is_imitated_as_crontab_5_says(spec, programs):
    found = look(CRONTAB, spec._replace(env=()))
    assert (found.values["SHELL"], found.values["PATH"]) == ("/bin/sh", "/usr/bin:/bin")
    assert found.names - {"LC_CTYPE"} == {"HOME", "LOGNAME", "PATH", "SHELL"}


@pytest.mark.parametrize(("kind", "manager"), [(SYSTEMD_USER, "--user"), (SYSTEMD_SYSTEM, "--system")])
def test_systemd_is_asked_for_a_service_that_is_guarded_like_a_timer_s(kind, manager, spec, programs):
    look(kind, spec)
    words, environ = json.loads((programs / "asked.json").read_text())
    assert words[: words.index("--")] == [
        manager,
        "--wait",
        "--pipe",
        "--collect",
        "--quiet",
        f"--property=WorkingDirectory={spec.cwd}",
        "--property=UMask=0077",
        "--property=RuntimeMaxSec=20",
        "--property=NoNewPrivileges=yes",
        "--property=RestrictSUIDSGID=yes",
        "--setenv=PATH=/usr/bin:/bin",
        f"--setenv=TETRA_HOME={spec.cwd}",
    ]
    assert "TOKEN" not in environ


@pytest.mark.parametrize(("kind", "more"), [(SYSTEMD_USER, ["PrivateUsers=yes"]), (SYSTEMD_SYSTEM, [])])
def test_a_strict_timer_s_sandbox_is_around_the_job_too(kind, more, spec, programs):
    look(kind, spec._replace(strict=True))
    words, _ = json.loads((programs / "asked.json").read_text())
    given = [word.removeprefix("--property=") for word in words if word.startswith("--property=")]
    assert given[5:] == [
        *more,
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        "PrivateTmp=yes",
        f'ReadWritePaths="-{spec.cwd}" "-{spec.cwd}/logs"',
    ]


def test_a_dollar_in_the_path_of_the_prober_stays_one(spec, programs, tmp_path):
    copy = shutil.copy(prober.__file__, tmp_path / "$HOME.py")
    assert look_in_job(SYSTEMD_USER, spec, str(copy), question(spec))["cwd"] == spec.cwd


def test_launchd_is_given_an_agent_that_is_gone_afterwards(spec, programs):
    look(LAUNCHD_USER, spec)
    job = plistlib.loads((programs / "asked.plist").read_bytes())
    uid, label = os.geteuid(), f"com.demo.daily.probe{os.getpid()}"
    folder = os.path.dirname(job.pop("StandardInPath"))
    assert job == {
        "Label": label,
        "ProgramArguments": [sys.executable, "-P", prober.__file__],
        "WorkingDirectory": spec.cwd,
        "EnvironmentVariables": dict(spec.env),
        "Umask": 0o077,
        "RunAtLoad": True,
        "ProcessType": "Standard",
        "StandardOutPath": f"{folder}/answer",
        "StandardErrorPath": f"{folder}/errors",
    }
    assert (programs / "calls").read_text().splitlines() == [
        f"print gui/{uid}",
        f"bootstrap gui/{uid} {folder}/{label}.plist",
        f"bootout gui/{uid}/{label}",
    ]
    assert not os.path.exists(folder)


def test_where_nobody_is_logged_in_the_agent_is_the_user_s(spec, programs):
    (programs / "nobody-logged-in").touch()
    look(LAUNCHD_USER, spec)
    assert f"bootstrap user/{os.geteuid()} " in (programs / "calls").read_text()


def test_a_daemon_s_job_runs_as_the_owner_of_the_project(spec, programs):
    if os.geteuid() != 0:
        pytest.skip("needs root, to ask the machine's launchd and to have a project of somebody else's")
    os.chown(spec.cwd, 65534, -1)
    look(LAUNCHD_SYSTEM, spec)
    assert plistlib.loads((programs / "asked.plist").read_bytes())["UserName"] == "nobody"
    assert (programs / "calls").read_text().startswith("print system\nbootstrap system /")


def test_a_folder_that_the_job_cannot_enter_is_told_apart_from_an_interpreter_that_it_cannot_execute(spec, programs):
    for kind in (SYSTEMD_USER, CRONTAB):
        with pytest.raises(CannotWrite) as no_folder:
            look_in_job(kind, spec._replace(cwd=f"{spec.cwd}/gone"), prober.__file__, question(spec))
        assert (no_folder.value.code, no_folder.value.where) == ("cwd", f"{spec.cwd}/gone")
        with pytest.raises(CannotWrite) as no_python:
            look_in_job(kind, spec._replace(argv=("/gone/python",)), prober.__file__, question(spec))
        assert (no_python.value.code, no_python.value.where) == ("interpreter_missing", "/gone/python")


def test_a_scheduler_that_starts_nothing_is_told_with_its_own_words(spec, programs):
    (programs / "refuse").touch()
    with pytest.raises(NotNow) as none:
        look(SYSTEMD_USER, spec)
    assert str(none.value) == (
        "systemd (user) has started no job that answers: Failed to connect to bus: No medium found\n"
        "  hint: mend what it says; without a scheduler that starts jobs, no timer does either"
    )
    assert none.value.code == "in_job"


@pytest.mark.parametrize("kind", [SYSTEMD_USER, LAUNCHD_USER, CRONTAB])
def test_a_job_that_fails_is_told_with_its_last_words(kind, spec, programs, tmp_path, monkeypatch):
    monkeypatch.setattr(in_job, "LIMIT_S", 1 if kind == LAUNCHD_USER else 10)  # launchd does not tell an end
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('it broke')")
    with pytest.raises(NotNow, match="has started no job that answers: it broke"):
        look_in_job(kind, spec, str(broken), question(spec))


def test_an_answer_that_is_none_is_told(spec, programs, tmp_path):
    strange = tmp_path / "strange.py"
    strange.write_text("print('hello')")
    with pytest.raises(NotNow, match=r"the scheduler has started no job that answers: it answers 'hello\\n'"):
        look_in_job(CRONTAB, spec, str(strange), question(spec))
