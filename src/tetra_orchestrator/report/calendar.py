"""What became of the slots of each schedule, day by day."""

from __future__ import annotations

from datetime import date, timedelta

from tetra_orchestrator.core.signs import SLOTS
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.report.markup import Html, hidden, join, moment, tag
from tetra_orchestrator.report.signs import UNKNOWN, legend, slot_shown, symbol
from tetra_orchestrator.report.tables import Row, folded, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.slots import Slot

#: What a day is shown as that had several outcomes: the first of these.
WORST = ("missed", "late", "skipped_overlap", "running", "queued", "expected", "ran", "paused", "skipped_policy")
#: Days of one table; a longer time is several.
DAYS = 31
#: Slots that are told of one by one.
TOLD = 500


def calendar(slots: Sequence[Slot], first: date, last: date) -> Html:
    """A row for each schedule and a column for each day, in the reader's zone; behind it what did not run on time."""
    days: dict[str, dict[date, list[Slot]]] = {}
    for slot in slots:
        days.setdefault(slot.schedule, {}).setdefault(slot.at.astimezone().date(), []).append(slot)
    tables = []
    while first <= last:
        end = min(first + timedelta(days=DAYS - 1), last)
        tables.append(_month(days, [first + timedelta(days=at) for at in range((end - first).days + 1)]))
        first = end + timedelta(days=1)
    return join((legend((slot.outcome for slot in slots), SLOTS), *tables, _exceptions(slots)))


def _month(days: Mapping[str, Mapping[date, Sequence[Slot]]], shown: Sequence[date]) -> Html:
    title = f"Slots from {shown[0]} to {shown[-1]}"
    heads = [_day(day, is_first=day == shown[0] or day.day == 1) for day in shown]
    rows = (
        tag(
            "tr",
            tag("th", tag("span", name, class_="name"), scope="row"),
            *(_cell(of.get(day, ()), day) for day in shown),
        )
        for name, of in days.items()
    )
    head = tag("tr", tag("th", "schedule", scope="col"), *heads)
    body = tag("table", tag("caption", title, class_="sr"), tag("thead", head), tag("tbody", *rows), class_="calendar")
    return tag("div", body, class_="frame", role="group", aria_label=title, tabindex="0")


def _day(day: date, *, is_first: bool) -> Html:
    """The head of a column: the weekday above the day, or the month where that is a new one."""
    above = f"{day:%b}" if is_first else f"{day:%a}"[:2]
    time = tag("time", str(day.day), datetime=str(day))
    weekend = "weekend" if day.weekday() > 4 else None
    return tag("th", tag("span", above, class_="weekday", aria_hidden="true"), time, scope="col", class_=weekend)


def _cell(slots: Sequence[Slot], day: date) -> Html:
    if not slots:
        return tag("td", hidden("none due"))
    counts: dict[str, int] = {}
    for slot in slots:
        counts[slot.outcome] = counts.get(slot.outcome, 0) + 1
    worst = min(counts, key=lambda one: WORST.index(one) if one in WORST else len(WORST))
    sign = SLOTS.get(worst, UNKNOWN)
    said = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts.items())
    many = tag("span", str(len(slots)), class_="many", aria_hidden="true") if len(slots) > 1 else None
    return tag("td", symbol(sign), many, hidden(said), class_=f"slot {sign.colour}", title=f"{day}: {said}")


def _exceptions(slots: Sequence[Slot]) -> Html:
    found = [slot for slot in slots if slot.outcome not in ("ran", "expected", "queued", "running")]
    if not found:
        return tag("p", "Every slot ran on time.") if slots else tag("p", "No slot was due.")
    rows = [
        Row(
            (
                slot.schedule,
                slot_shown(slot.outcome),
                moment(slot.at),
                slot.reason.text if slot.reason else _late(slot),
            ),
            slot.outcome,
        )
        for slot in found[: -TOLD - 1 : -1]
    ]
    columns = ("schedule", "outcome", "slot", "why")
    title = f"The {len(found):,} that did not run on time" if len(found) > 1 else "The one that did not run on time"
    title += f", the newest {TOLD} of them" if len(found) > TOLD else ""
    return folded(title, table("slots", "Slots that did not run on time", columns, rows), is_open=len(rows) <= 12)


def _late(slot: Slot) -> str:
    return f"began {duration(slot.lateness_s)} after it" if slot.lateness_s is not None else ""
