"""Finding the configuration file and reading its bytes, without ever hanging on what is not a file.

Hot commands import this module: nothing heavy here.
"""

from __future__ import annotations

import os
import stat

from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FILES = ("config/orchestration.yaml", "orchestration.yaml", "pipeline_config.yaml")
#: What a folder's configuration is called, where the folder itself is named.
IN_FOLDER = (
    *FILES,
    *(f"{name}.{end}" for name in ("pipelines", "nodes", "nodes_config", "global_settings") for end in ("yaml", "yml")),
    "runner.yaml",
)
MAX_BYTES = 10 * 1024 * 1024


def find_config(explicit: str | None, environ: Mapping[str, str], cwd: str) -> str:
    """The configuration file as an absolute path: the one named, PIPELINE_CONFIG, that of TETRA_HOME, or the nearest.

    The nearest is searched for from `cwd` upwards. Raises `ConfigError` naming the places where it was looked for.
    """
    if explicit or environ.get("PIPELINE_CONFIG"):
        return _in_folder(os.path.abspath(os.path.join(cwd, explicit or environ["PIPELINE_CONFIG"])))
    places = list(_places(environ.get("TETRA_HOME"), cwd))
    found = next(filter(os.path.lexists, places), None)
    if found is None:
        raise ConfigError(
            f"there is no configuration file; looked for {', '.join(places)}",
            hint="change to the project's folder, name a file with --config, or have `tetra init` write a first one",
        )
    return found


def project_root(file: str) -> str:
    """The folder of the file, or the one above `config`, `configs` or `bin/config`. `file` is absolute.

    A job file of dativo, in `jobs` or `jobs/TENANT` beside `configs`, is of the same project as the files there; one of
    the names that we look for is no such file.
    """
    folder, name = os.path.split(os.path.dirname(file))
    if name in ("config", "configs"):
        return os.path.dirname(folder) if os.path.basename(folder) == "bin" else folder
    above = folder if name == "jobs" else os.path.dirname(folder) if os.path.basename(folder) == "jobs" else None
    if above and os.path.basename(file) not in FILES and os.path.isdir(os.path.join(above, "configs")):
        return above
    return os.path.join(folder, name)


def module_on_disk(folder: str, name: str, pythonpath: Sequence[str]) -> bool:
    """Whether `python -m name`, started in `folder`, would find the module there or under `pythonpath`."""
    relative = name.replace(".", "/")
    return any(
        os.path.isfile(os.path.join(place, relative + suffix))
        for place in (folder, *pythonpath)
        for suffix in (".py", "/__main__.py")
    )


def find_python(given: str | None, root: str, environ: Mapping[str, str]) -> str | None:
    """The tasks' interpreter as an absolute path: the one given, else .venv, $VIRTUAL_ENV, python3 on PATH."""
    path = environ.get("PATH", os.defpath)
    if given is not None:
        return _which(os.path.join(root, given) if "/" in given else given, path)
    candidates = [os.path.join(root, ".venv/bin/python")]
    if environ.get("VIRTUAL_ENV"):
        candidates.append(os.path.join(environ["VIRTUAL_ENV"], "bin/python"))
    return next(filter(os.path.exists, candidates), None) or _which("python3", path)


def _which(name: str, path: str) -> str | None:
    """The program called `name` on `path`, as `shutil.which` finds it, whose import would cost a third of a wake."""
    places = [""] if "/" in name else path.split(os.pathsep) if path else []
    programs = (os.path.join(place, name) for place in places)
    return next((program for program in programs if os.path.isfile(program) and os.access(program, os.X_OK)), None)


def read_bytes(path: str) -> bytes:
    """The file's content. Raises `ConfigError` when it is not a readable regular file of a sensible size."""
    try:
        # a FIFO must not block us while it is opened
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else "its name holds a NUL character"
        raise ConfigError(f"cannot be read: {cause}", hint="check the path and its rights", where=path) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError("this is not a regular file", hint="name a YAML file", where=path)
        if status.st_size > MAX_BYTES:
            size = f"{status.st_size / 2**20:.0f} MB"
            raise ConfigError(
                f"the file has {size}, and at most {MAX_BYTES >> 20} MB are read",
                hint="is this the right file?",
                where=path,
            )
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES)
    finally:
        os.close(descriptor)


def matching(pattern: str) -> list[str]:
    """The paths that fit a pattern, in order. `**` stands for any folders, but for none behind a symbolic link."""
    from glob import escape, glob

    above, several, below = pattern.partition("/**/")
    if not several:
        return sorted(glob(pattern))
    found: set[str] = set()
    for folder in glob(above):
        for place, folders, _ in os.walk(folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found.update(matching(os.path.join(escape(place), below)))
    return sorted(found)


def _in_folder(path: str) -> str:
    """The configuration in a folder, or the path itself where it is none or holds none."""
    if not os.path.isdir(path):
        return path
    places = (os.path.join(path, name) for name in IN_FOLDER)
    return next(filter(os.path.isfile, places), path)


def _places(home: str | None, cwd: str) -> Iterator[str]:
    if home:
        yield from (os.path.abspath(os.path.join(cwd, home, name)) for name in FILES)
        return
    folder = os.path.abspath(cwd)
    while True:
        yield from (os.path.join(folder, name) for name in FILES)
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)
