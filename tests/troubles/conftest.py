"""The troubles of the list, each brought about by the test of its name in a project of its own, and told to a webhook.

A test belongs to a row of `troubles.yaml` by its name, and takes `trouble` as its first argument.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.stand import Stand
from support.http_server import HttpServer
from troubles.drill import Drill, rows


@pytest.fixture(autouse=True)
def _linux() -> None:
    if sys.platform != "linux":
        pytest.skip("brings troubles about by means of Linux")


@pytest.fixture
def row(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The row of the list that has the name of the test."""
    name = request.node.originalname.removeprefix("test_").replace("_", " ")
    return next(each for each in rows() if each["name"] == name)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Stand:
    return Stand(tmp_path / "my project")


@pytest.fixture
def trouble(row: dict[str, Any], site: Stand, server: HttpServer) -> Drill:
    return Drill(row, site, site.run, server)
