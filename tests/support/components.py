"""Finds the programs that some tests need; skips the test where one is missing.

With TETRA_REQUIRE_COMPONENTS set, as `.ci/run` does, a missing one fails the test.
"""

import os
import shutil
from glob import glob
from typing import NoReturn

import pytest

# Debian packages that are not called like their program.
PACKAGES = {
    "busctl": "systemd",
    "dbus-daemon": "dbus",
    "dbus-run-session": "dbus",
    "initdb": "postgresql",
    "man": "man-db",
    "node": "nodejs",
    "pg_ctl": "postgresql",
    "postgres": "postgresql",
    "psql": "postgresql-client",
    "setpriv": "util-linux",
    "systemctl": "systemd",
    "systemd-analyze": "systemd",
    "systemd-run": "systemd",
}


def require(name: str) -> str:
    """Return the path of a program."""
    debian_postgresql = os.pathsep.join(sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True))
    path = shutil.which(name) or shutil.which(name, path=debian_postgresql)
    return path or missing(f"needs {name}: apt-get install {PACKAGES.get(name, name)}")


def require_root() -> None:
    """Go on only as root."""
    if os.geteuid() != 0:
        missing("needs root")


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing. The reason starts with `needs`."""
    if os.environ.get("TETRA_REQUIRE_COMPONENTS"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
