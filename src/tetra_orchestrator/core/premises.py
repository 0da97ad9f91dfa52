"""What `doctor` says of what a project stands on, by what was found: interpreters, clock, zone, folders, umask."""

from __future__ import annotations

import re

from tetra_orchestrator.core.diagnosis import ERROR, OK, WARNING, Diagnosis
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tetra_orchestrator.core.needed import Needs
    from tetra_orchestrator.core.surroundings import Found, Interpreter, Surroundings

#: Years that a clock can show while this version is in use.
FIRST_YEAR, LAST_YEAR = 2025, 2100
#: What a folder must have left for a run's logs and state.
LEAST_FREE_BYTES = 100 << 20
#: What frees a folder that cannot be written, by what it is for.
_ELSEWHERE = {"state": "set `state` or TETRA_STATE", "logs": "set `logs: {dir: ...}` or LOG_DIR"}
_FULL = ("ENOSPC", "EDQUOT")


class _Versioned(Record):
    """Paths that hold a version: who takes them away, and the path that stays, if there is one."""

    pattern: str
    who: str
    stays: str | None = None


_VERSIONED = (
    _Versioned(r"(.*)/Cellar/([^/]+)/[^/]+/(.+)", "`brew upgrade` deletes it", r"\1/opt/\2/\3"),
    _Versioned(r".*/\.?pyenv/versions/\d[^/]*/.*", "pyenv deletes it with that version"),
    _Versioned(r".*/\.?(?:asdf|mise)/installs/python/\d[^/]*/.*", "asdf or mise deletes it with that version"),
    _Versioned(r".*/uv/python/cpython-[^/]+/.*", "uv deletes it with that version"),
    _Versioned(r"/nix/store/.*", "nix deletes it when nothing of its own refers to it"),
    _Versioned(r"(/usr(?:/local)?/bin/python3)\.\d+", "an upgrade of the system deletes it", r"\1"),
)


def premises(needs: Needs, found: Surroundings, now: datetime) -> list[Diagnosis]:
    """The findings about what was found in your shell."""
    interpreters = [each for one in found.interpreters for each in _interpreter(one)]
    paths = ", ".join(one.path for one in found.interpreters)
    whole = Diagnosis("interpreter", OK, f"an upgrade leaves what runs the tasks and us: {paths}")
    return [
        *(interpreters or [whole]),
        _clock(found, now),
        _zone(needs, found),
        *_folders(needs, found),
        _umask(found),
    ]


def _interpreter(one: Interpreter) -> Iterator[Diagnosis]:
    if one.gone is not None or not one.usable:
        yield _broken(one)
        return
    for path in one.written:
        for kind in _VERSIONED:
            if match := re.fullmatch(kind.pattern, path):
                yield _versioned(one, path, kind.who, match.expand(kind.stays) if kind.stays else None)
                return


def _broken(one: Interpreter) -> Diagnosis:
    if one.venv is None:
        message = f"{one.path} cannot be executed"
        return Diagnosis("interpreter_broken", ERROR, message, "install it, or name another: python: PATH")
    message = f"{one.path} leads to {one.gone}, which is gone" if one.gone else f"{one.path} cannot be executed"
    remedy = f"make its environment anew: python3 -m venv --clear {one.venv}, and install what was in it"
    return Diagnosis("interpreter_broken", ERROR, message, remedy)


def _versioned(one: Interpreter, path: str, who: str, stays: str | None) -> Diagnosis:
    through = "" if path == one.path else f" rests on {path}, which"
    message = f"{one.path}{through} holds a version: {who}"
    if stays is None:
        remedy = "keep that version; after a change of it, make the environment and the timers anew"
    elif one.venv is None:
        remedy = f"name the one that stays: {stays}"
    else:
        folder = stays if stays.rpartition("/")[2].startswith("python") else f"{stays}/python3"
        remedy = f"have the environment rest on the one that stays: {folder} -m venv --upgrade {one.venv}"
    return Diagnosis("interpreter_versioned", WARNING, message, remedy)


