"""What `doctor` says of a Slurm that a project wants to use."""

from __future__ import annotations

from tetra_orchestrator.adapters.runner.slurm.refusals import words_of
from tetra_orchestrator.core.diagnosis import ERROR, OK, Diagnosis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.runner.slurm.command import Commands
    from tetra_orchestrator.core.runners import Remote

#: A finding for each step; one that fails is the last.
_COMMANDS, _CONTROLLER, _PARTITION = "slurm_commands", "slurm_controller", "slurm_partition"


def checkup(remote: Remote, commands: Commands) -> list[Diagnosis]:
    """Whether its commands are there, its controller answers, and it has the runner's partition."""
    version = commands.run("sbatch", "--version")
    if version.code != 0:
        remedy = "install Slurm's commands (Debian: slurm-client), and have SLURM_CONF or /etc/slurm name the cluster"
        return [Diagnosis(_COMMANDS, ERROR, f"runner {remote.name}: {words_of(version.error)}", remedy)]
    found = [Diagnosis(_COMMANDS, OK, f"runner {remote.name}: {version.out.strip()}")]
    partitions = commands.run("sinfo", "--noheader", "--format=%R")
    if partitions.code != 0:
        remedy = "scontrol ping; jobs wait until the controller answers again"
        return [*found, Diagnosis(_CONTROLLER, ERROR, f"runner {remote.name}: {words_of(partitions.error)}", remedy)]
    names = sorted(set(partitions.out.split()))
    found.append(Diagnosis(_CONTROLLER, OK, f"runner {remote.name}: the controller answers"))
    return [*found, _partition(remote, names)]


def _partition(remote: Remote, names: list[str]) -> Diagnosis:
    told = ", ".join(names) or "none"
    if remote.partition is None:
        return Diagnosis(_PARTITION, OK, f"runner {remote.name}: the cluster's default partition of {told}")
    wanted = remote.partition.split(",")
    if unknown := [name for name in wanted if name not in names]:
        text = f"runner {remote.name}: there is no partition {', '.join(unknown)}"
        return Diagnosis(_PARTITION, ERROR, text, f"partition: one of {told}")
    return Diagnosis(_PARTITION, OK, f"runner {remote.name}: partition {remote.partition}")
