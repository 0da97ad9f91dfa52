"""Parsed configurations in `state/cache/`, so that only a changed file is parsed.

The key covers everything a result depends on: our version, every file that was read or looked for, `.env`, the command
line's changes, the machine and its time zone. What names a variable that is set, reads secrets or asks the tasks'
interpreter for task types is parsed anew each time, so that no value is ever kept. A cache that is wrong, stale or
somebody else's means parsing again.
"""

from __future__ import annotations

import os

from tetra_orchestrator import __version__, failpoints
from tetra_orchestrator.config.find import find_python, matching, module_on_disk, project_root, read_bytes
from tetra_orchestrator.config.kept import from_lines, to_lines
from tetra_orchestrator.config.loaded import Loaded
from tetra_orchestrator.core.history import PIPELINE, SCHEDULE
from tetra_orchestrator.core.model import Module, Typed
from tetra_orchestrator.core.store_address import without_password
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tetra_orchestrator.core.model import Project

FOLDER = os.path.join("state", "cache")
#: What `glance` keeps, beside the projects.
GLANCE = "glance"
#: The last line of a file that is whole.
END = "."
#: Variables that a project depends on although no file names them.
IMPLIED = ("LOG_DIR", "PYTHONPATH", "TZ")
#: Beginnings of variables that a dialect reads although no file names them.
READ_BY_DIALECTS = ("TAURO_", "DATABRICKS_")
#: Dialects whose jobs are given the content of secret files.
WITH_SECRETS = ("dativo",)
#: What stands in a document for secrets that the file itself has.
VEILED = '"***"'
#: Which zone `timezone: local` is; see `calendars.zone_name`.
LOCAL_TIME = "/etc/localtime"


def load(
    path: str,
    *,
    environ: Mapping[str, str],
    overlays: Sequence[str] = (),
    sets: Sequence[str] = (),
    dialect: str | None = None,
    bindings: str | None = None,
    on: str | None = None,
) -> Loaded:
    """The checked project of a configuration, without its warnings; raises what `load_project` raises."""
    said = tuple(sets)
    if dialect or bindings or on:
        said += (f"dialect={dialect}", f"bindings={bindings}", f"on={on}")
    file = os.path.join(project_root(path), FOLDER, f"project-{_variant(overlays, said)}")
    known = _decoded(read(file, lambda more: key_of(path, environ, overlays, said, more)), environ)
    if known:
        return known
    from tetra_orchestrator.config.load import load_project

    loaded = load_project(
        path, environ=environ, overlays=overlays, sets=sets, dialect=dialect, bindings=bindings, on=on
    )
    more = further(path, overlays, loaded)
    key = key_of(path, environ, overlays, said, more, loaded) if _may_be_kept(loaded) else None
    if key:
        sources = [loaded.files, loaded.looked_for, loaded.variables]
        write(file, key, more, to_lines([loaded.document, sources, loaded.project, *_outside(loaded)]))
    elif not (overlays or said) and _is_watched(loaded.project):
        _keep_document(file, loaded)
    return loaded


def last_good(path: str, environ: Mapping[str, str]) -> Loaded | None:
    """The project as the file last described one, whatever it says now; None where none was kept."""
    kept = read(os.path.join(project_root(path), FOLDER, f"project-{_variant((), ())}"), None)
    return _decoded(kept, environ) or _parsed_again(path, kept or (), environ)


def _is_watched(project: Project) -> bool:
    """Whether somebody relies on what the file last said when it cannot be used: whoever is told, and the ledger."""
    return bool(project.schedules or project.alerting or project.monitor)


def _keep_document(file: str, loaded: Loaded) -> None:
    """Keep what the file said with its references unresolved, where the project must not be kept.

    Where that has secrets, only that nothing is known any more.
    """
    lines = to_lines([] if _has_secrets(loaded) else [loaded.document])
    if read(file, None) != lines:
        write(file, "", (), lines)


def _has_secrets(loaded: Loaded) -> bool:
    """Whether the document holds secrets; those of whom is told are veiled in it."""
    from json import dumps

    return loaded.project.dialect in WITH_SECRETS or any(dumps(one)[1:-1] in loaded.document for one in loaded.secrets)


def _parsed_again(path: str, kept: Sequence[str], environ: Mapping[str, str]) -> Loaded | None:
    """The project of a document that was kept; None where that cannot be used.

    Secrets that stood in the file itself are those that stand in the same places now.
    """
    try:
        (document,) = from_lines(kept)
        from tetra_orchestrator.config.load import load_project

        if VEILED in document:
            from tetra_orchestrator.config.own_secrets import with_own_secrets
            from tetra_orchestrator.config.read import read as read_file

            document = with_own_secrets(document, read_file(path, environ=environ).tree)
        return load_project(path, environ=environ, snapshot=document, check_modules=False)
    except (TypeError, ValueError, LookupError, AttributeError, ConfigError):
        return None


def further(path: str, overlays: Sequence[str], loaded: Loaded) -> tuple[str, ...]:
    """What was read or looked for besides the file and its overlays."""
    return tuple(name for name in (*loaded.files, *loaded.looked_for) if name not in (path, *overlays))


def _may_be_kept(loaded: Loaded) -> bool:
    project = loaded.project
    if VEILED in loaded.document:
        return False  # the project has secrets that stand in the file itself
    return project.dialect not in WITH_SECRETS and not any(isinstance(task.program, Typed) for task in project.tasks())


