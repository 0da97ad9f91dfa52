"""What a release has to keep, and what it works towards: the budgets of every workload, judged by a file of figures."""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean
from typing import NamedTuple

from benchmarks.results import Parts

MISSED, KEPT, REACHED, ABSENT = "missed", "gate met", "aim met", "not measured"


class Gate(NamedTuple):
    """One budget. `figure` may be at most `gate`, or at least where `least`; None where there is only an aim."""

    text: str
    figure: Callable[[Parts], float]
    gate: float | None
    aim: float | None
    least: bool = False


class Judged(NamedTuple):
    """A gate with its figure (None: not measured) and the verdict."""

    gate: Gate
    figure: float | None
    verdict: str

    @property
    def holds(self) -> bool:
        """False where a gate is missed, or was to be measured and was not."""
        return self.gate.gate is None or self.verdict in (KEPT, REACHED)


def wall(part: str, case: str) -> Callable[[Parts], float]:
    """The median seconds of a case."""
    return lambda parts: float(parts[part]["figures"][case]["wall_s"])


def ratio(part: str, case: str, other: str) -> Callable[[Parts], float]:
    """How many times of another the case takes."""
    return lambda parts: wall(part, case)(parts) / wall(part, other)(parts)


def fact(part: str, name: str) -> Callable[[Parts], float]:
    """A figure that is no time."""
    return lambda parts: float(parts[part]["facts"][name])


def more(part: str, case: str, other: str) -> Callable[[Parts], float]:
    """How many times as much of the processor one more task takes as by another way."""
    return lambda parts: fact(part, f"{case}_cpu_ms")(parts) / fact(part, f"{other}_cpu_ms")(parts)


def processor(part: str, case: str) -> Callable[[Parts], float]:
    """The median seconds of processor of a case."""
    return lambda parts: float(parts[part]["figures"][case]["cpu_s"])


def of_bound(part: str) -> Callable[[Parts], float]:
    """How many times of the shortest there can be our run takes."""
    return lambda parts: wall(part, "ours")(parts) / fact(part, "bound_s")(parts)


def megabytes(part: str, case: str) -> Callable[[Parts], float]:
    """The memory of a case."""
    return lambda parts: float(parts[part]["figures"][case]["memory_bytes"]) / 1e6


def syncs_a_task(workload: str) -> Callable[[Parts], float]:
    """How often the state is put on the disk for each task."""

    def count(parts: Parts) -> float:
        found = parts["syncs"]["facts"][workload]
        return float(found["syncs"]) / float(found["tasks"])

    return count


def _speed(case: str) -> Callable[[Parts], float]:
    return lambda parts: float(parts["W10"]["facts"]["megabytes_per_s"][case])


def _families(parts: Parts) -> float:
    return mean(float(family["mean"]) for family in parts["W6s"]["facts"]["families"])


def _workflows(parts: Parts) -> float:
    ratios = [flow["of_best"] for flow in parts["W6s"]["facts"]["workflows"]]
    if not ratios:
        raise KeyError("workflows")
    return float(max(ratios))


