"""Packages from the npm registry, installed once per checkout below .venv."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from support import components

HOME = Path(__file__).parents[2] / ".venv" / "node"
_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--fetch-retries=1")


def modules(*packages: str) -> Path:
    """The `node_modules` of these packages, each as `name@version`; the test is skipped where they cannot be had."""
    npm = components.require("npm")
    home = HOME / "+".join(packages)
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "node_modules").exists():
            new = HOME / "new"
            shutil.rmtree(new, ignore_errors=True)
            command = [npm, "install", "--prefix", str(new), *_OPTIONS, *packages]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode:
                components.missing(f"needs {', '.join(packages)} from npm's registry: {done.stderr.strip()[-400:]}")
            shutil.rmtree(home, ignore_errors=True)
            new.rename(home)
    return home / "node_modules"
