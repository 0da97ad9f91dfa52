"""The entry point: answers the hot commands before Typer is imported, and turns every error into an exit code."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

from tetra_orchestrator.errors import Exit, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

PROGRAM = "tetra-orchestrator"
#: What has the interpreter take names of files, arguments and streams for UTF-8 whatever the locale.
UTF_8 = ["-X", "utf8"]


def main() -> NoReturn:
    """Run the command line of this process and exit with its code.

    A command lives for milliseconds: looking for garbage while it imports, and taking the interpreter apart at the
    end, would be a fifth of them. Whatever must be closed has been closed by then.
    """
    _speak_utf_8()
    gc.disable()
    code = run(sys.argv[1:])
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; an error is printed, never raised."""
    _own_our_files()
    _stand_somewhere()
    _open_streams()
    return _flushed(_guarded(list(argv)))


def _speak_utf_8() -> None:
    """Start ourselves again in UTF-8 mode where the locale has another encoding, in which `é` could be no argument."""
    if sys.getfilesystemencoding() != "utf-8" and sys.executable and sys.orig_argv[1:3] != UTF_8:
        os.execv(sys.executable, [sys.executable, *UTF_8, *sys.orig_argv[1:]])


def _own_our_files() -> None:
    """Have a umask that leaves us our own rights, or we could not open again what we have made."""
    os.umask(os.umask(0o077) & ~0o700)


def _stand_somewhere() -> None:
    """Go to the root if our folder was deleted: every path that is made absolute asks where we are."""
    try:
        os.getcwd()
    except FileNotFoundError:
        os.chdir("/")


def _open_streams() -> None:
    """Have a closed standard stream be /dev/null, before a file of ours gets its number and is written into."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - until the end of the process
            if stream.fileno() == number:
                os.set_inheritable(number, True)
            setattr(sys, name, stream)


def _guarded(argv: list[str]) -> int:
    try:
        return _dispatch(argv)
    except TetraError as error:
        from tetra_orchestrator.cli.failure import show

        return show(error, as_json="--json" in argv)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.OK
    except Exception as error:
        from tetra_orchestrator.cli.failure import is_of_the_output, report_bug, show_unwritable

        return show_unwritable(error) if is_of_the_output(error) else report_bug(error, argv)


def _dispatch(argv: list[str]) -> int:
    if argv in (["--version"], ["version"]):
        from tetra_orchestrator import __version__

        print(f"{PROGRAM} {__version__}")
        return Exit.OK
    code = _quick_answer(argv[:1], argv[1:])
    if code is not None:
        return code
    from tetra_orchestrator.cli.app import invoke

    return invoke(argv)


def _quick_answer(command: list[str], options: list[str]) -> int | None:
    """The exit code of a plain call of a hot command; None for any other, where Typer has to read the options."""
    if command == ["run"]:
        from tetra_orchestrator.cli import running

        return running.quick_answer(options)
    if command == ["status"]:
        from tetra_orchestrator.cli import standing

        return standing.quick_answer(options)
    if command == ["backfill"]:
        from tetra_orchestrator.cli import backfill_quick

        return backfill_quick.quick_answer(options)
    if command == ["fire"]:
        from tetra_orchestrator.cli import firing

        return firing.quick_answer(options)
    if command == ["__complete"]:
        from tetra_orchestrator.cli import completing

        return completing.answer(options)
    if command == ["__task"]:
        from tetra_orchestrator.cli import one_task

        return one_task.answer()
    if command == ["validate"]:
        from tetra_orchestrator.cli import verdict

        return verdict.quick_answer(options)
    return None


def _flushed(code: int) -> int:
    """`code`, after what was printed has left: a reader that has gone (`| head`) changes nothing about it.

    A success that cannot be told, as the disk is full, is none.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        # or the interpreter would fail to flush it again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if code == Exit.OK and not isinstance(error, BrokenPipeError):
            from tetra_orchestrator.cli.failure import show_unwritable

            return show_unwritable(error)
    return code
