"""A crontab as a native document: a pipeline and a schedule for each job, and a list of what does not translate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.crontab_jobs import document_of
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.schedule import check_rule
from tetra_orchestrator.core.template import references
from tetra_orchestrator.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What cron itself reads and no job is given.
_OF_MAIL = ("CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING", "MAILFROM")
_FIXED = ("LOGNAME", "USER")
LONGEST_NAME = 255
LONGEST_LEGEND = 1000

_SETTING = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([^\s"'=]+))\s*=\s*(.*)""", re.DOTALL)
_ENTRY = re.compile(r"(@\S+|(?:\S+[ \t]+){4}\S+)[ \t]+(.*)", re.DOTALL)
_CRON_FIELD = re.compile(r"[0-9*/,?L-]+(?=[ \t])")
#: A comment that explains the fields, as the crontabs of distributions have it; what is above it belongs to it.
_LEGEND = re.compile(r"#.*(\bdom\b.*\bdow\b|day.of.(month|week)|-{3,} (minute|hour|month)|user-?name\s+command)", re.I)
_USER_COLUMN = re.compile(r"^#.*\buser(-?name)?\s+command", re.MULTILINE | re.IGNORECASE)


class Untranslated(Record):
    """A line of the crontab that is not, or not wholly, in the document, and why."""

    line: int
    text: str
    reason: str


class Job(Record):
    """One job of a crontab. `settings` are the variables set above it; `stdin` is what `%` gives to it."""

    rule: str
    command: str
    stdin: str | None
    settings: dict[str, str]
    description: str


class Translation(Record):
    """A crontab in the native form."""

    document: dict[str, Any]
    untranslated: tuple[Untranslated, ...]


def translate(text: str, project: str, *, user: str = "", where: str | None = None) -> Translation:
    """The crontab `text` as a native document; `where` names it in messages.

    A crontab of the whole machine, which `where` or its comments tell, has a column for the user: only the jobs of
    `user` are translated. Raises `ConfigError` where no job is.
    """
    reader = _Reader(user if _has_user_column(text, where) else None)
    for number, line in enumerate(text.split("\n"), 1):
        reader.read(number, line.strip())
    if not reader.jobs:
        told = "".join(f"\n  line {one.line}: {one.reason}" for one in reader.untranslated)
        raise ConfigError(f"there is no job to translate{told}", hint="name another file", where=where or "crontab -l")
    return Translation(document_of(reader.jobs, project), tuple(reader.untranslated))


def _has_user_column(text: str, where: str | None) -> bool:
    return (where or "").startswith("/etc/cron") or _USER_COLUMN.search(text) is not None


class _Refused(Exception):
    """Why a line does not translate."""


class _Reader:
    """Reads line by line: a setting holds for the jobs below it, a comment describes the job right below."""

    def __init__(self, user: str | None):
        self._user = user
        self._settings: dict[str, str] = {}
        self._comment: list[str] = []
        self.jobs: list[Job] = []
        self.untranslated: list[Untranslated] = []

    def read(self, number: int, line: str) -> None:
        if line.startswith("#"):
            self._comment = [] if _LEGEND.match(line[:LONGEST_LEGEND]) else [*self._comment, *_described(line)]
            return
        comment, self._comment = self._comment, []
        try:
            setting = _SETTING.fullmatch(line)
            if setting:
                self._set(setting[1] or setting[2] or setting[3] or "", _unquoted(setting[4].strip()))
            elif line:
                self.jobs.append(self._job(line, "\n".join(comment)))
        except _Refused as refusal:
            self.untranslated.append(Untranslated(number, line, str(refusal)))

    def _set(self, name: str, value: str) -> None:
        _check_text(value)
        if name in _OF_MAIL:
            raise _Refused(f"{name} is about the mail that cron writes")
        if name in _FIXED:
            raise _Refused(f"cron lets no crontab change {name}")
        _CHECKS.get(name, _check_variable)(name, value)
        self._settings = {**self._settings, name: value}
        if name == "MAILTO" and value:
            raise _Refused("cron mails whatever a job prints; here it is told of failures, by the server on this host")

    def _job(self, line: str, description: str) -> Job:
        _check_text(line)
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            raise _Refused("this is neither a job, NAME=value nor a comment")
        rule, command = entry[1].removeprefix("-"), entry[2]
        if self._user is not None:
            command = _of_user(command, self._user)
        if not rule.startswith("@") and _CRON_FIELD.match(command):
            raise _Refused("six fields: rules here have minute, hour, day of month, month and day of week")
        _check_rule(rule)
        command, stdin = _split(command)
        if not command:
            raise _Refused("there is no command")
        return Job(rule, command, stdin, self._settings, description)


def _described(line: str) -> Iterator[str]:
    """What a comment says; nothing for a ruler and a job that is commented out."""
    text = line.lstrip("# \t")
    job = _ENTRY.fullmatch(text) and re.match(r"[0-9*@]", text)
    if re.search(r"\w", text) and not job and not _is_foreign(text):
        yield text


def _check_text(text: str) -> None:
    if _is_foreign(text):
        raise _Refused("it holds bytes that are not UTF-8, or a NUL character")


def _is_foreign(text: str) -> bool:
    return re.search("[\0\ud800-\udfff]", text) is not None


def _check_variable(name: str, value: str) -> None:
    try:
        scalars.variable_name(name)
    except ValueError:
        raise _Refused(f"{name!r} is not the name of a variable") from None
    if len(name) > LONGEST_NAME:
        raise _Refused(f"the name of a variable has at most {LONGEST_NAME} characters")


def _check_zone(name: str, value: str) -> None:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise _Refused(f"there is no time zone {value!r}") from None


def _check_minutes(name: str, value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,4}", value):
        raise _Refused("RANDOM_DELAY is a number of minutes")


def _check_home(name: str, value: str) -> None:
    if not value or references(value):
        raise _Refused("HOME is not a folder that a job can start in")


def _check_recipients(name: str, value: str) -> None:
    if not value.isprintable():
        raise _Refused("MAILTO is not one line of addresses")


_CHECKS = {"MAILTO": _check_recipients, "CRON_TZ": _check_zone, "RANDOM_DELAY": _check_minutes, "HOME": _check_home}


def _check_rule(rule: str) -> None:
    if rule != "@reboot":
        try:
            check_rule(rule)
        except UsageError as error:
            raise _Refused(error.message) from None


def _of_user(command: str, user: str) -> str:
    name, *rest = re.split(r"[ \t]+", command, maxsplit=1)
    if name != user:
        raise _Refused(f"it runs as {name!r}, and a run here as {user!r}")
    return "".join(rest)


def _split(text: str) -> tuple[str, str | None]:
    """The command and its standard input: after the first `%` not behind a backslash, where each is a line break."""
    command, *stdin = (part.replace("\\%", "%") for part in re.split(r"(?<!\\)%", text))
    return command.strip(), "\n".join(stdin) if stdin else None


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
