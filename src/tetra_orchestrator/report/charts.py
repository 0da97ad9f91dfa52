"""Curves and dots over time. Drawings stretch to their frame, words beside them do not."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.report.markup import Html, number, tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.report.markup import Content

#: Of the plane that drawings are made on; frames stretch it.
WIDE, HIGH = 1000, 100


class Dot(Record):
    """A point at `x` and `y`, both from 0 to 1, `y` upwards. `kind` is `good`, `odd` or `bad`."""

    x: float
    y: float
    kind: str


def area(title: str, told: str, values: Sequence[float], top: float, foot: Content, kind: str) -> Html:
    """A filled curve of values at even distances, none above `top`; `told` says what its highest point is."""
    step = WIDE / max(len(values), 1)
    path = "".join(f"V{number(HIGH - 96 * value / top)}H{number((at + 1) * step)}" for at, value in enumerate(values))
    shape = tag("path", d=f"M0 {HIGH}{path}V{HIGH}Z", class_=f"area {kind}")
    return _figure(title, told, _plane(f"{title}: {told}", shape), foot)


def dots(title: str, told: str, points: Sequence[Dot], middle: float | None, foot: Content) -> Html:
    """Points; a line at `middle`. What is bad is a stroke from the ground: its shape tells it from the others."""
    return _figure(title, told, _plane(f"{title}: {told}", *_marks(points, middle)), foot)


def spark(said: str, points: Sequence[Dot], middle: float | None = None) -> Html:
    """The same as small as a word."""
    return tag("span", _plane(said, *_marks(points, middle)), class_="spark")


def _marks(points: Sequence[Dot], middle: float | None) -> list[Html]:
    found = []
    if middle is not None:
        level = number(_down(middle))
        found.append(tag("path", d=f"M0 {level}H{WIDE}", class_="middle"))
    for kind in ("good", "odd", "bad"):
        own = [point for point in points if point.kind == kind]
        if own:
            found.append(tag("path", d="".join(map(_stroke if kind == "bad" else _dot, own)), class_=f"dot {kind}"))
    return found


def _dot(point: Dot) -> str:
    return f"M{number(_across(point.x))} {number(_down(point.y))}h0"


def _stroke(point: Dot) -> str:
    return f"M{number(_across(point.x))} {HIGH}V{HIGH - 30}"


def _across(x: float) -> float:
    """Dots at the ends stay within the frame."""
    return 10 + x * (WIDE - 20)


def _down(y: float) -> float:
    return HIGH - 4 - min(max(y, 0.0), 1.0) * (HIGH - 12)


def _plane(said: str, *shapes: Html) -> Html:
    return tag("svg", *shapes, viewBox=f"0 0 {WIDE} {HIGH}", preserveAspectRatio="none", role="img", aria_label=said)


def _figure(title: str, told: str, plane: Html, foot: Content) -> Html:
    caption = tag("figcaption", tag("b", title), " ", tag("span", told))
    return tag("figure", caption, plane, foot, class_="chart")
