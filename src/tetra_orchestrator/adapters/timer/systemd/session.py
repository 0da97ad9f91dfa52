"""The systemd that is spoken to: that of the system, or that of the user whom we run as."""

from __future__ import annotations

import os

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.adapters.timer.folder import Obstacle
from tetra_orchestrator.errors import CannotWrite, Forbidden, NotNow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.timer.program import Done

USER, SYSTEM = "user", "system"
#: Where systemd is process 1, by sd_booted(3); `machine` stands before every path of the system itself.
_BOOTED = "/run/systemd/system"


class Session:
    """Runs `systemctl` and its like. Instants that they print are UTC."""

    def __init__(self, scope: str, machine: str = "") -> None:
        self.scope = scope
        self.machine = machine

    def command(self, name: str, *words: str) -> list[str]:
        """What to run for a program of systemd that takes the manager as an option."""
        return [name, f"--{self.scope}", *words]

    def call(self, *words: str) -> str:
        """What `systemctl` answers. Raises `CannotWrite` where it fails, `NotNow` where it does not answer."""
        return program.succeed(self.command("systemctl", *words), self.environment())

    def ask(self, *words: str) -> Done:
        """How `systemctl` ends, where a failure is an answer too."""
        return program.run(self.command("systemctl", *words), self.environment())

    def environment(self) -> dict[str, str]:
        """That of `program.environment`, and for a user where the manager listens, which su and cron do not tell."""
        folder = self.runtime() if self.scope == USER else None
        if folder is None:
            return program.environment(TZ="UTC")
        address = f"unix:path={folder}/bus"
        if folder == os.environ.get("XDG_RUNTIME_DIR"):
            address = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or address
        return program.environment(TZ="UTC", XDG_RUNTIME_DIR=folder, DBUS_SESSION_BUS_ADDRESS=address)

    def runtime(self) -> str | None:
        """The folder in which the user's manager listens; None where none does. After su, ours is somebody else's."""
        folders = (os.environ.get("XDG_RUNTIME_DIR"), self._usual_runtime())
        return next((folder for folder in folders if folder and _is_listened_in(folder)), None)

    def _usual_runtime(self) -> str:
        return f"{self.machine}/run/user/{os.geteuid()}"

    def obstacle(self) -> Obstacle | None:
        """Why this systemd does nothing for us; None when it does."""
        if not os.path.isdir(f"{self.machine}{_BOOTED}"):
            remedy = "use cron with --by crontab, or `tetra start --foreground`"
            return Obstacle("no_systemd", "this system was not started by systemd", remedy)
        if self.scope == USER and self.runtime() is None:
            user = user_name()
            message = f"no systemd is running for the user {user}: there is no {self._usual_runtime()}/bus"
            remedy = f"`loginctl enable-linger {user}` has it run always; `machinectl shell {user}@` starts it for now"
            return Obstacle("no_user_bus", message, remedy)
        return None

    def check(self) -> None:
        """Raises `Forbidden` without the rights, `CannotWrite` without systemd, `NotNow` without a user's manager."""
        if self.scope == SYSTEM and os.geteuid() != 0:
            raise Forbidden("only root can install timers of the system", hint="use sudo, or leave out --system")
        self.require()

    def require(self) -> None:
        """Raises `CannotWrite` without systemd, `NotNow` without a user's manager: nobody would answer."""
        if found := self.obstacle():
            kind = NotNow if found.code == "no_user_bus" else CannotWrite
            raise kind(found.message, hint=found.remedy, code=found.code)


def user_name() -> str:
    """The name of the user that we run as, its number where it has none."""
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _is_listened_in(folder: str) -> bool:
    try:
        is_ours = os.stat(folder).st_uid == os.geteuid()
    except OSError:
        return False
    return is_ours and any(os.path.exists(f"{folder}/{socket}") for socket in ("bus", "systemd/private"))