def _clock(found: Surroundings, now: datetime) -> Diagnosis:
    if not FIRST_YEAR <= now.year <= LAST_YEAR:
        message = f"the clock shows the year {now.year}: no slot is due as it should be"
        return Diagnosis(
            "clock", ERROR, message, "set the clock, and have the network set it: timedatectl set-ntp true"
        )
    if found.synchronised is False:
        message = "systemd-timesyncd has not set the clock since the machine started"
        return Diagnosis("clock", WARNING, message, "see why: timedatectl timesync-status")
    how = "systemd-timesyncd keeps it right" if found.synchronised else "whether the network sets it cannot be told"
    return Diagnosis("clock", OK, f"the clock shows the year {now.year}; {how}")


def _zone(needs: Needs, found: Surroundings) -> Diagnosis:
    zone = found.zone
    if zone.tz and zone.tz_rules is None:
        message = f"TZ is {zone.tz}, which is no zone of the zone database: programs take UTC"
        return Diagnosis(
            "zone", WARNING, message, "name one such as Europe/Berlin; `timedatectl list-timezones` has all"
        )
    if zone.local is None:
        message = "/etc/localtime does not tell the name of its zone: `timezone: local` is taken for UTC"
        remedy = "name a zone in the file, or make it a link: timedatectl set-timezone ZONE"
        return Diagnosis("zone", WARNING, message, remedy)
    if needs.tz:
        return Diagnosis("zone", OK, f"tasks are given TZ={zone.tz} by the file; the machine's zone is {zone.local}")
    if zone.rules != zone.local_rules:
        message = f"TZ is {zone.tz} in your shell, and the machine, as timers see it, is set to {zone.local}"
        return Diagnosis("zone", WARNING, message, f"name the zone in the file, such as timezone: {zone.tz}")
    return Diagnosis("zone", OK, f"the time zone is {zone.local}")


def _folders(needs: Needs, found: Surroundings) -> list[Diagnosis]:
    user = found.values.get("USER", "$USER")
    pairs = zip(needs.places, found.places, strict=True)
    told = [_folder(place.role, one, place.writable, user) for place, one in pairs]
    free = min((one.free_bytes for one in found.places if one.free_bytes is not None), default=0)
    whole = Diagnosis("folders", OK, f"state and logs can be written, and have {free >> 20:,} MB left")
    return [finding for finding in told if finding] or [whole]


def _folder(role: str, one: Found, writable: bool, user: str) -> Diagnosis | None:
    elsewhere = _ELSEWHERE.get(role, "name another in the file")
    room = f"make room, or {elsewhere}; `logs: {{keep: ...}}` limits what old runs take"
    if one.fault in _FULL:
        return Diagnosis("disk_full", ERROR, f"the disk of {one.path} ({role}) is full: {one.text}", room)
    if one.fault:
        what, code = ("written", "folder_unwritable") if writable else ("read", "folder_unreadable")
        owner = f"; it belongs to {one.owner}" if one.owner else ""
        message = f"{one.path} ({role}) cannot be {what}: {one.text}{owner}"
        remedy = f"give it to yourself: sudo chown -R {user} {one.path}, or {elsewhere}"
        return Diagnosis(code, ERROR, message, remedy)
    if writable and one.free_bytes is not None and one.free_bytes < LEAST_FREE_BYTES:
        message = f"the disk of {one.path} ({role}) has {one.free_bytes >> 20} MB left"
        return Diagnosis("disk_full", WARNING, message, room)
    return None


def _umask(found: Surroundings) -> Diagnosis:
    if found.umask & 0o002:
        return Diagnosis("umask", OK, f"the umask {found.umask:03o} keeps others from changing what tasks write")
    message = f"the umask is {found.umask:03o}: everybody on this machine may change what tasks write"
    return Diagnosis("umask", WARNING, message, "put `umask 022` into your shell's profile; timers have 077 anyway")
