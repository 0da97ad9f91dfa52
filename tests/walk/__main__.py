"""`make tutorial`: walks the tutorial, the how-to guides and the README, each on a machine of its own.

    PYTHONPATH=tests python -m walk [PAGE...] [--write]

With `--write` the pages are given what was printed here, to be looked at and kept.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from rig.machine import Machine, obstacle
from walk.anew import anew
from walk.page import LeftOut, PageError
from walk.pages import PAGES
from walk.walker import CLOCK, Mismatch, Walker


def walked(page: Path, *, write: bool) -> list[LeftOut]:
    """Walk one page on a machine that is booted for it; `write` it anew where it says something else."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), CLOCK)
        try:
            walker = Walker(machine, forgiving=write)
            left = walker.walk(page)
        finally:
            machine.stop()
    if walker.printed:
        page.write_text(anew(page.read_text(), walker.printed))
        print(f"{page.name}: {len(walker.printed)} commands print something else; look at what has changed")
    return left


def main(names: list[str]) -> int:
    """Exit code 0 when every page is right, 2 when one is not, 64 where there is no such page, 77 without a machine."""
    if why := obstacle() or (None if shutil.which("gcc") else "needs gcc"):
        print(f"tutorial: {why}\n  hint: sudo make tutorial, on Debian, with the packages of .ci/run", file=sys.stderr)
        return 77
    write = "--write" in names
    names = [name for name in names if name != "--write"]
    stems = [page.stem for page in PAGES]
    if unknown := set(names) - set(stems):
        print(
            f"tutorial: no page is called {', '.join(unknown)}\n  hint: there are {', '.join(stems)}", file=sys.stderr
        )
        return 64
    started, left = time.monotonic(), {}
    for page in PAGES:
        if not names or page.stem in names:
            try:
                left[page] = walked(page, write=write)
            except (Mismatch, PageError) as error:
                print(f"error: {error}", file=sys.stderr)
                return 2
    print(f"\n{len(left)} pages walked ({time.monotonic() - started:.0f} s); not run:")
    for page, steps in left.items():
        for step in steps:
            print(f"  {page.name}:{step.line}: {step.reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