GATES = (
    Gate("W1: `run` of one task, times bare", ratio("W1", "ours", "bare"), 3.5, 2),
    Gate("W2: `run` of a chain of 4, times bare", ratio("W2", "ours", "bare"), 8, 6),
    Gate("W9: `--version`, times bare", ratio("W9", "version", "bare"), 1.5, 1.2),
    Gate("W9: `tetra --version`, times bare", ratio("W9", "script", "bare"), 1.5, 1.2),
    Gate("W9: `status`, times bare", ratio("W9", "status", "bare"), 3, 1.6),
    Gate("W9: `fire` with nothing due, times bare", ratio("W9", "idle", "bare"), 2.5, 1.5),
    Gate("W9: `fire` of one task, times bare", ratio("W9", "fire", "bare"), 3.5, 2),
    Gate("W9: `--help`, times bare", ratio("W9", "help", "bare"), 8, 6),
    Gate("W9: `show`, times bare", ratio("W9", "show", "bare"), 8, 6),
    Gate("W9: `logs`, times bare", ratio("W9", "logs", "bare"), 8, 6),
    *(
        Gate(f"{name}: `run`, times {peer}", ratio(name, "ours", peer), gate, 0.95)
        for name in ("W3", "W4", "W4x", "W5")
        for peer, gate in (("make", 1.25), ("ninja", None))
    ),
    Gate("W3: syncs of the store for each task of the chain", syncs_a_task("W3"), 1, None, least=True),
    *(Gate(f"{name}: times the bound", of_bound(name), 1.05, 1.03) for name in ("W6a", "W6b", "W6c")),
    Gate("W6: simulated random graphs, mean of times the bound", _families, 1.02, 1.01),
    Gate("W6: simulated workflows, times the best list schedule", _workflows, 1.03, None),
    Gate("W7: 10,000 tasks from the cache, times `make -n`", ratio("W7", "cached", "make"), 1, 0.8),
    Gate("W7: 10,000 tasks for the first time, times `make -n`", ratio("W7", "first", "make"), 5, 3),
    Gate("W7: 10,000 tasks for the first time, seconds of processor", processor("W7", "first"), 1, None),
    *(
        Gate(f"W7: for the first time, times faster than {peer}", ratio("W7", peer, "first"), 5, None, least=True)
        for peer in ("snakemake", "dagster", "airflow")
    ),
    Gate("W8: processes left behind a run", fact("W8", "processes"), 0, 0),
    Gate(
        "W10: 1 GB of output, speed of a shell's redirect",
        lambda parts: _speed("ours")(parts) / _speed("redirect")(parts),
        0.95,
        None,
        least=True,
    ),
    Gate("W10: 1 GB of output with a secret to mask, MB/s", _speed("secret"), 300, None, least=True),
    Gate(
        "W10: memory with 1 GB of output, times that with none",
        lambda parts: megabytes("W10", "ours")(parts) / megabytes("W10", "ours nothing")(parts),
        1.1,
        None,
    ),
    Gate(
        "W10: the same with a secret to mask",
        lambda parts: megabytes("W10", "secret")(parts) / megabytes("W10", "secret nothing")(parts),
        1.1,
        None,
    ),
    *(
        Gate(f"W11: `{title}` over 1,000,000 tasks, seconds of processor", processor("W11", name), 0.5, None)
        for name, title in (("status", "status"), ("history", "history"), ("tag", "history --tag T"))
    ),
    Gate("W13: looking at 10,000 processes, share of one CPU", fact("W13", "share"), 0.01, None),
    Gate("W14: processor for one more no-op task, times `make -j2`", more("W14", "ours", "make"), 1.5, 1),
    Gate("W15: a Dagster job of a chain of 4, times one by hand", ratio("W15", "ours", "hand"), 1, None),
    Gate("W15: one of a diamond, times one by hand", ratio("W15", "ours many", "hand many"), 1, None),
    Gate("W16: 500 no-op tasks on Slurm, times `sbatch --array`", ratio("W16", "ours", "array"), 1.5, 1),
    Gate("W12: a backfill of 365 no-op days, times a run of as many tasks", ratio("W12", "alone", "chain"), 2, None),
    Gate("W4x: memory at 10,000 tasks, MB", megabytes("W4x", "ours"), 40, 20),
    *(
        Gate(f"W4: times faster than {peer}", ratio("W4", peer, "ours"), gate, aim, least=True)
        for peer, gate, aim in (
            ("doit", 1.5, 1.9),
            ("luigi", 20, 28),
            ("prefect", 40, 45),
            ("dagster", 40, 55),
            ("snakemake", 60, 95),
        )
    ),
)


def judge(parts: Parts) -> list[Judged]:
    """Every gate with its figure and verdict."""
    return [_judge(gate, parts) for gate in GATES]


def _judge(gate: Gate, parts: Parts) -> Judged:
    try:
        figure = gate.figure(parts)
    except KeyError:
        return Judged(gate, None, ABSENT)
    return Judged(gate, figure, verdict(gate, figure))


def verdict(gate: Gate, figure: float) -> str:
    """Which of its budgets a figure keeps."""
    sign = -1 if gate.least else 1
    if gate.aim is not None and sign * figure <= sign * gate.aim:
        return REACHED
    return KEPT if gate.gate is not None and sign * figure <= sign * gate.gate else MISSED
