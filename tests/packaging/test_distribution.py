"""What the wheel and the source archive hold, and that it depends on the files alone."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.packages import built

TOP_OF_WHEEL = {"tetra_orchestrator", "tetra_orchestrator-{version}.dist-info"}
#: Beside the package's: files for other programs, such as manual pages.
DATA_OF_WHEEL = "tetra_orchestrator-{version}.data"
TOP_OF_ARCHIVE = {
    *(".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "Containerfile", "LICENSE", "Makefile", "PKG-INFO"),
    *("README.md", "benchmarks", "bin", "config", "docs", "launchd", "pyproject.toml", "src", "systemd", "tests"),
}
#: What every report holds.
REPORT = {"report/assets/report.css", "report/assets/report.js"}
#: What other programs and our own runs leave in folders.
JUNK = ("*.pyc", "*~", "*.orig", "*.rej", "*.swp", "*.db", "*.db-wal", "*.log", ".env", ".DS_Store")
JUNK_FOLDERS = {
    "__pycache__",
    ".venv",
    "state",
    "logs",
    "dist",
    "build",
    "_build",
    ".git",
    ".pytest_cache",
    ".hypothesis",
}


def files_of(file: Path) -> list[str]:
    """Below the archive's own folder, if it has one."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            return wheel.namelist()
    with tarfile.open(file) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def version(metadata) -> str:
    return metadata["Version"]


def test_the_wheel_holds_the_package_and_nothing_else(wheel, metadata):
    tops = {name.partition("/")[0] for name in files_of(wheel)}
    assert tops - {DATA_OF_WHEEL.format(version=version(metadata))} == {
        name.format(version=version(metadata)) for name in TOP_OF_WHEEL
    }


def test_the_archive_holds_all_that_the_project_consists_of(archive):
    assert {name.partition("/")[0] for name in files_of(archive)} == TOP_OF_ARCHIVE


def test_every_file_of_the_package_is_in_the_wheel_also_those_that_are_no_code(wheel, unpacked):
    package = unpacked / "src" / "tetra_orchestrator"
    there = {str(path.relative_to(package.parent)) for path in package.rglob("*") if path.is_file()}
    assert {name for name in files_of(wheel) if name.startswith("tetra_orchestrator/")} == there
    assert {"config/schema.json", "config/starter.yaml", "py.typed", *REPORT} <= {
        name.partition("/")[2] for name in there
    }


def test_the_manual_pages_go_with_it_to_where_man_looks(wheel, metadata):
    data = DATA_OF_WHEEL.format(version=version(metadata))
    assert {name for name in files_of(wheel) if name.startswith(data)} == {
        f"{data}/data/share/man/man1/tetra.1",
        f"{data}/data/share/man/man1/tetra-orchestrator.1",
    }


@pytest.mark.parametrize("kind", ["wheel", "archive"])
def test_neither_holds_what_programs_leave_behind(kind, request):
    names = [Path(name) for name in files_of(request.getfixturevalue(kind))]
    of_users = {name for name in names if name.parts[:2] == ("tests", "cases")}
    odd = [name for name in names if any(fnmatch.fnmatch(name.name, pattern) for pattern in JUNK)]
    odd += [name for name in names if JUNK_FOLDERS & set(name.parts[:-1])]
    assert set(odd) - of_users == set()


def test_a_second_build_elsewhere_at_another_time_in_another_zone_and_locale_is_equal_byte_for_byte(
    artifacts, unpacked, tmp_path
):
    elsewhere = tmp_path / "a folder with spaces"
    subprocess.run(["cp", "-R", unpacked, elsewhere], check=True)
    for path in (elsewhere, *elsewhere.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (1, 1))
    odd = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    again = built(elsewhere, tmp_path / "again", environ=odd, umask=0o077)
    assert digests(again) == digests(artifacts)


def test_every_file_has_the_same_owner_and_time_and_no_more_rights_than_it_needs(archive, wheel):
    with tarfile.open(archive) as packed:
        rows = {(one.mtime, one.uid, one.gid, one.uname, one.gname) for one in packed}
        modes = {one.mode for one in packed}
    assert rows == {(1772395200, 0, 0, "", "")}
    assert modes == {0o644, 0o755}
    with zipfile.ZipFile(wheel) as packed:
        assert {one.date_time for one in packed.infolist()} == {(2026, 3, 1, 20, 0, 0)}
        assert {one.external_attr >> 16 & 0o777 for one in packed.infolist()} <= {0o644, 0o755}


def test_the_package_index_can_show_the_readme_and_takes_the_metadata(wheel, archive):
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", wheel, archive]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count(": PASSED\n")) == (0, 2), done.stdout


def test_the_licence_goes_with_it(wheel, archive, metadata):
    assert (metadata["License-Expression"], metadata.get_all("License-File")) == ("Apache-2.0", ["LICENSE"])
    assert f"tetra_orchestrator-{version(metadata)}.dist-info/licenses/LICENSE" in files_of(wheel)


def test_it_serves_any_python_from_3_11_on(wheel, metadata):
    assert wheel.name.endswith("-py3-none-any.whl")
    assert metadata["Requires-Python"] == ">=3.11"


def pytest_in(folder: Path, tmp_path: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the archive, from where it is unpacked."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not long"]
    command += [f"--basetemp={tmp_path}/tests", *files]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=1200)


def test_a_test_of_the_archive_passes_where_it_is_unpacked(unpacked, tmp_path):
    done = pytest_in(unpacked, tmp_path, "tests/core/test_states.py")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_all_tests_of_the_core_pass_where_the_archive_is_unpacked(unpacked, tmp_path):
    done = pytest_in(unpacked, tmp_path, "tests/core", "tests/config/test_schema.py")
    assert done.returncode == 0, done.stdout + done.stderr
