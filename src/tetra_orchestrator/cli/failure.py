"""How errors are shown: text with place and remedy on standard error, or one JSON object with `--json`."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.errors import ConfigError, Exit, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def show(error: TetraError, *, as_json: bool) -> int:
    """Print the error and return its exit code."""
    if as_json:
        from tetra_orchestrator.cli.output import print_json

        fields = ("code", "message", "hint", "where")
        body = {"exit": error.exit_code, **{name: getattr(error, name) for name in fields}}
        print_json("error", body, indent=None)  # one line, as every event of `run --json`
    problems = error.problems if isinstance(error, ConfigError) else ()
    for problem in problems:
        _tell(problem.render())  # type: ignore[attr-defined]
    if len(problems) != 1:
        _tell(_weighted(f"error: {error}"))
    return error.exit_code


def is_of_the_output(error: Exception) -> bool:
    """Whether it is standard output that cannot be written: the errors of files that we open name their file."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE


def show_unwritable(error: Exception) -> int:
    """Say in one line that standard output cannot be written, and return the exit code."""
    _tell(f"error: cannot write to standard output: {getattr(error, 'strerror', None) or error}")
    return Exit.CANNOT_WRITE


def report_bug(error: Exception, argv: Sequence[str]) -> int:
    """Write a report that can be pasted into an issue, and say where it is; without a file it is printed whole."""
    import platform
    import traceback

    from tetra_orchestrator import __version__

    text = (
        f"tetra-orchestrator {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"command: {' '.join(argv[:1])}\n\n{''.join(traceback.format_exception(error))}"
    )
    _tell(f"error: this is a fault of ours: {traceback.format_exception_only(error)[-1].rstrip()}")
    try:
        _tell(f"  hint: please report it with the file {_saved(text)}")
    except (OSError, ValueError):
        _tell(f"  hint: please report it with these lines\n{text.rstrip()}")
    return Exit.BUG


def _saved(text: str) -> str:
    """The path of a new private file with the text, in the project's folder or else the current one."""
    import tempfile

    folder = os.environ.get("TETRA_HOME") or os.getcwd()
    for name in ("state", "reports"):
        folder = os.path.join(folder, name)
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            continue
        os.chmod(folder, 0o700)
    descriptor, path = tempfile.mkstemp(prefix="report-", suffix=".txt", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return path


def _weighted(line: str) -> str:
    """The line, which says how bad it is where systemd's journal takes it."""
    if "JOURNAL_STREAM" not in os.environ:
        return line
    from tetra_orchestrator.wire_reports import to_errors

    return to_errors(line, 3, os.environ)


def _tell(line: str) -> None:
    """Print to standard error; where that cannot be written either, the exit code has to say it."""
    with suppress(OSError):
        print(printable(line), file=sys.stderr)
