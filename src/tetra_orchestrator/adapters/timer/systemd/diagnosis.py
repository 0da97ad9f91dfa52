"""What keeps the timers of systemd from starting anything, and what to do about it."""

from __future__ import annotations

import os
import re

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.adapters.timer.encrypted import encryption_of
from tetra_orchestrator.adapters.timer.systemd.session import USER, user_name
from tetra_orchestrator.core.diagnosis import ERROR, WARNING, Diagnosis
from tetra_orchestrator.errors import TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.adapters.timer.folder import UnitFolder
    from tetra_orchestrator.adapters.timer.systemd.session import Session

#: Since then systemd knows all that the units of `systemd.text` say.
OLDEST = 244


def diagnose(session: Session, folder: UnitFolder) -> list[Diagnosis]:
    """All that is not as it should be; empty when the timers will be seen to."""
    obstacles = [found for found in (session.obstacle(), folder.obstacle()) if found is not None]
    found = [Diagnosis(code, ERROR, message, remedy) for code, message, remedy in obstacles]
    if any(each.code == "no_systemd" for each in found):
        return found
    return found + [*_version(session), *(_user(session) if session.scope == USER else ())]


def _version(session: Session) -> Iterator[Diagnosis]:
    number = re.match(r"systemd (\d+)", _answer(session, "systemctl", "--version"))
    if number and int(number[1]) < OLDEST:
        message = f"systemd {number[1]} does not know all that the units of the timers say"
        yield Diagnosis(
            "old_systemd", WARNING, message, f"systemd {OLDEST} or newer does; cron does too (--by crontab)"
        )


def _user(session: Session) -> Iterator[Diagnosis]:
    user = user_name()
    if not _lingers(session, user):
        message = f"the timers of {user} end with the last login, and wait for the next one after a restart"
        yield Diagnosis("no_linger", WARNING, message, f"loginctl enable-linger {user}")
    if kind := encryption_of(program.home()):
        message = f"{program.home()} is encrypted ({kind}): after a restart nothing starts before {user} logs in"
        yield Diagnosis("encrypted_home", WARNING, message, "keep the project elsewhere, with timers of the system")


def _lingers(session: Session, user: str) -> bool:
    answer = _answer(session, "loginctl", "show-user", user, "--property=Linger", "--value").strip()
    if answer in ("yes", "no"):
        return answer == "yes"
    return os.path.exists(f"{session.machine}/var/lib/systemd/linger/{user}")  # loginctl knows only who is logged in


def _answer(session: Session, *command: str) -> str:
    try:
        return program.run(command, session.environment()).out
    except TetraError:
        return ""
