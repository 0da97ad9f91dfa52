"""What of the adapters concerns other machines: their engines, and the jobs there. Like `wire`, it chooses adapters."""

from __future__ import annotations

import os

from tetra_orchestrator.adapters.runner.remote.processes import Everywhere
from tetra_orchestrator.adapters.runner.remote.runner import RemoteRunner
from tetra_orchestrator.adapters.runner.several import Several
from tetra_orchestrator.core.diagnosis import OK, Diagnosis
from tetra_orchestrator.core.runners import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tetra_orchestrator.adapters.runner.remote.engine import Engine
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.ports import Processes, Runner

#: Where the jobs of remote runners are, below the project's root: each runner has a folder of its own in it.
JOBS = "state/jobs"


def engine(remote: Remote, jobs: str) -> Engine:
    """The engine with those settings. `jobs` is the folder of the runner's jobs."""
    from tetra_orchestrator.adapters.runner.slurm.command import Commands
    from tetra_orchestrator.adapters.runner.slurm.engine import Slurm

    return Slurm(remote, jobs, Commands(os.environ))


def everywhere(here: Processes, root: str) -> Processes:
    """The processes `here` and the jobs of the project in `root`, whoever has handed them in."""
    jobs = os.path.join(root, JOBS)
    return Everywhere(here, jobs, lambda said: engine(remote := _remote(said), os.path.join(jobs, remote.name)))


def _remote(said: Mapping[str, Any]) -> Remote:
    return Remote(**{**said, "options": tuple(said["options"])})


def runner(remote: Remote, root: str) -> Runner:
    """The runner of the project in `root` with those settings."""
    jobs = os.path.join(root, JOBS, remote.name)
    return RemoteRunner(
        remote.name,
        engine(remote, jobs),
        jobs,
        poll_s=remote.poll_s,
        lease_s=remote.lease_s,
        settings=remote._asdict(),
    )


def several(here: Runner, project: Project) -> Runner:
    """The runner of a project whose tasks run on this machine and on others."""
    remotes = {remote.name: remote for remote in project.runners}
    return Several(here, lambda name: runner(remotes[name], project.root), remotes)


def diagnose(project: Project) -> list[Diagnosis]:
    """What is to be said of the runners that the project names."""
    from tetra_orchestrator.adapters.runner.slurm.checkup import checkup
    from tetra_orchestrator.adapters.runner.slurm.command import Commands

    found = [each for remote in project.runners for each in checkup(remote, Commands(os.environ, patience_s=15.0))]
    return [*found, _storage(project)] if found else []


def _storage(project: Project) -> Diagnosis:
    from tetra_orchestrator.adapters.store.mounts import network_mount

    mount = network_mount(project.root)
    where = f"which is on {mount[0]} ({mount[1]})" if mount else "which is no network file system on this machine"
    text = f"jobs read and write in {project.root}, {where}: every node has to see it under this path"
    return Diagnosis("runner_storage", OK, text)
