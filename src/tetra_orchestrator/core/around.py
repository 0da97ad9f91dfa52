"""What two runs found around themselves: how it differs, from what each of them noted."""

from __future__ import annotations

from tetra_orchestrator.core.reasons import some
from tetra_orchestrator.core.spoken import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: How what is no variable is called.
CALLED = {"@host": "the host", "@version": "tetra-orchestrator", "@python": "our own interpreter"}
#: Variables that are another's for every session or process, and say nothing.
FLEETING = frozenset(
    ("_", "COLUMNS", "INVOCATION_ID", "JOURNAL_STREAM", "LINES", "MANAGERPID", "OLDPWD", "PWD", "SHLVL", "SSH_CLIENT")
    + ("SSH_CONNECTION", "SSH_TTY", "SYSTEMD_EXEC_PID", "TERM", "TMUX", "TMUX_PANE", "WINDOWID", "XDG_SESSION_ID")
)


def differences(before: str, after: str) -> list[str]:
    """A sentence for each difference; none where one of the two was not noted.

    A note has a line for each thing: `NAME=value`, or `NAME` alone for a variable whose value is not kept.
    """
    then, now = _read(before), _read(after)
    return [*_values(then, now), *_names(then, now)] if then and now else []


def _read(note: str) -> dict[str, str | None]:
    pairs = (line.partition("=") for line in note.splitlines())
    return {name: value if sign else None for name, sign, value in pairs if name not in FLEETING}


def _values(then: dict[str, str | None], now: dict[str, str | None]) -> Iterator[str]:
    for name in then:
        if name in now and then[name] != now[name] and None not in (then[name], now[name]):
            what = CALLED.get(name, name)
            yield printable(f"{what} is another than in its last success: {now[name]}, then {then[name]}")


def _names(then: dict[str, str | None], now: dict[str, str | None]) -> Iterator[str]:
    for what, names in (
        ("variables of the environment that it had then", sorted(then.keys() - now.keys())),
        ("variables of the environment that it did not have then", sorted(now.keys() - then.keys())),
    ):
        if names:
            yield f"{what}: {printable(some(names))}"
