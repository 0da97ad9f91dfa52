"""Our environment as it was given to us."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: What an interpreter that is started in the C locale sets LC_CTYPE to, for itself and all below it (PEP 538).
COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
GIVEN = "/proc/self/environ"


def inherited(environ: Mapping[str, str], given: str = GIVEN) -> Mapping[str, str]:
    """`environ` without the locale that nobody but our own interpreter has set.

    `given` is where the system tells what a process was started with; where it does not, the locale stays.
    """
    if environ.get("LC_CTYPE") not in COERCED or environ.get("LC_ALL"):
        return environ
    try:
        with open(given, "rb") as file:
            before = [entry for entry in file.read().split(b"\0") if entry.startswith(b"LC_CTYPE=")]
    except OSError:
        return environ
    value = before[0].decode(errors="surrogateescape").partition("=")[2] if before else None
    rest = {name: text for name, text in environ.items() if name != "LC_CTYPE"}
    return rest if value is None else {**rest, "LC_CTYPE": value}
