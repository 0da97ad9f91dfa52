"""The files of attempts, private to their owner: folders 0700 and files 0600 whatever the umask."""

from __future__ import annotations

import os
import stat
import sys

from tetra_orchestrator import __version__, failpoints
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.errors import CannotWrite
from tetra_orchestrator.ports import MASKED, AttemptFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Json

#: The most a task may hand on, in bytes.
OUTPUT_LIMIT = 1 << 20

_LOG_HINT = "make it writable, or set logs.dir or LOG_DIR"
_STATE_HINT = "make it writable, or set state or TETRA_STATE"
_NOTHING = "nothing.json"
#: What a run has noted of its surroundings, and the variables of which it has noted the values, too.
_AROUND, SHOWN = "around", ("HOME", "LANG", "PATH", "SHELL", "TZ", "USER")
_DEEPEST = 100


class Workspace:
    """Attempt files below two absolute folders, which are made when they are first needed."""

    def __init__(self, logs_dir: str, state_dir: str) -> None:
        self._logs = logs_dir
        self._state = state_dir
        self._known: set[str] = set()
        #: The newest log that we have made: its name without the number, and that. A backfill makes many in a second.
        self._last_log = "", 0

    def prepare(
        self, run_id: str, task_id: str, number: int, given: Mapping[str, Json], tenant: str | None = None
    ) -> AttemptFiles:
        """Make the attempt's folders, that of its owner and its input file, and say where everything is.

        CannotWrite when it cannot.
        """
        failpoints.hit("input.write")
        files = self.files(run_id, task_id, number)
        attempts = os.path.dirname(files.input)
        if attempts not in self._known:
            self._open_run(os.path.dirname(files.log), attempts, os.path.dirname(files.checkpoint))
        if files.checkpoint not in self._known:
            self._folder("checkpoint", files.checkpoint, _STATE_HINT)
        if tenant:
            files = files._replace(tenant=self._folder_of(tenant))
        if given:
            _write_json(files.input, given)
        else:
            files = files._replace(input=f"{attempts}/{_NOTHING}")
        failpoints.hit("input.write.commit")
        return files

    def files(self, run_id: str, task_id: str, number: int) -> AttemptFiles:
        """Where the attempt's files are, whether or not they exist."""
        stem = f"{self._state}/attempts/{run_id}/{task_id}.{number}"
        return AttemptFiles(
            self.log_path(run_id, task_id, number),
            f"{stem}.input.json",
            f"{stem}.output.jsonl",
            f"{self._state}/checkpoints/{run_id}/{task_id}",
            f"{stem}.record.json",
        )

    def _open_run(self, logs: str, attempts: str, checkpoints: str) -> None:
        self._folder("log", logs, _LOG_HINT)
        self._folder("state", attempts, _STATE_HINT)
        self._folder("checkpoint", checkpoints, _STATE_HINT)
        # One file that says {} serves all attempts of the run that are given nothing.
        _write(f"{attempts}/{_NOTHING}", b"{}\n")
        try:
            _write(f"{attempts}/{_AROUND}", _around(os.environ))
        except CannotWrite:
            return  # only `why` asks for it

    def around(self, run_id: str) -> str:
        """What the run found around itself, as `core.around` reads it; "" where it has noted nothing."""
        try:
            with open(f"{self._state}/attempts/{run_id}/{_AROUND}", encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def _folder_of(self, tenant: str) -> str:
        """The folder of a tenant, which survives runs."""
        path = f"{self._state}/tenants/{tenant}"
        if path not in self._known:
            self._folder("state", path, _STATE_HINT)
        return path

    def _folder(self, kind: str, path: str, hint: str) -> None:
        try:
            _make(path)
        except OSError as error:
            raise CannotWrite(f"cannot write the {kind} folder {path}: {error.strerror}", hint=hint) from error
        self._known.add(path)

    def carry_over(self, earlier: Sequence[str], run_id: str, task: str | None = None) -> str | None:
        """Give the new run the checkpoint folders of the first of the earlier runs that has some; returns which it is.

        With a `task`, only its own, and of the first run in which it has left something there.
        """
        folder, part = f"{self._state}/checkpoints", "" if task is None else f"/{task}"
        for old in earlier:
            if task is not None and _is_empty(f"{folder}/{old}{part}"):
                continue
            if task is not None:
                self._folder("checkpoint", f"{folder}/{run_id}", _STATE_HINT)
            failpoints.hit("checkpoint.carry")
            try:
                os.rename(f"{folder}/{old}{part}", f"{folder}/{run_id}{part}")
            except FileNotFoundError:
                continue
            except OSError as error:
                message = f"cannot move the checkpoint folder {folder}/{old}{part}: {error.strerror}"
                raise CannotWrite(message, hint=_STATE_HINT) from error
            failpoints.hit("checkpoint.carry.commit")
            return old
        return None

    def log_path(self, run_id: str, task_id: str, number: int) -> str:
        """Where the attempt's log is, whether or not it exists."""
        return f"{self._logs}/runs/{run_id}/{task_id}.{number}.log"

    def open_log(self, now: datetime) -> str:
        """Make the run's own new log file and point `latest` at it. CannotWrite when it cannot."""
        failpoints.hit("log.open")
        self._folder("log", self._logs, _LOG_HINT)
        stem = f"{self._logs}/orchestrator_{now.astimezone():%Y%m%d_%H%M%S}"
        last = self._last_log[1] if self._last_log[0] == stem else 0
        for n in range(last + 1, 1000):
            path = f"{stem}_{n}.log" if n > 1 else f"{stem}.log"
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            except FileExistsError:
                continue
            except OSError as error:
                raise CannotWrite(f"cannot write the log {path}: {error.strerror}", hint=_LOG_HINT) from error
            self._last_log = stem, n
            _link(path, f"{self._logs}/latest")
            failpoints.hit("log.open.commit")
            return path
        raise CannotWrite(f"there are 1000 logs of the same second: {stem}.log", hint="start runs less often")

    def size(self, run: Run) -> int:
        """Bytes of all files of the run, as far as they can be seen."""
        paths = [run.log] if run.log else []
        for folder in self._folders_of(run):
            paths += [os.path.join(above, name) for above, _, names in os.walk(folder) for name in names]
        return sum(map(_size, paths))

    def remove(self, run: Run) -> None:
        """Remove all files of the run. CannotWrite when one stays."""
        try:
            for folder in self._folders_of(run):
                _remove_tree(folder)
            if run.log and os.path.lexists(run.log):
                os.unlink(run.log)
        except OSError as error:
            message = f"cannot remove the files of run {run.run_id}: {error}"
            raise CannotWrite(message, hint="remove them yourself, or make them yours") from error

    def _folders_of(self, run: Run) -> tuple[str, ...]:
        """Its logs are beside its own log: the folder of logs may have been another one then."""
        logs = os.path.dirname(run.log) if run.log else self._logs
        places = (f"{logs}/runs", f"{self._state}/attempts", f"{self._state}/checkpoints")
        return tuple(f"{place}/{run.run_id}" for place in places)

    def outputs(self, files: AttemptFiles) -> Mapping[str, Json]:
        """What the task appended as JSON lines, later keys winning; {} when it wrote nothing.

        ValueError with the line when it cannot be read, also for a number beyond a float's range and for values nested
        more than 100 deep, or when it is more than 1 MB.
        """
        data = _read_output(files.output)
        if not data:
            return {}
        from json import loads

        merged: dict[str, Json] = {}
        for number, line in enumerate(data.split(b"\n"), 1):
            if line.strip():
                merged.update(_object(number, line, loads))
        return merged

    def masked_outputs(self, files: AttemptFiles) -> Mapping[str, Json]:
        """The same without secrets, as its wrapper has left it."""
        masked = f"{files.output}{MASKED}"
        return self.outputs(files._replace(output=masked) if os.path.lexists(masked) else files)

    def clear(self, files: AttemptFiles) -> None:
        """Remove what the attempt was given and what it handed on; what cannot be removed stays."""
        for path in (files.input, files.output, f"{files.output}{MASKED}"):
            if not path.endswith(f"/{_NOTHING}"):
                _unlink(path)

    def tail(self, log: str, limit: int = 4096) -> str:
        """The last lines of the log, at most `limit` bytes of it, safe to print; "" when there is no log."""
        try:
            fd = os.open(log, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return ""
        try:
            start = max(os.fstat(fd).st_size - limit, 0)
            data = os.pread(fd, limit, start)
        except OSError:
            return ""
        finally:
            os.close(fd)
        return printable((_whole_lines(data) if start else data).decode(errors="replace"))


def _around(environ: Mapping[str, str]) -> bytes:
    """The host, what we are, and the environment, a line each: values may be secret, so of most variables the name."""
    lines = [f"@host={os.uname().nodename}", f"@version={__version__}", f"@python={sys.executable}"]
    lines += [f"{name}={environ[name]}" if name in SHOWN else name for name in sorted(environ)]
    return os.fsencode("".join(f"{line.replace(chr(10), ' ')}\n" for line in lines))


def _remove_tree(folder: str) -> None:
    from contextlib import suppress
    from shutil import rmtree

    while os.path.lexists(folder):
        with suppress(FileNotFoundError):  # another command removes it, too
            rmtree(folder)


def _is_empty(folder: str) -> bool:
    try:
        return not os.listdir(folder)
    except OSError:
        return True


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _link(path: str, name: str) -> None:
    """Point the symbolic link `name` at its neighbour `path`; only a convenience, so it may fail."""
    temporary = f"{name}.{os.getpid()}"
    try:
        os.symlink(os.path.basename(path), temporary)
        os.replace(temporary, name)
    except OSError:
        return


def _make(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return
    except FileNotFoundError:
        above = os.path.dirname(path)
        if os.path.isdir(above):
            raise  # such as /proc, where nothing can be made
        _make(above)
        os.mkdir(path, 0o700)
    if os.stat(path).st_mode & 0o700 != 0o700:
        os.chmod(path, 0o700)


def _write_json(path: str, value: Mapping[str, Json]) -> None:
    from json import dumps

    _write(path, dumps(value).encode("ascii"))


def _write(path: str, data: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(fd, 0o600)
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}", hint=_STATE_HINT) from error


def _read_output(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is not a regular file")
        if found.st_size > OUTPUT_LIMIT:
            raise ValueError(f"{found.st_size} bytes are more than the limit of {OUTPUT_LIMIT}")
        return os.read(fd, OUTPUT_LIMIT)
    finally:
        os.close(fd)


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _object(number: int, line: bytes, loads: Callable[..., Any]) -> dict[str, Json]:
    try:
        value = loads(line.decode(), parse_constant=_refuse, parse_float=_finite)
        _check_depth(value)
    except RecursionError:
        raise ValueError(f"line {number}: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f'line {number}: an object such as {{"rows": 3}} is needed')
    return value


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _finite(word: str) -> float:
    number = float(word)
    if number - number:  # infinity minus itself is not a number, which is not zero
        raise ValueError(f"{word} is too large a number")
    return number


def _check_depth(value: Json) -> None:
    level: list[Json] = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    if any(isinstance(each, (dict, list)) for each in level):
        raise ValueError("nested too deeply")


def _whole_lines(data: bytes) -> bytes:
    _, newline, rest = data.partition(b"\n")
    return rest if newline and rest else data
