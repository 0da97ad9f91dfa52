"""A new run that goes on from a checkpoint, and from the run that left it where the store still has that."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import IN_CHECKPOINT
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.engine.start import NOTHING, Done
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tetra_orchestrator.core.checkpoint import Checkpoint
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.engine.start import Request, World
    from tetra_orchestrator.ports import Store


class FromCheckpoint(Record):
    """The checkpoint in the file `path`. What it lists is done, with the outputs that it has; so is what its run has
    done beyond that, where the store knows that run."""

    path: str
    checkpoint: Checkpoint

    def predecessor(self, store: Store) -> str | None:
        """The id of the run that is resumed; None where the store does not have it."""
        run = store.run(self.checkpoint.pipeline_id)
        return run.run_id if run else None

    def done(self, request: Request, world: World) -> Done:
        """What need not be done again.

        Raises `UsageError` where the run was given other parameters, or another run has resumed it already; `NotNow`
        while its owner lives.
        """
        run = world.store.run(self.checkpoint.pipeline_id)
        earlier = NOTHING
        if run is not None:
            self._check_params(run, request.given)
            earlier = Again(run.run_id).done(request, world)
        listed = self.reasons({task.id for task in request.selection.tasks})
        outputs = {name: self.checkpoint.stage_outputs.get(name, {}) for name in listed}
        return Done({**earlier.reasons, **listed}, {**earlier.outputs, **outputs}, earlier.lineage)

    def reasons(self, tasks: Collection[str]) -> dict[str, Reason]:
        """Why each of these tasks that it lists is skipped."""
        reason = Reason(IN_CHECKPOINT, f"the checkpoint {self.path} has it")
        return {name: reason for name in self.checkpoint.completed_stages if name in tasks}

    def _check_params(self, run: Run, given: Mapping[str, str | None]) -> None:
        before = dict(run.params or {})
        if before != dict(given):
            words = " ".join(f"--param {name}={'...' if text is None else text}" for name, text in before.items())
            hint = f"give it the same: {words or 'no --param'}"
            raise UsageError(f"run {run.run_id}, which left {self.path}, had other parameters", hint=hint)
