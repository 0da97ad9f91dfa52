"""The wheel and the source archive, built once; what they need, packed from this environment."""

from __future__ import annotations

import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from support.packages import built, packed, required_by

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both files."""
    return built(REPOSITORY, tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="session")
def wheel(artifacts: Path) -> Path:
    return next(artifacts.glob("*.whl"))


@pytest.fixture(scope="session")
def archive(artifacts: Path) -> Path:
    return next(artifacts.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive's folder."""
    target = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as packed_files:
        packed_files.extractall(target, filter="data")
    return next(target.iterdir())


@pytest.fixture(scope="session")
def metadata(wheel: Path):
    """The wheel's METADATA, as a mail's headers and body."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_string(archive.read(name).decode())


@pytest.fixture(scope="session")
def wheelhouse(wheel: Path, metadata, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our wheel and all that it needs without extras: what stands in for a package index."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    (folder / wheel.name).write_bytes(wheel.read_bytes())
    for one in required_by(metadata.get_all("Requires-Dist")).values():
        packed(one, folder)
    return folder
