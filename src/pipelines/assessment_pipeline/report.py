"""Owns the Markdown report of the ranked strategies."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipelines import store

NOTES = """\
Positions follow the signal of the day before; without trading costs; the Sharpe ratio is taken at a risk-free rate
of zero. Indicators start anew in each scenario, so a strategy stays out of the market until its window is full.
Strategies are ranked by Sharpe ratio, then total return; equals share a rank.

Data: S&P 500 daily (vega-datasets, origin Yahoo Finance) and, for the metrics, US macro series (statsmodels
macrodata, origin FRED and BLS).
"""
SUMMARY = """
SELECT strategy, AVG(rank), SUM(rank = 1), AVG(sharpe), MIN(max_drawdown)
FROM ranking GROUP BY strategy ORDER BY AVG(rank), strategy"""
SCENARIOS = """
SELECT name, description, annualised_volatility, max_drawdown
FROM scenario JOIN metric ON scenario = name ORDER BY type, name"""
RESULTS = """
SELECT rank, strategy, sharpe, total_return, annualised_return, annualised_volatility, max_drawdown
FROM ranking WHERE scenario = ? ORDER BY rank, strategy"""


def write_report(connection: sqlite3.Connection) -> Path:
    """Write the report beside the store, whole or not at all, and return its path."""
    path = store.location().with_name("assessment.md")
    draft = path.with_name(path.name + ".new")
    store.create_private(draft)
    draft.write_text(_text(connection), encoding="utf-8")
    os.replace(draft, path)
    return path


def _text(connection: sqlite3.Connection) -> str:
    (as_of,) = connection.execute("SELECT MAX(date) FROM market").fetchone()
    parts = [f"# Strategy assessment as of {as_of}\n\n{NOTES}", _summary(connection)]
    for name, description, volatility, max_drawdown in connection.execute(SCENARIOS).fetchall():
        risk = f"volatility {volatility:.1%} a year, largest drawdown {max_drawdown:z.1%}"
        parts.append(f"## {name}\n\n{description}: {risk}.\n\n{_results(connection, name)}")
    return "\n".join(parts)


def _summary(connection: sqlite3.Connection) -> str:
    rows = [
        (strategy, f"{rank:.2f}", f"{wins}", f"{sharpe:z.2f}", f"{drawdown:z.1%}")
        for strategy, rank, wins, sharpe, drawdown in connection.execute(SUMMARY)
    ]
    header = ("strategy", "mean rank", "ranked first", "mean Sharpe", "worst drawdown")
    return f"## All scenarios\n\n{_table(header, rows)}"


def _results(connection: sqlite3.Connection, scenario: str) -> str:
    rows = [
        (f"{rank}", strategy, f"{sharpe:z.2f}", *(f"{percentage:z.1%}" for percentage in percentages))
        for rank, strategy, sharpe, *percentages in connection.execute(RESULTS, (scenario,))
    ]
    return _table(("rank", "strategy", "Sharpe", "total return", "annualised", "volatility", "max drawdown"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
