"""What pauses mean for a run: a mode leaves out what is paused; whoever asks for that by its name is refused."""

from __future__ import annotations

from tetra_orchestrator.core import reasons
from tetra_orchestrator.core.history import PIPELINE
from tetra_orchestrator.errors import NotNow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Pause
    from tetra_orchestrator.core.model import Reason
    from tetra_orchestrator.core.selection import Selection


def paused_pipelines(pauses: Sequence[Pause], selection: Selection, now: datetime) -> dict[str, Reason]:
    """The selected pipelines that are paused, with why."""
    held = {one.name: one for one in pauses if one.kind == PIPELINE and one.holds(now)}
    return {name: reasons.paused(held[name]) for name in selection.pipelines if name in held}


def paused_tasks(pauses: Sequence[Pause], selection: Selection, now: datetime) -> dict[str, Reason]:
    """The selected tasks whose pipelines are paused, with why.

    Raises `NotNow` naming the first such pipeline that was asked for by its name.
    """
    paused = paused_pipelines(pauses, selection, now)
    for name in selection.named:
        if name in paused:
            raise NotNow(
                f"{name} cannot start: {paused[name].text}",
                hint=f"end that with `tetra unpause {name}`, or go ahead regardless with --force",
                code=paused[name].code,
            )
    return {task.id: paused[task.pipeline] for task in selection.tasks if task.pipeline in paused}
