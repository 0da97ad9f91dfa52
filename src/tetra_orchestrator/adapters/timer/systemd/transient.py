"""Commands as services of their own, gone from systemd when they end."""

from __future__ import annotations

import os

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.adapters.timer.detached import open_log
from tetra_orchestrator.errors import CannotWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.adapters.timer.systemd.session import Session

#: Like the units of timers: the first TERM goes to our own process, which ends its tasks by itself.
_PROPERTIES = ("KillMode=mixed", "UMask=0077", "NoNewPrivileges=yes")


def start(session: Session, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: str, log: str) -> None:
    """Have systemd start `argv` with just `env`, at once and without waiting for it; `log` is appended to.

    Raises `CannotWrite` where systemd refuses or the log cannot be written.
    """
    os.close(open_log(log))  # systemd would make it as its own umask has it, and would not make its folder
    output = [f"--property=Standard{stream}=append:{log}" for stream in ("Output", "Error")]
    settings = [f"--setenv={key}={value}" for key, value in env.items()]
    words = ["--no-block", "--collect", "--quiet", f"--unit={name}", f"--working-directory={cwd}", *output, *settings]
    properties = [f"--property={each}" for each in _PROPERTIES]
    # systemd fills in ${VARIABLES} of the command line, except in its first word (systemd.service(5))
    command = [argv[0], *(word.replace("$", "$$") for word in argv[1:])]
    done = program.run(session.command("systemd-run", *words, *properties, "--", *command), session.environment())
    if done.code:  # what it was given may hold secrets, so it is not told
        message = f"systemd does not start {name}: {program.reason(done)}"
        raise CannotWrite(message, hint="mend what it says, then try again")
