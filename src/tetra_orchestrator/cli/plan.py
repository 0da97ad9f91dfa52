"""`plan`: what a run would do, why, how long that takes, and what other limits would make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tetra_orchestrator.cli.part import FromOption, ModeOption, OnlyOption, ParamOption, PipelineOption, UntilOption
from tetra_orchestrator.cli.project import ConfigOption, JsonOption, OverlayOption, SetOption
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tetra_orchestrator.cli.foresight import Foresight
    from tetra_orchestrator.core.what_if import Scenario
    from tetra_orchestrator.engine.start import Request

#: Tasks at the same time that are tried where nobody says how many.
USUAL = (1, 2, 4, 8)
MOST = 10_000


def command(
    mode: ModeOption = None,
    pipeline: PipelineOption = None,
    first: FromOption = None,
    last: UntilOption = None,
    only: OnlyOption = None,
    param: ParamOption = None,
    force: Annotated[bool, typer.Option("--force", help="As if nothing were paused or lacking.")] = False,
    simulate: Annotated[bool, typer.Option("--simulate", help="What if more or fewer tasks ran at a time?")] = False,
    parallel: Annotated[
        list[str] | None, typer.Option("--parallel", metavar="N,N", help="Tasks at a time to simulate. [1,2,4,8]")
    ] = None,
    workers: Annotated[
        list[str] | None, typer.Option("--workers", metavar="N,N", help="Machines to simulate it on. [1,2,4,8]")
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option("--worker", metavar="cpu=8,memory=32GB", help="What each has; also gpu=1, max_parallel=4. [host]"),
    ] = None,
    overhead: Annotated[
        str | None, typer.Option("--overhead", metavar="TIME", help="Added to each task simulated, such as 0.2s.")
    ] = None,
    slower: Annotated[
        list[str] | None, typer.Option("--slower", metavar="TASK=2x", help="As if it took twice as long. Repeatable.")
    ] = None,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say what a run would do, why, and when it would end.

    Each task's times are told by how long tasks took before.

    Examples: `plan --mode weekly`, `plan -p report`, `plan --mode weekly --simulate --parallel 2,4,8`,
    `plan --mode weekly --workers 1,4,16 --worker cpu=8,memory=32GB`,
    `plan --mode weekly --slower extract=2x`.
    """
    from tetra_orchestrator.cli.foresight import foresee
    from tetra_orchestrator.cli.output import print_json
    from tetra_orchestrator.cli.plan_view import print_plan, print_scenarios
    from tetra_orchestrator.cli.plan_workers import on_workers, overhead_s, print_workers, worker_of
    from tetra_orchestrator.cli.running import Order, requested

    order = Order(
        mode=mode,
        pipelines=tuple(pipeline or ()),
        first=tuple(first or ()),
        last=tuple(last or ()),
        only=tuple(only or ()),
        params=tuple(param or ()),
        force=force,
        dry_run=True,
        config=config,
        overlays=tuple(overlay or ()),
        sets=tuple(set_ or ()),
    )
    counts, machines = _counts("--parallel", parallel or ()), _counts("--workers", workers or ())
    elsewhere = bool(machines) or worker is not None
    if counts and elsewhere:
        raise UsageError("--parallel asks about this machine, --workers about others", hint="ask for one of them")
    if overhead is not None and not (simulate or counts or elsewhere):
        raise UsageError("--overhead is added to what is simulated", hint="say also --simulate")
    size, added_s = worker_of(worker) if worker is not None else None, overhead_s(overhead)
    request = requested(order)
    found = foresee(request, _factors(slower or (), request))
    if elsewhere:
        answer = on_workers(found, size, sorted({*(machines or USUAL)}), added_s)
        print_json("plan", {**found.body(), "workers": answer.body(found)}) if as_json else print_workers(found, answer)
        return Exit.OK
    tried = _scenarios(found, counts or USUAL, added_s) if simulate or counts else []
    if as_json:
        print_json("plan", {**found.body(), **({"scenarios": [_row(one, found) for one in tried]} if tried else {})})
    elif tried:
        print_scenarios(found, tried)
    else:
        print_plan(found)
    return Exit.OK


def _counts(option: str, texts: Iterable[str]) -> list[int]:
    words = [word.strip() for text in texts for word in text.split(",")]
    for word in words:
        if not word.isdecimal() or not 1 <= int(word[:6]) <= MOST:
            of = "tasks" if option == "--parallel" else "workers"
            raise UsageError(f"{option} {word!r} is not a number of {of}", hint=f"1 to {MOST}, such as 1,2,4,8")
    return [int(word) for word in words]


def _factors(texts: Sequence[str], request: Request) -> dict[str, float]:
    known = [task.id for task in request.selection.tasks]
    found = {}
    for text in texts:
        name, _, factor = text.rpartition("=")
        try:
            found[name] = float(factor.removesuffix("x"))
        except ValueError:
            found[name] = 0.0
        if not name or not 0 < found[name] <= MOST:
            raise UsageError(f"--slower {text!r} is not TASK=FACTOR", hint="write it like extract=2x")
        if name not in known:
            raise UsageError(f"Unknown task: {name}", hint=suggest(name, known, "tasks of this run"))
    return found


def _scenarios(found: Foresight, counts: Iterable[int], added_s: float) -> list[Scenario]:
    from tetra_orchestrator.core.what_if import scenario

    skipped = found.outlook.skipped
    tasks, seconds = found.request.selection.tasks, found.seconds(added_s)
    tried = sorted({*counts, found.limits.max_parallel})
    return [scenario(tasks, found.limits, seconds, count, skipped) for count in tried]


def _row(one: Scenario, found: Foresight) -> dict[str, object]:
    from tetra_orchestrator.cli.output import instant

    return {
        "parallel": one.parallel,
        "is_current": one.parallel == found.limits.max_parallel,
        "makespan_s": one.finish_s,
        "finish": instant(found.at(one.finish_s)),
        "utilisation": round(one.utilisation, 4),
        "bottleneck": one.bottleneck._asdict(),
    }
