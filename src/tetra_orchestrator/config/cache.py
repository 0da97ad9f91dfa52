"""Parsed configurations in `state/cache/`, so that only a changed file is parsed.

The key covers everything a result depends on: our version, the files and `.env`, the command line's changes, the
machine. A file that names a variable which is set is parsed anew each time, so that no value of one is ever kept.
A cache that is wrong, stale or somebody else's means parsing again.
"""

from __future__ import annotations

import os

from tetra_orchestrator import __version__
from tetra_orchestrator.config.find import find_python, module_on_disk, project_root, read_bytes
from tetra_orchestrator.config.loaded import Loaded
from tetra_orchestrator.core import model
from tetra_orchestrator.core.model import Module
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.model import Project

FOLDER = os.path.join("state", "cache")
#: Variables that a project depends on although no file names them.
IMPLIED = ("LOG_DIR", "PYTHONPATH")


def load(path: str, *, environ: Mapping[str, str], overlays: Sequence[str] = (), sets: Sequence[str] = ()) -> Loaded:
    """The checked project of a configuration, without its warnings; raises what `load_project` raises."""
    key = key_of(path, environ, overlays, sets)
    file = os.path.join(project_root(path), FOLDER, f"project-{_variant(overlays, sets)}")
    if key:
        known = _decoded(read(file, key), environ)
        if known:
            return known
    from json import dumps

    from tetra_orchestrator.config.load import load_project

    loaded = load_project(path, environ=environ, overlays=overlays, sets=sets)
    if key:
        write(file, key, [dumps([loaded.document, loaded.files, _encoded(loaded.project), *_outside(loaded)])])
    return loaded


def _outside(loaded: Loaded) -> tuple[str | None, list[tuple[str, str]]]:
    """What is looked at again each time: the interpreter that the file names, and the modules that are on disk."""
    from json import loads

    project = loaded.project
    found = [name for name in _modules(project) if module_on_disk(*name, project.pythonpath)]
    return loads(loaded.document).get("python"), found


def key_of(path: str, environ: Mapping[str, str], overlays: Sequence[str] = (), sets: Sequence[str] = ()) -> str | None:
    """A digest of all that parsing depends on; None where a file cannot be read or a variable gives a value to keep."""
    from _blake2 import blake2b  # hashlib would load OpenSSL for it, at 3 ms a wake

    if environ.get("TETRA_STATE"):
        return None
    try:
        texts = [read_bytes(name) for name in (path, *overlays)]
    except ConfigError:
        return None
    dotenv = _dotenv(path)
    if any(_is_set(name, environ, dotenv) for text in (*texts, *map(os.fsencode, sets)) for name in _named(text)):
        return None
    machine = [f"{__version__} {os.cpu_count()}", *(f"{name}={environ.get(name)}" for name in IMPLIED)]
    digest = blake2b(digest_size=16)
    for part in (*texts, dotenv, *map(os.fsencode, (path, *overlays, *sets, *machine))):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def read(file: str, key: str | None) -> list[str] | None:
    """The lines that `write` kept under this key, or under any for None; None where there are none."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as stream:
            if not _ours(os.fstat(stream.fileno())):
                return None
            first, *lines = stream.read().split("\n")
        return lines if key in (first, None) else None
    except (OSError, ValueError):
        return None


def write(file: str, key: str, lines: Sequence[str]) -> None:
    """Keep lines of text; a folder that cannot be written only means parsing again."""
    temporary = f"{file}.{os.getpid()}"
    try:
        for folder in (os.path.dirname(os.path.dirname(file)), os.path.dirname(file)):
            if not os.path.isdir(folder):
                os.mkdir(folder, 0o700)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            stream.write("\n".join((key, *lines)))
        os.replace(temporary, file)
    except OSError:
        return


def _ours(status: os.stat_result) -> bool:
    """Whether the file is ours and nobody else could have written it."""
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _variant(overlays: Sequence[str], sets: Sequence[str]) -> str:
    from _blake2 import blake2b

    return blake2b(os.fsencode("\0".join((*overlays, "", *sets))), digest_size=4).hexdigest()


def _named(text: bytes) -> set[str]:
    """The variables that a text names in `${...}`."""
    return {os.fsdecode(part.partition(b"}")[0].partition(b":")[0]) for part in text.split(b"${")[1:]}


def _is_set(name: str, environ: Mapping[str, str], dotenv: bytes) -> bool:
    return name in environ or os.fsencode(name) in dotenv


def _dotenv(path: str) -> bytes:
    try:
        return read_bytes(os.path.join(os.path.dirname(path), ".env"))
    except ConfigError:
        return b""


def _modules(project: Project) -> list[tuple[str, str]]:
    """(folder, module) of every task that runs one."""
    return [(t.cwd or project.root, t.program.name) for t in project.tasks() if isinstance(t.program, Module)]


def _decoded(kept: list[str] | None, environ: Mapping[str, str]) -> Loaded | None:
    """The kept project with the interpreter of today; None where a module or the interpreter has gone."""
    if not kept:
        return None
    from json import loads

    try:
        document, files, encoded, given, found = loads(kept[0])
        project: Project = _record(encoded)
    except (TypeError, ValueError, KeyError, AttributeError):
        return None
    if not all(module_on_disk(folder, name, project.pythonpath) for folder, name in found):
        return None
    python = find_python(given, project.root, environ)
    asked = len(found) < len(_modules(project))  # the interpreter itself was asked for some
    if python is None or (asked and python != project.python):
        return None
    return Loaded(project._replace(python=python), document, tuple(files), ())


def _encoded(value: Any) -> Any:
    """A record as `{"Class": [fields]}`, all else as JSON has it."""
    if isinstance(value, tuple):
        fields = [_encoded(item) for item in value]
        return {type(value).__name__: fields} if hasattr(value, "_fields") else fields
    return value


def _record(value: Any) -> Any:
    """The reverse of `_encoded`: lists become tuples, as every collection of the model is one."""
    if isinstance(value, list):
        return tuple([_record(item) for item in value])
    if isinstance(value, dict):
        ((name, fields),) = value.items()
        return getattr(model, name)._make([_record(item) for item in fields])
    return value
