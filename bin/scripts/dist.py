#!/usr/bin/env python3
"""Builds the wheel and the source archive into dist/, twice, and checks them: `make dist`.

What is in them depends on the files alone. The second build is made from the unpacked source archive, elsewhere,
without git, under another umask, locale and zone, and from files of another time: it has to be equal byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
OURS = "tetra_orchestrator-*"
SUMS = "SHA256SUMS"
#: In which the second build is made.
ELSEWHERE = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7"}


class Refused(Exception):
    """What is wrong, and what to do about it."""


def main() -> int:
    try:
        files = dist(ROOT)
    except Refused as refused:
        message, hint = refused.args
        print(f"dist: {message}\n  hint: {hint}", file=sys.stderr)
        return 1
    for file in files:
        print(f"{file.stat().st_size:>9,} bytes  dist/{file.name}")
    print(f"built twice, in different surroundings: equal byte for byte; their sums are in dist/{SUMS}")
    return 0


def dist(root: Path) -> list[Path]:
    """Make dist/ anew; returns the two files. Raises `Refused`."""
    when = epoch(root)
    with TemporaryDirectory(prefix="dist-") as scratch:
        first, second = Path(scratch, "first"), Path(scratch, "second")
        build(root, first, when)
        (archive,) = first.glob("*.tar.gz")
        build(unpacked(archive, Path(scratch, "elsewhere")), second, when, umask=0o077, **ELSEWHERE)
        compare(first, second)
        check(first)
        return moved(first, root / "dist")


def epoch(root: Path) -> str | None:
    """The time that all files get, in seconds since 1970: of the last commit, or of the archive that this came from.

    None, where neither is known, leaves it to hatchling, which has a fixed one.
    """
    if "SOURCE_DATE_EPOCH" in os.environ:
        return os.environ["SOURCE_DATE_EPOCH"]
    if (root / ".git").exists():
        command = ["git", "-c", "safe.directory=*", "-C", str(root), "log", "-1", "--format=%ct"]
        said = subprocess.run(command, capture_output=True, text=True)
        if said.returncode != 0:
            raise Refused(f"git does not tell the last commit: {said.stderr.strip()}", "mend that, then again")
        return said.stdout.strip()
    shipped = root / "PKG-INFO"
    return str(int(shipped.stat().st_mtime)) if shipped.exists() else None


def build(source: Path, target: Path, when: str | None, *, umask: int = 0o022, **environ: str) -> None:
    """Build both from a folder, with what is installed. Raises `Refused`."""
    surroundings = os.environ | environ | ({"SOURCE_DATE_EPOCH": when} if when else {})
    command = [sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", target, source]
    said = subprocess.run(command, env=surroundings, umask=umask, capture_output=True, text=True)
    if said.returncode != 0:
        raise Refused(
            f"the build in {source} fails:\n{said.stdout}{said.stderr}".rstrip(),
            "`make dist` installs what a build needs; the reason is above",
        )


def unpacked(archive: Path, target: Path) -> Path:
    """The archive's only folder; its files are of now and of nobody else."""
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    (folder,) = target.iterdir()
    for path in folder.rglob("*"):
        os.utime(path)
        path.chmod(path.stat().st_mode & 0o700)
    return folder


def compare(first: Path, second: Path) -> None:
    """Raises `Refused` where the files are not equal."""
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    if unequal := [name for name in sorted(names) if digest(first / name) != digest(second / name)]:
        raise Refused(
            f"{' and '.join(unequal)} came out differently the second time",
            "leave the tree alone meanwhile; else `diffoscope` on two builds tells what depends on place or time",
        )


def digest(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None


def check(folder: Path) -> None:
    """Raises `Refused` where the package index would not take or show them."""
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, sorted(folder.glob(OURS)))]
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode != 0:
        raise Refused(
            f"twine finds fault with them:\n{said.stdout}{said.stderr}".rstrip(),
            "mend pyproject.toml or README.md, which becomes the package's page",
        )


def moved(folder: Path, target: Path) -> list[Path]:
    """Put them into the folder, in place of those of before, with their sums."""
    target.mkdir(exist_ok=True)
    for old in target.glob(OURS):
        old.unlink()
    files = [Path(shutil.move(file, target / file.name)) for file in sorted(folder.iterdir())]
    (target / SUMS).write_text("".join(f"{digest(file)}  {file.name}\n" for file in files))
    return files


if __name__ == "__main__":
    sys.exit(main())
