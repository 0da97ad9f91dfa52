"""`plan --workers`: what the run would take on machines that are not there yet, or not this one."""

from __future__ import annotations

from tetra_orchestrator.cli.output import instant, print_table
from tetra_orchestrator.cli.prose import broken
from tetra_orchestrator.cli.timeline import width
from tetra_orchestrator.config import scalars
from tetra_orchestrator.core.admission import CPU, GPU, MEMORY, PLACES
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.scaling import LITTLE, MOST, Fleet
from tetra_orchestrator.core.selection import policy, suggest
from tetra_orchestrator.core.spoken import duration, percent
from tetra_orchestrator.core.workers import Worker, listed
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from tetra_orchestrator.cli.foresight import Foresight
    from tetra_orchestrator.core.scaling import Enough, Scaled

#: Tasks that are named where they fit on no worker.
NAMED = 5
#: What is said of what a worker has, and how each is read.
PARTS: dict[str, Callable[[str], Any]] = {
    "cpu": scalars.number,
    "memory": scalars.size_bytes,
    "gpu": scalars.whole,
    "max_parallel": scalars.whole,
}
EXAMPLE = "write it like cpu=8,memory=32GB,gpu=1,max_parallel=4"
WORDS = {PLACES: "places", CPU: "cpu", MEMORY: "memory", GPU: "gpu"}


class Answer(Record):
    """The run on so many of these workers each, with `added_s` seconds for each task, and how many are enough."""

    worker: Worker
    added_s: float
    tried: Sequence[Scaled]
    enough: Enough

    def body(self, found: Foresight) -> dict[str, Any]:
        """What `--json` publishes of it."""
        has = self.worker
        return {
            "worker": {"cpu": has.cpu, "memory_bytes": has.memory_bytes, "gpu": has.gpu, "max_parallel": has.places},
            "overhead_s": self.added_s,
            "scenarios": [_row(one, found) for one in self.tried],
            "enough": {
                "workers": self.enough.workers,
                "makespan_s": self.enough.finish_s,
                "least_makespan_s": self.enough.best_s,
                "within": LITTLE,
            },
        }


def worker_of(text: str) -> Worker:
    """The worker that `cpu=8,memory=32GB,gpu=1,max_parallel=4` describes; all but one of the parts may be left out.

    One of which no places are told has as many as CPUs, and one of which no GPUs are told has none.
    """
    given: dict[str, Any] = {}
    for word in text.split(","):
        name, sign, value = word.strip().partition("=")
        if not sign or name in given or name not in PARTS:
            hint = suggest(name, PARTS, "parts of a worker") if sign and name not in PARTS else EXAMPLE
            raise UsageError(f"--worker {text!r}: {word.strip()!r} is not one thing that it has", hint=hint)
        given[name] = _part(name, value)
    places = given.get("max_parallel") or max(int(given.get("cpu", 1)), 1)
    return Worker(min(places, MOST), given.get("cpu"), given.get("memory"), given.get("gpu", 0))


def overhead_s(text: str | None) -> float:
    """Seconds that each task takes besides."""
    try:
        return 0.0 if text is None else scalars.duration_s(text)
    except ValueError as error:
        message, hint = error.args
        raise UsageError(f"--overhead {text!r} {message}", hint=hint) from None


def on_workers(found: Foresight, worker: Worker | None, counts: Sequence[int], added_s: float) -> Answer:
    """Simulate the run on so many workers each; None is one like this host.

    Raises `UsageError` for tasks that fit on none of them, and for a run that would not end before the calendar does.
    """
    chosen, of = found.request.selection, found.limits
    worker = worker or Worker(of.places, of.cpu or None, of.memory_bytes or None, of.gpu or None)
    bound = of._replace(tasks=policy(found.request.project, chosen.mode).max_parallel or 0)
    fleet = Fleet(chosen.tasks, bound, found.seconds(added_s), worker, found.outlook.skipped)
    _refuse(fleet.too_large(), worker)
    tried = [fleet.on(count) for count in counts]
    for one in tried:
        found.at(one.finish_s)
    return Answer(worker, added_s, tried, fleet.enough())


def print_workers(found: Foresight, answer: Answer) -> None:
    """The answer for people."""
    from tetra_orchestrator.cli.plan_view import REMEDY, subject, unknown

    if not any(one.finish_s for one in answer.tried):
        print(f"Nobody knows yet how long any task {subject(found)} takes. {REMEDY}")
        return
    added = f", and {duration(answer.added_s)} more for each task" if answer.added_s else ""
    print(_wrapped(f"Tasks {subject(found)} on workers with {answer.worker.text} each{added}:") + "\n")
    rows = [
        (
            str(one.workers),
            duration(one.finish_s),
            duration(min(one.least_s, one.finish_s)),
            _used(one),
            f"{one.worker_s / 3600:,.1f}",
            one.bottleneck.text,
        )
        for one in answer.tried
    ]
    print_table(("workers", "takes", "at least", "used most", "hours", "bounded by"), rows)
    print()
    print(_wrapped("at least: no order of the tasks is quicker. hours: of all workers, idle or not."))
    print(_wrapped(_enough(answer.enough)))
    for line in unknown(found):
        print(line)


def _enough(enough: Enough) -> str:
    count = "1 worker is" if enough.workers == 1 else f"{enough.workers:,} workers are"
    rest = f"no number of them takes less than {duration(enough.best_s)}"
    return f"{count} enough: the run takes {duration(enough.finish_s)}, and {rest}."


def _used(one: Scaled) -> str:
    name = max(one.used, key=lambda each: one.used[each], default=PLACES)
    return f"{percent(min(one.used.get(name, 0.0), 1.0))} of {WORDS[name]}"


def _row(one: Scaled, found: Foresight) -> dict[str, Any]:
    return {
        "workers": one.workers,
        "makespan_s": one.finish_s,
        "finish": instant(found.at(one.finish_s)),
        "least_s": one.least_s,
        "utilisation": {WORDS[name]: round(share, 4) for name, share in one.used.items()},
        "worker_hours": one.worker_s / 3600,
        "bottleneck": one.bottleneck._asdict(),
    }


def _refuse(too_large: dict[str, list[str]], worker: Worker) -> None:
    if not too_large:
        return
    named = [f"{name} asks for {listed(lacks)}" for name, lacks in too_large.items()]
    more = [f"{len(named) - NAMED} more ask for too much"] if len(named) > NAMED else []
    count = "1 task fits" if len(named) == 1 else f"{len(named)} tasks fit"
    raise UsageError(
        f"{count} on no worker: {', '.join([*named[:NAMED], *more])}; a worker has {worker.text}",
        hint="describe larger workers with --worker, or let the tasks ask for less in `resources`",
    )


def _part(name: str, value: str) -> Any:
    try:
        found = PARTS[name](value)
    except ValueError as error:
        message, hint = error.args
        raise UsageError(f"--worker {name}={value!r} {message}", hint=hint) from None
    if found < 0 or (found == 0 and name != "gpu"):
        raise UsageError(f"--worker {name}={value!r} is nothing to work with", hint=EXAMPLE)
    return found


def _wrapped(text: str) -> str:
    return "\n".join(broken(text, width()))
