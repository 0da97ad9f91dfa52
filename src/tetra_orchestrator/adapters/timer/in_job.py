"""Looking around from within a job of the system's scheduler: what a timer of ours would find, found by starting one.

systemd and launchd start a job when they are told to. cron does not, so what crontab(5) says of its jobs is imitated.
"""

from __future__ import annotations

import json
import os
from functools import partial

from tetra_orchestrator.adapters.timer.program import environment, reason, run, succeed
from tetra_orchestrator.adapters.timer.systemd.session import SYSTEM, USER, Session
from tetra_orchestrator.errors import CannotWrite, NotNow, TetraError
from tetra_orchestrator.timer_port import CRONTAB, LAUNCHD_SYSTEM, LAUNCHD_USER, SYSTEMD_SYSTEM, SYSTEMD_USER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.units import TimerSpec

#: How long a job may take, in seconds.
LIMIT_S = 20
_PAUSE_S = 0.05
#: Exit codes with which systemd tells that it could not start a program (systemd.exec(5)).
_CHDIR, _EXEC = 200, 203
#: The domain of launchd's daemons (launchctl(1)).
_MACHINE = "system"
#: What crontab(5) says that a job is given.
CRON_ENVIRONMENT = {"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}


def look_in_job(kind: str, spec: TimerSpec, prober: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """What `prober`, a Python file, says to `question` when the scheduler starts it as it would start the timer.

    Raises `CannotWrite` or `NotNow` where there is no answer; the error's `code` says what is in the way.
    """
    said = _WAYS[kind](spec, [spec.argv[0], "-P", prober], json.dumps(question))
    try:
        answer = json.loads(said)
    except ValueError:
        raise _no_answer("the scheduler", f"it answers {said[:80]!r}") from None
    return dict(answer)


def _by_systemd(scope: str, spec: TimerSpec, argv: list[str], question: str) -> str:
    session = Session(scope)
    properties = [
        f"WorkingDirectory={spec.cwd}",
        f"UMask={spec.umask:04o}",
        f"RuntimeMaxSec={LIMIT_S}",
        *("NoNewPrivileges=yes", "RestrictSUIDSGID=yes"),
        *(_sandbox(scope, spec) if spec.strict else ()),
    ]
    words = ["--wait", "--pipe", "--collect", "--quiet", *(f"--property={each}" for each in properties)]
    words += [f"--setenv={name}={value}" for name, value in spec.env]
    # systemd fills in ${VARIABLES} of the command line, except in its first word (systemd.service(5))
    words += ["--", argv[0], *(argument.replace("$", "$$") for argument in argv[1:])]
    done = run(session.command("systemd-run", *words), session.environment(), question)
    if done.code in (_CHDIR, _EXEC):
        raise _not_started(spec, done.code)
    if done.code:
        raise _no_answer(f"systemd ({scope})", reason(done))
    return done.out


def _sandbox(scope: str, spec: TimerSpec) -> list[str]:
    """What `timers: {sandbox: strict}` adds. A user's manager leaves all of it out without PrivateUsers.

    The folders may be missing (`-`), as long as no timer is installed.
    """
    private = ["PrivateUsers=yes"] if scope == USER else []
    writable = f'ReadWritePaths="-{spec.cwd}" "-{os.path.dirname(spec.log)}"'
    return [*private, "ProtectSystem=strict", "ProtectHome=read-only", "PrivateTmp=yes", writable]


def _not_started(spec: TimerSpec, code: int) -> TetraError:
    sandbox = "; in a strict sandbox nothing below /tmp is there" if spec.strict else ""
    if code == _CHDIR:
        message, hint = "the job cannot enter the project's folder", f"let the user of the job enter it{sandbox}"
        return CannotWrite(message, hint=hint, where=spec.cwd, code="cwd")
    message, hint = "the job cannot execute the interpreter", f"let the user of the job read and execute it{sandbox}"
    return CannotWrite(message, hint=hint, where=spec.argv[0], code="interpreter_missing")


def _no_answer(what: str, why: str) -> TetraError:
    hint = "mend what it says; without a scheduler that starts jobs, no timer does either"
    return NotNow(f"{what} has started no job that answers: {why}", hint=hint, code="in_job")


def _by_launchd(domains: Sequence[str], spec: TimerSpec, argv: list[str], question: str) -> str:
    """Through an agent that exists only for this. It is started at once, as RunAtLoad says (launchd.plist(5))."""
    import plistlib
    import tempfile

    domain = next((one for one in domains if not run(["launchctl", "print", one], environment()).code), domains[-1])
    with tempfile.TemporaryDirectory(prefix="tetra-") as folder:
        label = f"{spec.label}.probe{os.getpid()}"
        user = _hand_over(folder, spec.cwd) if domain == _MACHINE else {}
        plist = _plist(spec, argv, label, folder) | user
        for name, data in ((f"{label}.plist", plistlib.dumps(plist)), ("question", question.encode())):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        os.chmod(os.path.join(folder, "question"), 0o644)
        succeed(["launchctl", "bootstrap", domain, os.path.join(folder, f"{label}.plist")], environment())
        try:
            return _awaited(folder)
        finally:
            run(["launchctl", "bootout", f"{domain}/{label}"], environment())


def _hand_over(folder: str, root: str) -> dict[str, Any]:
    """Give the folder to the user whose job a timer of the machine is, the owner of `root`; returns what names him."""
    import pwd

    owner = os.stat(root).st_uid
    os.chown(folder, owner, -1)
    return {"UserName": pwd.getpwuid(owner).pw_name}


def _plist(spec: TimerSpec, argv: list[str], label: str, folder: str) -> dict[str, Any]:
    return {
        "Label": label,
        "ProgramArguments": argv,
        "WorkingDirectory": spec.cwd,
        "EnvironmentVariables": dict(spec.env),
        "Umask": spec.umask,
        "RunAtLoad": True,
        "ProcessType": "Standard",
        "StandardInPath": f"{folder}/question",
        "StandardOutPath": f"{folder}/answer",
        "StandardErrorPath": f"{folder}/errors",
    }


def _awaited(folder: str) -> str:
    """The answer, once its last line is whole."""
    import time

    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        answer = _content(f"{folder}/answer")
        if answer.endswith("\n"):
            return answer
        time.sleep(_PAUSE_S)
    errors = _content(f"{folder}/errors").strip().splitlines()
    raise _no_answer("launchd", errors[-1] if errors else f"nothing came within {LIMIT_S} s")


def _content(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _as_by_cron(spec: TimerSpec, argv: list[str], question: str) -> str:
    import pwd
    import subprocess

    user = pwd.getpwuid(os.geteuid())
    env = {**CRON_ENVIRONMENT, "HOME": user.pw_dir, "LOGNAME": user.pw_name, **dict(spec.env)}
    try:
        done = subprocess.run(
            argv,
            input=question,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            cwd=spec.cwd,
            env=env,
            umask=spec.umask,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _no_answer("what stands for cron", f"nothing came within {LIMIT_S} s") from None
    except OSError as error:
        raise _not_started(spec, _CHDIR if error.filename == spec.cwd else _EXEC) from error
    if done.returncode:
        errors = done.stderr.strip().splitlines()
        raise _no_answer("what stands for cron", errors[-1] if errors else f"exit code {done.returncode}")
    return done.stdout


_WAYS: Mapping[str, Callable[[TimerSpec, list[str], str], str]] = {
    SYSTEMD_USER: partial(_by_systemd, USER),
    SYSTEMD_SYSTEM: partial(_by_systemd, SYSTEM),
    LAUNCHD_USER: partial(_by_launchd, (f"gui/{os.geteuid()}", f"user/{os.geteuid()}")),
    LAUNCHD_SYSTEM: partial(_by_launchd, (_MACHINE,)),
    CRONTAB: _as_by_cron,
}
