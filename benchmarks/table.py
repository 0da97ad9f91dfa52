"""Rows of text, as a table of Markdown or of a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from benchmarks.gates import ABSENT, MISSED, Judged
from benchmarks.results import Part

Row = Sequence[str]
NOTHING: Mapping[str, str] = MappingProxyType({})


def markdown(rows: Sequence[Row], numbers_from: int = 1) -> str:
    """A table; columns from `numbers_from` on, of those that hold numbers only, are set to the right."""
    right = [n >= numbers_from and all(_is_number(row[n]) for row in rows[1:]) for n in range(len(rows[0]))]
    lines = [rows[0], ["--:" if number else "---" for number in right], *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in _padded(lines))


def text(rows: Sequence[Row]) -> str:
    """Columns side by side."""
    return "\n".join("  ".join(line).rstrip() for line in _padded(rows))


def gate_rows(judged: Iterable[Judged]) -> list[Row]:
    """The gates with their figures, a head first."""
    rows: list[Row] = [("budget", "figure", "gate", "aim", "verdict")]
    for gate, figure, verdict in judged:
        said = f"**{verdict}**" if verdict in (MISSED, ABSENT) and gate.gate is not None else verdict
        bounds = [_limit(limit, least=gate.least) for limit in (gate.gate, gate.aim)]
        rows.append((gate.text, "" if figure is None else short(figure), *bounds, said))
    return rows


def figure_rows(
    part: Part, base: Mapping[str, str] = NOTHING, *, processor: bool = False, memory: bool = False
) -> list[Row]:
    """The cases with their times in milliseconds, and how many times of those in `base` they are, which it calls so."""
    figures = part["figures"]
    base = {name: title for name, title in base.items() if name in figures}
    head = ["command", "median ms", "least", "most", *(f"÷ {title}" for title in base.values())]
    rows: list[Row] = [[*head, *(["CPU ms"] * processor), *(["memory MB"] * memory), "rounds"]]
    for row in figures.values():
        cells = [row["label"], *(milliseconds(row[key]) for key in ("wall_s", "least_s", "most_s"))]
        cells += [short(row["wall_s"] / figures[name]["wall_s"]) for name in base]
        cells += [milliseconds(row["cpu_s"])] * processor + [f"{row['memory_bytes'] / 1e6:,.1f}"] * memory
        rows.append([*cells, str(row["rounds"])])
    return rows


def milliseconds(seconds: float) -> str:
    """With a digit behind the point where it is little."""
    return f"{seconds * 1e3:,.1f}" if seconds < 0.1 else f"{seconds * 1e3:,.0f}"


def short(number: float) -> str:
    """Three digits or so."""
    if number >= 100 or number == round(number):
        return f"{number:,.0f}"
    return f"{number:.3f}" if number < 1.1 else f"{number:.2f}" if number < 10 else f"{number:.1f}"


def _limit(limit: float | None, *, least: bool) -> str:
    return "" if limit is None else f"{'≥' if least else '≤'} {limit:g}"


def _is_number(cell: str) -> bool:
    return not cell or cell.replace(",", "").replace(".", "").isdigit()


def _padded(rows: Sequence[Row]) -> list[list[str]]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
