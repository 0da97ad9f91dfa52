"""The files that tasks name as their inputs: which they are, and what is in them."""

from __future__ import annotations

import glob
import os
import stat
import time

from tetra_orchestrator.errors import TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

#: Bytes that are read between two steps.
CHUNK = 1 << 20
#: A file that was written so shortly before it was read may be written again without a trace: so coarse is its time.
COARSE_NS = 2_000_000_000
#: Written by whoever imports a module, not by its author.
_COMPILED = "__pycache__"

_Stamp = tuple[int, ...]


class ProjectInputs:
    """The `InputFiles` of tasks below the folder `root`."""

    def __init__(self, root: str):
        self._root = root
        self._read: dict[str, tuple[_Stamp, str]] = {}

    def hashes(self, patterns: Sequence[str], others: Sequence[str]) -> Generator[None, None, Mapping[str, str]]:
        """See `engine.materials`. A folder stands for the files below; hidden ones count where a pattern names them."""
        found: dict[str, str] = {}
        for path in (*self._files(patterns), *(each for each in others if self._is_file(each))):
            if path not in found:
                try:
                    found[path] = yield from self._hash(path)
                except OSError as error:
                    raise _unreadable(path, error) from error
        return found

    def literally(self, text: str) -> str:
        """The text with everything in it escaped that would mean something in a pattern."""
        return glob.escape(text)

    def _files(self, patterns: Sequence[str]) -> Iterator[str]:
        for pattern in patterns:
            try:
                fitting = sorted(self._fitting(pattern))
            except ValueError:  # such as a NUL that a reference has brought in
                raise TetraError(f"the input {pattern!r} is no path", code="no_input") from None
            if not fitting:
                raise TetraError(f"no file fits the input {pattern!r}", code="no_input")
            yield from fitting

    def _fitting(self, pattern: str) -> Iterator[str]:
        for path in self._globbed(pattern):
            if _COMPILED in path.split(os.sep):
                continue
            if not os.path.isdir(self._path(path)):
                yield path
            elif "**" not in pattern:  # which finds what is below by itself
                yield from self._below(path)

    def _globbed(self, pattern: str) -> Iterator[str]:
        """As `glob` has it, which would follow a link to a folder above it for ever."""
        parts = pattern.split("/")
        if "**" not in parts:
            yield from glob.iglob(pattern, root_dir=self._root)
            return
        place = parts.index("**")
        head, tail = "/".join(parts[:place]), "/".join(parts[place + 1 :]) or "*"
        if pattern.startswith("/"):
            head = head or "/"
        for start in glob.iglob(head, root_dir=self._root) if head else ("",):
            for folder in self._folders(start):
                yield from self._globbed(os.path.join(glob.escape(folder), tail))

    def _folders(self, start: str) -> Iterator[str]:
        """The folder and all below it, links to folders included, each once."""
        seen: set[tuple[int, int]] = set()
        top = self._path(start)
        try:
            for place, folders, _ in os.walk(top, onerror=_refuse, followlinks=True) if os.path.isdir(top) else ():
                status = os.stat(place)
                if (status.st_dev, status.st_ino) in seen:
                    folders.clear()
                    continue
                seen.add((status.st_dev, status.st_ino))
                folders[:] = sorted(name for name in folders if not name.startswith(".") and name != _COMPILED)
                inside = os.path.relpath(place, top)
                yield start if inside == os.curdir else os.path.join(start, inside)
        except OSError as error:
            raise _unreadable(start or os.curdir, error) from error

    def _below(self, folder: str) -> Iterator[str]:
        try:
            for place, folders, names in os.walk(self._path(folder), onerror=_refuse):
                folders[:] = [name for name in folders if not name.startswith(".") and name != _COMPILED]
                inside = os.path.normpath(os.path.join(folder, os.path.relpath(place, self._path(folder))))
                yield from (os.path.join(inside, name) for name in names if not name.startswith("."))
        except OSError as error:
            raise _unreadable(folder, error) from error

    def _hash(self, path: str) -> Generator[None, None, str]:
        began = time.time_ns()
        status = os.stat(self._path(path))
        if not stat.S_ISREG(status.st_mode):
            raise TetraError("is no file, so that nobody can tell whether it has changed", where=path, code="no_input")
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
        before = self._read.get(path)
        if before is not None and before[0] == stamp:
            return before[1]
        content = yield from _content(self._path(path))
        if began - max(status.st_mtime_ns, status.st_ctime_ns) > COARSE_NS:
            self._read[path] = stamp, content
        return content

    def _is_file(self, path: str) -> bool:
        return os.path.isfile(self._path(path))

    def _path(self, path: str) -> str:
        return os.path.join(self._root, path)


def _content(path: str) -> Generator[None, None, str]:
    from _blake2 import blake2b  # hashlib would load OpenSSL for it

    digest = blake2b(digest_size=20)
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            yield
    return str(digest.hexdigest())


def _refuse(error: OSError) -> None:
    raise error


def _unreadable(path: str, error: OSError) -> TetraError:
    return TetraError(f"cannot be read: {error.strerror}", where=path, code="no_input")
