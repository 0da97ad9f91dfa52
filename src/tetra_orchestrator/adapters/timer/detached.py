"""A child that outlives us, where no scheduler takes it into its care."""

from __future__ import annotations

import os

from tetra_orchestrator.errors import CannotWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What cron and launchd tell a job of themselves, whatever else it is given.
_PERSONAL = ("HOME", "LOGNAME", "SHELL", "TMPDIR", "USER")


def open_log(path: str) -> int:
    """A descriptor that appends to the file, which is made 0600 with its folder 0700. Raises `CannotWrite`."""
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotWrite(f"cannot write the log {path}: {error.strerror}", hint="make its folder writable") from error


def personal() -> dict[str, str]:
    """What our own scheduler has told us of the user, for a job that it does not start itself."""
    return {name: os.environ[name] for name in _PERSONAL if name in os.environ}


def start(argv: Sequence[str], env: Mapping[str, str], cwd: str, log: str | None) -> int:
    """Start it in a session of its own; its pid. Without a log it has our own output, else nothing of ours is open.

    Raises `CannotWrite` where it cannot be started.
    """
    import subprocess

    output = None if log is None else open_log(log)
    try:
        child = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        message = f"cannot start {argv[0]} in {cwd}: {error.strerror}"
        raise CannotWrite(message, hint="see that both are there") from error
    finally:
        if output is not None:
            os.close(output)
    child.returncode = 0  # nobody waits for it; without a code it would be complained about when it is let go of
    return child.pid