def _outside(loaded: Loaded) -> tuple[str | None, list[tuple[str, str]]]:
    """What is looked at again each time: the interpreter that the file names, and the modules that are on disk."""
    project = loaded.project
    found = [name for name in _modules(project) if module_on_disk(*name, project.pythonpath)]
    return given_python(loaded), found


def given_python(loaded: Loaded) -> str | None:
    """The interpreter that the file names. Most name none, and parsing a large document to know would take a while."""
    from json import loads

    return loads(loaded.document).get("python") if '"python"' in loaded.document else None


def key_of(
    path: str,
    environ: Mapping[str, str],
    overlays: Sequence[str] = (),
    said: Sequence[str] = (),
    more: Sequence[str] = (),
    loaded: Loaded | None = None,
) -> str | None:
    """A digest of all that parsing depends on; None where a file cannot be read or a value would be kept.

    `said` are the command line's changes, `more` the paths that `further` gave, `loaded` the result that is to be kept.
    """
    from _blake2 import blake2b  # hashlib would load OpenSSL for it, at 3 ms a wake

    if environ.get("TETRA_STATE"):
        return None
    try:
        texts = [*(read_bytes(name) for name in (path, *overlays)), *map(_content, more)]
    except ConfigError:
        return None
    dotenv = _dotenv(path)
    named = {name for text in (*texts, *map(os.fsencode, said)) for name in _named(text)}
    if any(_is_set(name, environ, dotenv) for name in named) or (named and any(b"secrets" in text for text in texts)):
        return None
    if loaded and not _is_shown(loaded, named):
        return None
    if more and any(name.startswith(READ_BY_DIALECTS) for name in environ):
        return None
    implied = [f"{name}={environ.get(name)}" for name in IMPLIED]
    machine = [f"{__version__} {os.cpu_count()}", os.path.realpath(LOCAL_TIME), *implied]
    digest = blake2b(digest_size=16)
    for part in (*texts, dotenv, *map(os.fsencode, (path, *overlays, *said, *more, *machine))):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _is_shown(loaded: Loaded, named: Collection[str]) -> bool:
    """Whether the bytes showed which variables there are, and no secrets: UTF-16 and escapes can hide both."""
    if loaded.project.store_url != without_password(loaded.project.store_url):
        return False
    return set(loaded.variables) <= set(named) and not (loaded.variables and '"secrets":' in loaded.document)


def read(file: str, key: Callable[[Sequence[str]], str | None] | None) -> list[str] | None:
    """The lines that `write` kept, if `key` of the further paths is still theirs (None: whatever they are)."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as stream:
            if not _ours(os.fstat(stream.fileno())):
                return None
            first, more, *lines, end = stream.read().split("\n")
        return lines if end == END and (key is None or first == key(_split(more))) else None
    except (OSError, ValueError):
        return None


def write(file: str, key: str, more: Sequence[str], lines: Sequence[str]) -> None:
    """Keep lines of text; a folder that cannot be written only means parsing again."""
    if any("\n" in path for path in more):
        return
    temporary = f"{file}.{os.getpid()}"
    failpoints.hit("cache.write")
    try:
        for folder in (os.path.dirname(os.path.dirname(file)), os.path.dirname(file)):
            if not os.path.isdir(folder):
                os.mkdir(folder, 0o700)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            stream.write("\n".join((key, "\0".join(more), *lines, END)))
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut could leave the name with half of the lines
        os.replace(temporary, file)
    except (OSError, ValueError):
        return
    failpoints.hit("cache.write.commit")


def _split(more: str) -> list[str]:
    return more.split("\0") if more else []


def _content(path: str) -> bytes:
    """What a further path stands for: the bytes of a file, the names that fit a pattern, or that it is absent."""
    if "*" in path or "?" in path or "[" in path:
        return os.fsencode("\0".join(matching(path)))
    try:
        return read_bytes(path)
    except ConfigError:
        return b"\0absent"


def remember(project: Project) -> None:
    """Keep where a run is remembered, so that it can be seen and ended whatever becomes of the file meanwhile.

    Without its password, which libpq then takes from ~/.pgpass or PGPASSWORD.
    """
    file = os.path.join(project.root, FOLDER, GLANCE)
    kept, place = read(file, None), without_password(project.store_url)
    if not kept or kept[0] != place:
        write(file, "", (), [place, "", *glance_lines(project, {})])


def glance_lines(project: Project, next_slots: Mapping[str, str]) -> list[str]:
    """A line for each pipeline, with its next slot if there is one, and for each schedule."""
    pipelines = [f"{PIPELINE} {pipeline.name} {next_slots.get(pipeline.name, '')}" for pipeline in project.pipelines]
    return [*pipelines, *(f"{SCHEDULE} {schedule.name} " for schedule in project.schedules)]


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
    project: Project
    try:
        document, (files, looked_for, variables), project, given, found = from_lines(kept)
    except (TypeError, ValueError, LookupError, AttributeError):
        return None
    if not all(module_on_disk(folder, name, project.pythonpath) for folder, name in found):
        return None
    python = find_python(given, project.root, environ)
    asked = len(found) < len(_modules(project))  # the interpreter itself was asked for some
    if python is None or (asked and python != project.python):
        return None
    secrets = _secrets(project, environ)
    return Loaded(project._replace(python=python), document, files, (), looked_for, variables, secrets)


def _secrets(project: Project, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Those that a project can have that is kept: of variables that it passes on and no file names in `${...}`."""
    if not project.environment.passed:
        return ()
    from tetra_orchestrator.config.hidden import passed_secrets

    return passed_secrets(project.environment.passed, environ)
