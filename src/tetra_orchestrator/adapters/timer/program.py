"""Running the scheduler's own programs: never for longer than a time limit, and in an environment that we know."""

from __future__ import annotations

import os

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.errors import CannotWrite, NotNow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: No answer takes longer than this, in seconds, unless something hangs.
LIMIT_S = 30.0
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


class Done(Record):
    """How a program has ended: its exit code, and what it said with every byte kept (surrogateescape)."""

    code: int
    out: str
    err: str


def home() -> str:
    """The home folder of the user that we run as."""
    return os.path.expanduser("~")


def environment(**more: str) -> dict[str, str]:
    """All that a scheduler's program gets to see: no locale, pager or editor of the user's changes what it does."""
    return {"LC_ALL": "C", "PATH": os.environ.get("PATH") or _PATH, "HOME": home()} | more


def is_there(name: str) -> bool:
    """Whether the program is on the PATH."""
    folders = environment()["PATH"].split(os.pathsep)
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in folders)


def run(command: Sequence[str], environ: Mapping[str, str], given: str = "") -> Done:
    """Run it to its end with `given` on its standard input.

    Raises `CannotWrite` where it cannot be started, `NotNow` where it does not end within `LIMIT_S`.
    """
    import subprocess

    sent = given.encode("utf-8", "surrogateescape")
    try:
        done = subprocess.run(command, env=environ, input=sent, capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        message = f"`{shown(command)}` has not answered within {LIMIT_S:g} s"
        raise NotNow(message, hint="run it by hand to see what it waits for, then try again") from None
    except OSError as error:
        hint = f"install {command[0]}, or add its folder to PATH"
        raise CannotWrite(f"cannot start {command[0]}: {error.strerror}", hint=hint) from error
    return Done(done.returncode, _text(done.stdout), _text(done.stderr))


def succeed(command: Sequence[str], environ: Mapping[str, str], given: str = "") -> str:
    """What it says on its standard output. As `run`, and raises `CannotWrite` where it fails."""
    done = run(command, environ, given)
    if done.code:
        raise CannotWrite(f"`{shown(command)}` failed: {reason(done)}", hint="mend what it says, then try again")
    return done.out


def shown(command: Sequence[str]) -> str:
    """The command as one would type it."""
    import shlex

    return printable(shlex.join(command))


def reason(done: Done) -> str:
    """On one line what a program that has failed says about it."""
    lines = [line.strip() for line in (done.err or done.out).splitlines()]
    return printable("; ".join(line for line in lines if line)) or f"exit code {done.code}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
