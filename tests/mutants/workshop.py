"""Breaks a copy of the source tree in one place and runs the tests that should notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.mutants.catalogue import Mutant

REPOSITORY = Path(__file__).parents[2]
COPIED = ("src", "tests", "benchmarks", "docs", "config", "pyproject.toml", "Makefile", "README.md")
IGNORED = shutil.ignore_patterns("__pycache__", "cases", "*.svg")
#: A test that hangs because of a mutant has noticed it.
LIMIT_S = 120
#: pytest's exit code when tests ran and some failed; 2 to 5 say that they could not be run.
RED = 1


class Misfit(Exception):
    """The text that a mutant changes is not in its file exactly once."""


def applied(mutant: Mutant, text: str) -> str:
    """The file's text with the mutant in it; raises `Misfit`."""
    found = text.count(mutant.before)
    if found != 1:
        raise Misfit(f"its text is {found} times in {mutant.file}, not once")
    return text.replace(mutant.before, mutant.after)


def source(mutant: Mutant) -> Path:
    """The path of the mutant's file below the repository."""
    return Path("src/tetra_orchestrator") / mutant.file


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """A temporary copy of what tests need."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        for name in COPIED:
            path = REPOSITORY / name
            if path.is_dir():
                shutil.copytree(path, Path(folder, name), ignore=IGNORED, symlinks=True)
            else:
                shutil.copy(path, folder)
        yield Path(folder)


def run_tests(folder: Path, tests: Sequence[str], *options: str) -> tuple[int, str]:
    """pytest's exit code in the copy, and what it printed. Raises `Misfit` where the copy is not what is imported."""
    env = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    line = "import tetra_orchestrator; print(tetra_orchestrator.__file__)"
    found = subprocess.run([sys.executable, "-c", line], cwd=folder, env=env, capture_output=True, text=True).stdout
    if found and not found.startswith(str(folder)):
        raise Misfit(f"tests would import {found.strip()}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *tests]
    running = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        out, _ = running.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, 9)
        running.communicate()
        return RED, "FAILED ::it hangs"
    return running.returncode, out


def verdict(mutant: Mutant) -> tuple[bool, str]:
    """Whether a test notices the mutant, and which; else what is wrong."""
    with copy_of_the_tree() as folder:
        path = folder / source(mutant)
        try:
            path.write_text(applied(mutant, path.read_text()))
            code, out = run_tests(folder, mutant.tests, "-x")
        except Misfit as misfit:
            return False, f"NO LONGER APPLIES: {misfit}"
    if code == RED:
        failed = [line for line in out.splitlines() if line.startswith(("FAILED", "ERROR "))]
        return True, failed[0].partition(" - ")[0].rpartition("::")[2]
    return False, "SURVIVES" if code == 0 else f"its tests cannot be run:\n{out[-2000:]}"


def verdicts(mutants: Sequence[Mutant]) -> Iterable[tuple[Mutant, bool, str]]:
    """The verdict on each, as many at a time as there are CPUs."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, (noticed, text) in zip(mutants, pool.map(verdict, mutants), strict=True):
            yield mutant, noticed, text


def unbroken(mutants: Sequence[Mutant]) -> str | None:
    """What the same tests say of the source as it is: None when all pass, or a mutant would be noticed by accident."""
    tests = dict.fromkeys(test for mutant in mutants for test in mutant.tests)
    with copy_of_the_tree() as folder:
        code, out = run_tests(folder, list(tests), "-n", "auto")
    return out if code else None
