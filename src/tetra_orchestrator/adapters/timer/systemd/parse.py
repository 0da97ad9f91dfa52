"""Unit files read as systemd reads them (systemd.syntax(7)), and the check that a rendered one says what was meant."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.core.units import TimerSpec

_BLANK = " \t\n\r"
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_ITSELF = "\\\"'"


class Unit(Record):
    """A unit file: its lines in their order, each with the section it is in, its key and its value as written."""

    lines: tuple[tuple[str, str, str], ...]

    def all(self, section: str, key: str) -> list[str]:
        """The values of a key as written, in their order."""
        return [value for where, name, value in self.lines if (where, name) == (section, key)]

    def value(self, section: str, key: str) -> str | None:
        """The last value of a key with its specifiers resolved; None without one."""
        return ([None, *map(unspecified, self.all(section, key))])[-1]

    @property
    def argv(self) -> tuple[str, ...]:
        """The words of the one command of a service. Raises `ConfigError` for more commands than one."""
        return command(self.all("Service", "ExecStart"))

    @property
    def env(self) -> tuple[tuple[str, str], ...]:
        """The assignments of Environment=, in their order."""
        words = [word for value in self.all("Service", "Environment") for word in split(value)]
        pairs = [unspecified(word).partition("=") for word in words]
        return tuple((name, value) for name, _, value in pairs)

    @property
    def calendar(self) -> list[str]:
        """The values of OnCalendar=, in their order."""
        return self.all("Timer", "OnCalendar")


def read(text: str) -> Unit:
    """The unit file that the text is. Raises `ConfigError` for a line that is nothing."""
    section = ""
    found = []
    for line in _joined(text):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and section:
            key, _, value = line.partition("=")
            found.append((section, key.rstrip(_BLANK), value.strip(_BLANK)))
        else:
            raise ConfigError(f"the line {line!r} is not one of a unit file", hint="write `KEY=VALUE` below a section")
    return Unit(tuple(found))


def _joined(text: str) -> Iterator[str]:
    """The lines without comments; one that a backslash ends goes on in the next."""
    before = ""
    for line in text.split("\n"):
        stripped = line.strip(_BLANK)
        if stripped.startswith(("#", ";")) or not (stripped or before):
            continue
        escapes = len(line) - len(line.rstrip("\\"))
        if escapes % 2:
            before += line[:-1] + " "
            continue
        yield (before + line).strip(_BLANK)
        before = ""


def split(value: str) -> list[str]:
    """The words of a value: quotes and C's escapes are resolved, specifiers are not. Raises `ConfigError`."""
    return [word for word, _ in _words(value)]


def _words(value: str) -> Iterator[tuple[str, str]]:
    """Each word, and how it is written."""
    rest = value.lstrip(_BLANK)
    while rest:
        word, after = _first_word(rest)
        yield word, rest[: len(rest) - len(after)]
        rest = after.lstrip(_BLANK)


def _first_word(text: str) -> tuple[str, str]:
    """The first word and what follows it. A quote may begin anywhere in a word, as in a shell."""
    word, quote = "", ""
    letters = iter(enumerate(text))
    for place, letter in letters:
        if letter == "\\":
            word += _escaped(next(letters, (place, ""))[1], text)
        elif quote and letter == quote:
            quote = ""
        elif not quote and letter in "\"'":
            quote = letter
        elif not quote and letter in _BLANK:
            return word, text[place:]
        else:
            word += letter
    if quote:
        raise ConfigError(f"the value {text!r} has a quote without its end", hint="close it")
    return word, ""


def _escaped(letter: str, text: str) -> str:
    if letter and letter in _ITSELF:
        return letter
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    raise ConfigError(f"the value {text!r} has the escape '\\{letter}'", hint="write a backslash as two")


def unspecified(word: str) -> str:
    """The word with `%%` as `%`. Raises `ConfigError` for any other specifier: only systemd knows what it means."""
    parts = word.split("%%")
    for part in parts:
        if "%" in part:
            raise ConfigError(f"the value {word!r} has a specifier", hint="write a percent sign as two")
    return "%".join(parts)


def command(values: Sequence[str]) -> tuple[str, ...]:
    """The words of the one command that the values of ExecStart= are, which has no variables."""
    one = values[0][1:] if len(values) == 1 and values[0].startswith(":") else ";"
    words = list(_words(one))
    if (";", ";") in words:
        raise ConfigError(f"ExecStart= is {list(values)!r}", hint="have one command with a colon in front")
    return tuple(unspecified(word) for word, _ in words)


def require_same(spec: TimerSpec, calendar: Sequence[str], timer: str, service: str) -> None:
    """Raise `ConfigError` unless the two texts, read back, say what the spec says."""
    for key, meant, found in _compared(spec, calendar, read(timer), read(service)):
        if meant != found:
            message = f"the unit of the timer {spec.name!r} would have {key} {found!r} instead of {meant!r}"
            raise ConfigError(message, hint="use plainer names and values", where=spec.source)


def _compared(
    spec: TimerSpec, calendar: Sequence[str], timer: Unit, service: Unit
) -> Iterator[tuple[str, object, object]]:
    yield "the command", spec.argv, service.argv
    yield "the environment", spec.env, service.env
    yield "the calendar", list(calendar), timer.calendar
    yield "the folder", spec.cwd, service.value("Service", "WorkingDirectory")
    for key in ("StandardOutput", "StandardError"):
        yield "the log", f"append:{spec.log}", service.value("Service", key)
    yield "the service", f"{spec.unit}.service", timer.value("Timer", "Unit")
    for unit in (timer, service):
        yield "the description", spec.description, unit.value("Unit", "Description")
        yield "the source", spec.source, unit.value("Unit", "SourcePath")
