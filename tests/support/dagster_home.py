"""An instance of Dagster in this process, of which nobody is told and nothing stays."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

from support.components import missing
from support.dagster import QUIET


def require_dagster():
    """Dagster, or the end of the test."""
    try:
        import dagster
    except ModuleNotFoundError:
        missing("needs dagster: pip install 'tetra-orchestrator[dagster]'")
    return dagster


@contextmanager
def instance_in(folder: Path):
    """A persistent instance."""
    dagster = require_dagster()
    folder.mkdir()
    (folder / "dagster.yaml").write_text(QUIET)
    with dagster.DagsterInstance.from_config(str(folder)) as instance:
        yield instance
