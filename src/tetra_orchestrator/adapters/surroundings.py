"""What a process finds around itself: programs, folders, variables, zone, umask. Asked for as JSON, told as JSON.

It runs in two places: within our command, and as a program of its own (`python -P FILE`, question on standard input,
answer on standard output) that the system's scheduler starts. So it needs nothing but the standard library. Of the
environment it tells names only, and the values of `SHOWN`.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Variables whose values are told.
SHOWN = ("HOME", "LANG", "PATH", "SHELL", "TZ", "USER")
#: What an interpreter that is started in the C locale sets LC_CTYPE to by itself (PEP 538).
COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
LOCAL_TIME, TIME_ZONE = "/etc/localtime", "/etc/timezone"
#: Where systemd-timesyncd(8) tells that it runs, and in it, that the clock has been set.
TIMESYNC = "/run/systemd/timesync"
#: As many links are followed in a row as Linux follows (path_resolution(7)).
MOST_LINKS = 40


def look(question: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The answer to the question of `core.needed.Needs.question`, as `core.surroundings.surroundings` reads it."""
    return {
        "platform": sys.platform,
        "names": sorted(environ),
        "values": {name: environ[name] for name in SHOWN if name in environ},
        "cwd": os.getcwd(),
        "root": os.path.realpath(question["root"]),
        "umask": _umask(),
        "zone": _zone(environ, question["tz"]),
        "locale": _locale(environ),
        "programs": [_program(environ=environ, **one) for one in question["programs"]],
        "places": [_place(**one) for one in question["places"]],
        "interpreters": [_interpreter(path) for path in question["interpreters"]],
        "package": _is_importable("tetra_orchestrator"),
        "synchronised": os.path.exists(f"{TIMESYNC}/synchronized") if os.path.isdir(TIMESYNC) else None,
    }


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _zone(environ: Mapping[str, str], given: str | None) -> dict[str, Any]:
    """TZ and the machine's zone as `core.surroundings.Zone`. TZ(3) allows a colon at the beginning of TZ.

    A machine without /etc/localtime has UTC (localtime(5)).
    """
    tz = (environ.get("TZ", "") if given is None else given).lstrip(":") or None
    local, rules = ("UTC", _rules("UTC")) if not os.path.exists(LOCAL_TIME) else (_local_zone(), _mark(LOCAL_TIME))
    return {"tz": tz, "tz_rules": tz and _rules(tz), "local": local, "local_rules": rules}


def _rules(name: str) -> str | None:
    """What zones with the same rules have in common; None for what is no zone."""
    from zoneinfo import TZPATH, ZoneInfo

    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return None
    return next(filter(None, (_mark(f"{folder}/{name}") for folder in TZPATH)), name)


def _mark(path: str) -> str | None:
    from zlib import crc32

    try:
        with open(path, "rb") as file:
            return f"{crc32(file.read()):08x}"
    except OSError:
        return None


def _local_zone() -> str | None:
    named = os.path.realpath(LOCAL_TIME).partition("zoneinfo/")[2]
    if named:
        return named
    try:
        with open(TIME_ZONE, encoding="utf-8") as file:
            return file.readline().strip() or None
    except (OSError, ValueError):
        return None


def _locale(environ: Mapping[str, str]) -> str:
    """The locale of texts, by the precedence of locale(7)."""
    ours = environ.get("LC_CTYPE", "")
    return environ.get("LC_ALL") or (ours if ours not in COERCED else "") or environ.get("LANG") or "C"


def _program(name: str, folder: str, search: str | None, first: str, environ: Mapping[str, str]) -> str | None:
    """Where the program is found by a task that starts in `folder` and looks first in the folder `first`."""
    if "/" in name:
        return shutil.which(os.path.join(folder, name))
    path = environ.get("PATH", os.defpath) if search is None else search
    return shutil.which(name, path=os.pathsep.join(filter(None, [first, path])))


def _place(path: str, writable: bool) -> dict[str, Any]:
    """How a file or folder is; one that is to be written and is not there yet is judged by the folder above it."""
    nearest = path
    while not os.path.exists(nearest) and nearest != os.path.dirname(nearest):
        nearest = os.path.dirname(nearest)
    found: dict[str, Any] = {"path": path, "there": nearest == path, "fault": None, "text": None}
    try:
        _use(nearest if writable else path, writable)
    except OSError as error:
        found |= {"fault": errno.errorcode.get(error.errno or 0, "EIO"), "text": error.strerror}
    return found | {"owner": _owner(nearest), "free_bytes": _free_bytes(nearest)}


def _use(path: str, writable: bool) -> None:
    """Raises `OSError` where it cannot be read, or no file can be made in it. Asking for rights would not tell all."""
    if writable:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x")
    elif os.path.isdir(path):
        os.scandir(path).close()
    else:
        # a FIFO must not block us while it is opened
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))


def _owner(path: str) -> str | None:
    from pwd import getpwuid

    try:
        uid = os.stat(path).st_uid
    except OSError:
        return None
    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _free_bytes(path: str) -> int | None:
    try:
        system = os.statvfs(path)
    except OSError:
        return None
    return system.f_bavail * system.f_frsize


def _interpreter(path: str) -> dict[str, Any]:
    """`written` are the places that the file, the unit or its virtual environment (`venv`) name: those must stay."""
    venv = os.path.dirname(os.path.dirname(path))
    settings = _settings(f"{venv}/pyvenv.cfg")
    written = [path]
    if settings is not None:
        written += [_way_out(path, venv), *([settings["home"]] if settings.get("home") else [])]
    usable = os.path.isfile(path) and os.access(path, os.X_OK)
    gone = next((place for place in written[1:] if not os.path.exists(place)), None)
    return {
        "path": path,
        "venv": venv if settings is not None else None,
        "written": written,
        "usable": usable,
        "gone": gone,
    }


def _settings(path: str) -> dict[str, str] | None:
    """The `name = value` lines of a pyvenv.cfg (PEP 405)."""
    try:
        with open(path, encoding="utf-8") as file:
            pairs = (line.partition("=") for line in file)
            return {name.strip().lower(): value.strip() for name, _, value in pairs}
    except (OSError, ValueError):
        return None


def _way_out(path: str, venv: str) -> str:
    """Where the links within a virtual environment lead, or the path itself; what lies beyond may change freely."""
    for _ in range(MOST_LINKS):
        if not (path.startswith(f"{venv}/") and os.path.islink(path)):
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
    return path


def _is_importable(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def main() -> None:
    """Answer the question on standard input, with the whole answer in one line."""
    import json

    answer = look(json.load(sys.stdin), os.environ)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
