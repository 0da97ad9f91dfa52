"""The list of faults, and asking about one as a user does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
LIST = HERE / "whys.yaml"
#: Where those are brought about that need a real systemd.
RIG = HERE.parent / "rig" / "test_whys_in_systemd.py"


def rows() -> list[dict[str, Any]]:
    """The list."""
    found: list[dict[str, Any]] = yaml.safe_load(LIST.read_text())
    return found


def row_of(test: str) -> dict[str, Any]:
    """The row that has the name of the test."""
    name = test.removeprefix("test_").replace("_", " ")
    return next(each for each in rows() if each["name"] == name)
