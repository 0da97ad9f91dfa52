"""What a job may be told when it is launched, and where a run keeps its state that is to leave none."""

from __future__ import annotations

import tempfile

import dagster as dg

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

#: The name of the resource in the run's configuration.
SETTINGS = "run"


class Settings(Record):
    """The options of `run`, by the names of an order; `state` is a folder where the store of one run is, or None."""

    options: Mapping[str, Any]
    state: str | None


@dg.resource(
    config_schema={
        "params": dg.Field(dict, default_value={}, description="Parameters of the run, by name"),
        "start_date": dg.Field(dg.Noneable(str), default_value=None, description="First day of a mode with a range"),
        "end_date": dg.Field(dg.Noneable(str), default_value=None, description="Last day of a mode with a range"),
        "force": dg.Field(bool, default_value=False, description="Run although it is paused or lacks what it needs"),
    }
)
def settings(context: dg.InitResourceContext) -> Iterator[Settings]:
    """What the launchpad, or `--config`, says. An instance that is kept nowhere has us keep nothing either."""
    given = dict(context.resource_config)
    given["params"] = {name: value if isinstance(value, str) else str(value) for name, value in given["params"].items()}
    if context.instance is None or not context.instance.is_ephemeral:
        yield Settings(given, None)
        return
    with tempfile.TemporaryDirectory(prefix="tetra-") as folder:
        yield Settings(given, folder)
