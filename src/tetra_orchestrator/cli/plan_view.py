"""`plan` for people: a table with a chart, what is on the critical path, why each task runs, and how sure it all is."""

from __future__ import annotations

import re

from tetra_orchestrator.cli.output import local, print_table
from tetra_orchestrator.cli.prose import broken
from tetra_orchestrator.cli.timeline import width
from tetra_orchestrator.core.cells import cut_middle
from tetra_orchestrator.core.model import LOCAL
from tetra_orchestrator.core.spoken import duration, printable
from tetra_orchestrator.engine.start import title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.cli.foresight import Foresight
    from tetra_orchestrator.core.what_if import Scenario

    Row = Mapping[str, Any]

#: Rows of the table, and names in a sentence; of a larger run only the critical path is shown.
SHOWN, NAMED = 40, 8
#: Columns of the table besides the chart.
NAME, TAKES, STARTS, ENDS = 20, 11, 12, 8
CRITICAL, OTHER, SLACK = "=", "#", "."
REMEDY = "Run it once, or write `expected` for its tasks."
LEGEND = f"{CRITICAL} on the critical path  {OTHER} others  {SLACK} slack: it may end so much later"


def print_plan(found: Foresight) -> None:
    """Print what would run, when, and why."""
    running = [row for row in found.rows if row["decision"] == "run" and row["start_s"] is not None]
    print(_wrapped(f"Would run {subject(found).removeprefix('of ')}, {_at_a_time(found)}:") + "\n")
    shown = running if len(running) <= SHOWN else [row for row in running if row["on_critical_path"]][:SHOWN]
    if shown and found.outlook.most_s:
        print("\n".join((*_chart(shown, found), "")))
    if len(shown) < len(running):
        print(f"{len(running)} tasks would run; these begin the critical path. `--json` has all of them.\n")
    for line in (*_reasons(found.rows), *_path(found), *_sure(found)):
        print(line)


def print_scenarios(found: Foresight, tried: Sequence[Scenario]) -> None:
    """Print what the run would be with other numbers of tasks at the same time."""
    if not any(found.expected_s.values()):
        print(f"Nobody knows yet how long any task {subject(found)} takes. {REMEDY}")
        return
    now = found.limits.max_parallel
    rows = [
        (
            f"{one.parallel} (now)" if one.parallel == now else str(one.parallel),
            duration(one.finish_s),
            local(found.at(one.finish_s)),
            f"{one.utilisation:.0%}",
            one.bottleneck.text,
        )
        for one in tried
    ]
    print(_wrapped(f"If other numbers of tasks {subject(found)} ran at a time:") + "\n")
    print_table(("at a time", "takes", "ends", "used", "bounded by"), rows)
    print("\nused: of the places, while the run lasts. More places help only a run that is\nbounded by the places.")
    for line in unknown(found):
        print(line)


def subject(found: Foresight) -> str:
    """What the run is of, in words."""
    chosen = found.request.selection
    many = chosen.mode is None and len(chosen.pipelines) > NAMED
    return f"of {len(chosen.pipelines)} pipelines" if many else title(chosen)


def _at_a_time(found: Foresight) -> str:
    count = found.limits.max_parallel
    here = " here" if any(task.runner != LOCAL for task in found.request.selection.tasks) else ""
    return f"one task{here} at a time" if count == 1 else f"{count} tasks{here} at a time"


def _chart(rows: Sequence[Row], found: Foresight) -> Iterator[str]:
    end = max((span.finish_s for span in found.outlook.spans.values()), default=0.0)
    name = max(len("task"), min(NAME, max(len(row["id"]) for row in rows)))
    places = width() - name - TAKES - STARTS - ENDS - 5
    zone = f"{'ends':>{ENDS}}  {_scale(end, places)}"
    yield f"{'task':{name}} {'takes':>{TAKES}} {'starts':>{STARTS}} {zone}".rstrip()
    for row in rows:
        takes, starts = duration(row["expected_s"]), f"+{duration(row['start_s'])}"
        ends = found.at(row["finish_s"]).astimezone().strftime("%H:%M:%S")
        bar = _bar(row, end, places)
        yield f"{cut_middle(row['id'], name):{name}} {takes:>{TAKES}} {starts:>{STARTS}} {ends:>{ENDS}}  {bar}".rstrip()
    yield LEGEND


def _scale(end: float, places: int) -> str:
    last = duration(end)
    return f"0 s{last.rjust(places - 3)}" if places > len(last) + 3 else last.rjust(places)


def _bar(row: Row, end: float, places: int) -> str:
    first = min(int(places * row["start_s"] / end), places - 1)
    length = max(min(round(places * row["finish_s"] / end), places) - first, 1)
    slack = min(round(places * (row["slack_s"] or 0.0) / end), places - first - length)
    sign = CRITICAL if row["on_critical_path"] else OTHER
    return f"{' ' * first}{sign * length}{SLACK * slack}"


def _reasons(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each reason, with the tasks that have it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        groups.setdefault((row["decision"], row["reason"]["text"]), []).append(row["id"])
    words = {"run": "runs", "skip": "skipped", "wait": "has to wait"}
    for (decision, text), names in groups.items():
        text = re.sub("^it ", "each ", text) if len(names) > 1 else text
        yield _wrapped(f"{words[decision]}: {_named(names)}: {printable(text)}")


def _path(found: Foresight) -> Iterator[str]:
    path = found.outlook.critical_path
    if path:
        yield _wrapped(f"critical path: {_named(path, ' -> ')}")


def _sure(found: Foresight) -> Iterator[str]:
    """When it is over, and what that rests on."""
    known = found.outlook
    yield from unknown(found)
    if found.finish is None:
        least = f"; not before {local(found.at(known.least_s))}" if known.least_s else f". {REMEDY}"
        yield f"expected finish: unknown{least}"
        return
    yield f"expected finish: {local(found.finish)}, after {duration(known.finish_s)}"
    least, most = duration(known.least_s), duration(known.most_s)
    if least != most:
        yield f"{least} to {most}, were every task as quick, or as slow, as in its last 10 successes"


def unknown(found: Foresight) -> Iterator[str]:
    """Which tasks count as nothing, if any."""
    names = found.outlook.unknown
    if names:
        yield _wrapped(f"counted as nothing, as nobody knows how long they take: {_named(names)}")


def _named(names: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return printable(between.join(names[:NAMED])) + more


def _wrapped(text: str) -> str:
    return "\n".join(broken(text, width()))
