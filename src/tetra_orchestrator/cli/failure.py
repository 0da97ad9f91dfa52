"""How errors are shown: text with place and remedy on standard error, or one JSON object with `--json`."""

from __future__ import annotations

import sys

from tetra_orchestrator.errors import ConfigError, Exit, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def show(error: TetraError, *, as_json: bool) -> int:
    """Print the error and return its exit code."""
    if as_json:
        from tetra_orchestrator.cli.output import print_json

        fields = ("code", "message", "hint", "where")
        print_json("error", {"exit": error.exit_code, **{name: getattr(error, name) for name in fields}})
    problems = error.problems if isinstance(error, ConfigError) else ()
    for problem in problems:
        print(problem.render(), file=sys.stderr)  # type: ignore[attr-defined]
    if len(problems) != 1:
        print(f"error: {error}", file=sys.stderr)
    return error.exit_code


def report_bug(error: Exception, argv: Sequence[str]) -> int:
    """Write a report that can be pasted into an issue, and say where it is."""
    import os
    import platform
    import tempfile
    import traceback

    from tetra_orchestrator import __version__

    text = (
        f"tetra-orchestrator {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"command: {' '.join(argv[:1])}\n\n{''.join(traceback.format_exception(error))}"
    )
    home = os.environ.get("TETRA_HOME") or os.getcwd()
    folder = os.path.join(home, "state", "reports")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        folder = tempfile.gettempdir()
    descriptor, path = tempfile.mkstemp(prefix="report-", suffix=".txt", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"error: this is a fault of ours: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"  hint: please report it with the file {path}", file=sys.stderr)
    return Exit.BUG
