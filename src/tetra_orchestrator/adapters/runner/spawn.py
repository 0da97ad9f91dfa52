"""Starting one process by posix_spawn(3): no shell, no copy of our memory, a session and a log of its own."""

from __future__ import annotations

import errno
import os
import stat
import time

from tetra_orchestrator import failpoints
from tetra_orchestrator import signals as signal
from tetra_orchestrator.adapters.runner.process import TOKEN
from tetra_orchestrator.core.outcome import SpawnFailed
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.ports import Launch

_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
_DEFAULTED = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGXCPU, signal.SIGXFSZ),
)
_RETRY_S = (0.01, 0.05, 0.2)
#: So many descriptors are kept free: for a look at the process table, the files of attempts and the like.
SPARE = 16
# Where programs were found, by name and PATH: looked at again before use, as a shell's hash table is.
_found: dict[tuple[str, str], str] = {}
_TRANSIENT = (errno.EAGAIN, errno.ETXTBSY)


class Means(Record):
    """What is spawned on behalf of a launch: a program by its path, descriptors for its input and its output, and the
    signals that wait until it lets them through.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    input: int | None = None
    output: int | None = None
    blocked: tuple[int, ...] = ()


def scarce(fd: int) -> bool:
    """Whether the descriptor is one of the last that we may have open."""
    most = os.sysconf("SC_OPEN_MAX")
    return 0 <= most <= fd + SPARE


def pipe() -> tuple[int, int]:
    """A pipe: reading end, writing end. OSError when there is none, or when it would take the last descriptors."""
    ends = os.pipe()
    if scarce(max(ends)):
        for fd in ends:
            os.close(fd)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return ends


def spawn_all(launches: Sequence[Launch], means: Mapping[str, Means | SpawnFailed]) -> list[int | SpawnFailed]:
    """Start every launch; for each, in order, its pid or why it did not start. `means`, by token, differ from its own.

    posix_spawn has no working folder, so we go there ourselves for the moment and come back. Several launches of one
    folder share the way, and launches in our own folder need none.
    """
    home = at = _current_folder()
    answers: list[int | SpawnFailed] = []
    try:
        for launch in launches:
            failed = None if launch.cwd == at else _enter(launch.cwd)
            at = at if failed else launch.cwd
            answers.append(failed or _spawn(launch, means.get(launch.token)))
    finally:
        if at != home:
            _enter(home)
    return answers


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"


def _enter(folder: str) -> SpawnFailed | None:
    try:
        os.chdir(folder)
    except FileNotFoundError:
        return SpawnFailed("ENOENT", f"the working folder {folder} does not exist")
    except OSError as error:
        return not_started(error, f"cannot enter the working folder {folder}")
    return None


def _spawn(launch: Launch, means: Means | SpawnFailed | None) -> int | SpawnFailed:
    if isinstance(means, SpawnFailed):
        return means
    if not launch.argv or not launch.argv[0]:
        return SpawnFailed("EINVAL", "the command is empty")
    try:
        program = _find(launch.argv[0], launch.env)
    except ValueError as error:
        return SpawnFailed("EINVAL", f"{launch.argv[0]!r} cannot be the name of a program: {error}")
    if isinstance(program, SpawnFailed):
        return program
    if means and means.argv != launch.argv:
        program = means.argv[0]
    try:
        pid = _patiently(program, launch, means)
    except OSError as error:
        return _explain(error, program, launch)
    except ValueError as error:
        return SpawnFailed("EINVAL", f"the arguments or the environment of {program} are not valid: {error}")
    failpoints.hit("spawn.after_fork")
    return pid


def _find(name: str, env: Mapping[str, str]) -> str | SpawnFailed:
    """Where the child's own PATH has the program; relative names are taken from the child's folder, where we are."""
    if "/" in name:
        return name
    search = env.get("PATH", os.defpath)
    known = _found.get((name, search))
    if known and os.access(known, os.X_OK):
        return known
    paths = [f"{folder or '.'}/{name}" for folder in search.split(":")]
    for path in paths:
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            if os.path.isabs(path):
                _found[name, search] = path
            return path
    for path in paths:
        if os.path.isfile(path):
            return SpawnFailed("EACCES", f"{path} is not executable")
    return SpawnFailed("ENOENT", f"no program called {name} in PATH={search}")


def _patiently(program: str, launch: Launch, means: Means | None) -> int:
    for pause_s in _RETRY_S:
        try:
            return _posix_spawn(program, launch, means)
        except OSError as error:
            if error.errno not in _TRANSIENT:
                raise
        time.sleep(pause_s)
    return _posix_spawn(program, launch, means)


def _posix_spawn(program: str, launch: Launch, means: Means | None) -> int:
    argv, env = (means.argv, means.env) if means else (launch.argv, launch.env)
    return os.posix_spawn(
        program,
        argv,
        env if env.get(TOKEN) == launch.token else {**env, TOKEN: launch.token},
        file_actions=_standard(launch.log, means),
        setsid=True,
        setsigmask=means.blocked if means else (),
        setsigdef=_DEFAULTED,
    )


def _standard(log: str, means: Means | None) -> tuple[tuple[object, ...], ...]:
    reading: tuple[object, ...] = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    writing: tuple[object, ...] = (os.POSIX_SPAWN_OPEN, 1, log, _LOG_FLAGS, 0o600)
    if means is not None and means.input is not None:
        reading = (os.POSIX_SPAWN_DUP2, means.input, 0)
    if means is not None and means.output is not None:
        writing = (os.POSIX_SPAWN_DUP2, means.output, 1)
    return reading, writing, (os.POSIX_SPAWN_DUP2, 1, 2)


def _explain(error: OSError, program: str, launch: Launch) -> SpawnFailed:
    """One errno, several possible culprits: the log, the program, its interpreter, the size of it all."""
    if error.errno in _TRANSIENT:
        return not_started(error, f"cannot start {program}")
    if error.errno == errno.E2BIG:
        size = sum(len(os.fsencode(each)) + 1 for each in (*launch.argv, *launch.env, *launch.env.values()))
        return not_started(error, f"argument list too long: {size} bytes of arguments and environment for {program}")
    if not os.access(launch.log, os.W_OK):
        return log_failed(error, launch.log)
    if error.errno == errno.ENOENT:
        return SpawnFailed("ENOENT", _missing(program, launch.cwd))
    if error.errno == errno.EACCES:
        return SpawnFailed("EACCES", f"{program} is {_obstacle(program)}")
    if error.errno == errno.ENOEXEC:
        return SpawnFailed("ENOEXEC", f"{program} is not a program this machine can run; a script needs a #! line")
    return not_started(error, f"cannot start {program}")


def _missing(program: str, cwd: str) -> str:
    if os.path.exists(program):
        return f"the interpreter that {program} names in its first line does not exist"
    return f"the program {program} does not exist" + ("" if os.path.isabs(program) else f" in {cwd}")


def _obstacle(program: str) -> str:
    try:
        return "a folder" if stat.S_ISDIR(os.stat(program).st_mode) else "not executable"
    except OSError:
        return "in a folder that may not be searched"


def not_started(error: OSError, text: str) -> SpawnFailed:
    """Why an attempt does not start: what could not be done, and the system's reason."""
    return SpawnFailed(errno.errorcode.get(error.errno or 0, "EIO"), f"{text}: {error.strerror}")


def log_failed(error: OSError, path: str) -> SpawnFailed:
    """Why an attempt whose log cannot be opened does not start."""
    return not_started(error, f"cannot write the log {path}")
