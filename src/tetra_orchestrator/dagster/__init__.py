"""Our projects in Dagster: `definitions` makes its jobs, ops and schedules of any configuration.

    from tetra_orchestrator.dagster import definitions

    defs = definitions("config/orchestration.yaml")

Each op runs its task by our own engine, so that limits, logs, redaction and history are what they are without Dagster.
"""

from __future__ import annotations

from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from dagster import Definitions

    Path = str | PathLike[str]

__all__ = ["definitions"]


def definitions(
    config: Path | None = None,
    *,
    overlay: Path | Sequence[Path] = (),
    sets: Sequence[str] = (),
    dialect: str | None = None,
    bindings: Path | None = None,
    on: str | None = None,
) -> Definitions:
    """The Dagster definitions of a configuration of any dialect; without a path it is found as by the command line.

    The arguments are those of `tetra_orchestrator.load`. Raises `ConfigError` with every problem in the file,
    `UsageError` for what Dagster cannot do, and where it is not installed.
    """
    try:
        import dagster  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "dagster":
            raise
        hint = "pip install 'tetra-orchestrator[dagster]'"
        raise UsageError("Dagster is not installed", hint=hint) from None
    from tetra_orchestrator.dagster.built import build

    return build(config, overlay, sets, dialect, bindings, on)
