"""Owns how the programs meet their user: arguments, one-line errors and exit codes."""

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn


class Fault(Exception):
    """A fault in the data or the store; its text names the cause and the remedy."""

    exit_code = 1


class UsageFault(Fault):
    """A wrong argument."""

    exit_code = 2


class Parser(argparse.ArgumentParser):
    """An argument parser that raises its errors, so that they end in one line like every other fault."""

    def error(self, message: str) -> NoReturn:
        raise UsageFault(message)


def run(program: str, stage: Callable[[], None]) -> int:
    """Run a stage and turn its faults into one line on stderr and an exit code."""
    try:
        stage()
    except Fault as fault:
        return _fail(program, str(fault), fault.exit_code)
    except OSError as error:
        return _fail(program, f"cannot use {error.filename}: {error.strerror}", Fault.exit_code)
    return 0


def _fail(program: str, message: str, exit_code: int) -> int:
    print(f"{program}: error: {message}", file=sys.stderr)
    return exit_code


def select(kind: str, wanted: str, known: Iterable[str]) -> list[str]:
    """Return every known name for "all", else the one wanted; an unknown name gets a did-you-mean."""
    names = list(known)
    if wanted == "all":
        return names
    if wanted in names:
        return [wanted]
    close = difflib.get_close_matches(wanted, ["all", *names], n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(['all', *names])}"
    raise UsageFault(f"unknown {kind} '{wanted}'; {hint}")
