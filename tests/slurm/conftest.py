"""One real Slurm for the tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.test_runner import RemoteBench
from support.slurm import Cluster, cluster
from tetra_orchestrator.adapters.interrupts import SignalInterrupts
from tetra_orchestrator.adapters.runner.slurm.command import Commands
from tetra_orchestrator.adapters.runner.slurm.engine import Slurm
from tetra_orchestrator.core.runners import Remote


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("slurm")) as made:
        yield made


@pytest.fixture
def slurm(shared_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, of which all is up at the end of a test and nothing in its queue."""
    yield shared_cluster
    shared_cluster.mend()


@pytest.fixture
def any_bench(slurm: Cluster, tmp_path: Path) -> Iterator[RemoteBench]:
    """What the suite for runners asks for, over this cluster."""

    class SlurmBench(RemoteBench):
        """Jobs of Slurm, which takes its time."""

        def new_engine(self) -> Slurm:
            return Slurm(Remote("far"), str(self.jobs / "far"), Commands(slurm.environ))

        def ended(self, *handles: str, within_s: float = 60.0):  # type: ignore[no-untyped-def]
            return super().ended(*handles, within_s=max(within_s, 60.0))

    with SignalInterrupts() as interrupts:
        bench = SlurmBench(tmp_path, "", interrupts)
        yield bench
        bench.runner.close()
