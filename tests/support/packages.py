"""Packages for tests that install: those of this environment, packed again, as no test may need a network."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

#: The time that all files get: 2026-03-01 20:00 UTC.
WHEN = "1772395200"
_FIXED = (2020, 2, 2, 0, 0, 0)
#: What an installer adds.
_OF_INSTALLERS = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"}


def built(source: Path, target: Path, kinds: tuple[str, ...] = (), **settings) -> Path:
    """Both, in the folder: the source archive, and the wheel from that; or only the `kinds`, such as `--wheel`."""
    command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", target, source]
    environ = os.environ | {"SOURCE_DATE_EPOCH": WHEN} | settings.pop("environ", {})
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def required_by(requirements: Iterable[str]) -> dict[str, Distribution]:
    """The distributions that these need, and those that they need in turn, by name."""
    found: dict[str, Distribution] = {}
    waiting = [(requirement, {""}) for requirement in requirements]
    while waiting:
        text, extras = waiting.pop()
        wanted = Requirement(text)
        if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        if wanted.name not in found:
            found[wanted.name] = distribution(wanted.name)
            waiting += [(one, {"", *wanted.extras}) for one in found[wanted.name].requires or []]
    return found


def packed(one: Distribution, folder: Path) -> Path:
    """A wheel of an installed distribution."""
    tags = [line.removeprefix("Tag: ") for line in (one.read_text("WHEEL") or "").splitlines() if line[:5] == "Tag: "]
    name = one.metadata["Name"].replace("-", "_")
    wheel = folder / f"{name}-{one.version}-{_together(tags)}.whl"
    record = io.StringIO(newline="")
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for file in one.files or []:
            if file.parts[0] == ".." or file.suffix == ".pyc" or file.name in _OF_INSTALLERS:
                continue
            content = Path(os.fspath(one.locate_file(file))).read_bytes()
            archive.writestr(zipfile.ZipInfo(str(file), _FIXED), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.writerow([str(file), f"sha256={digest}", len(content)])
            if file.parent.name.endswith(".dist-info") and len(file.parts) == 2:
                info = file.parent
        rows.writerow([f"{info}/RECORD", "", ""])
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD", _FIXED), record.getvalue())
    return wheel


def _together(tags: Iterable[str]) -> str:
    """Several tags as one, as in a file's name: each part is a set."""
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    return "-".join(".".join(sorted(set(part))) for part in parts)
