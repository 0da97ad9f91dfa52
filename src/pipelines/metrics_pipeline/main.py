"""Measures every scenario: performance, daily return, risk and trend series, and macro correlations."""

import argparse
import hashlib
import sqlite3
import sys
from collections.abc import Sequence

import polars as pl

from pipelines import indicators, outputs, store
from pipelines.commandline import Parser, run, select
from pipelines.metrics_pipeline.correlations import correlations

PROGRAM = "metrics_pipeline"
TABLES = ("metric", "metric_series", "metric_correlation", "metric_input")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--scenario", default="all", metavar="NAME", help="a scenario's name, or all (default)")
    parser.add_argument("--force", action="store_true", help="compute again even where the inputs are unchanged")
    return parser.parse_args(argv)


def measure(options: argparse.Namespace) -> None:
    """Store the metrics of the wanted scenarios whose inputs have changed."""
    rows = computed = 0
    with store.transaction() as connection:
        known = _scenario_types(connection)
        names = select("scenario", options.scenario, known)
        _drop_stale(connection)
        macro = store.read(connection, "SELECT * FROM macro ORDER BY date")
        for name in names:
            # Only historical scenarios carry dates on which macro figures were measured.
            count = _measure(connection, name, macro if known[name] == "historical" else macro.clear(), options.force)
            print(f"{name}: {f'{count} days' if count else 'skipped, inputs unchanged'}")
            rows += count
            computed += count > 0
    outputs.report(records_processed=rows, scenarios=computed, skipped=len(names) - computed)


def _scenario_types(connection: sqlite3.Connection) -> dict[str, str]:
    query = "SELECT name, type FROM scenario ORDER BY name"
    return dict(store.read_required(connection, query, "scenarios", "scenarios_pipeline").iter_rows())


def _drop_stale(connection: sqlite3.Connection) -> None:
    """Delete the metrics of scenarios that no longer exist."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table} WHERE scenario NOT IN (SELECT name FROM scenario)")


def _measure(connection: sqlite3.Connection, name: str, macro: pl.DataFrame, force: bool) -> int:
    """Store the metrics of one scenario and return its number of days, or 0 if it was skipped."""
    prices = store.read(connection, "SELECT date, close FROM scenario_price WHERE scenario = ? ORDER BY date", name)
    fingerprint = _fingerprint(prices, macro)
    query = "SELECT 1 FROM metric_input WHERE scenario = ? AND fingerprint = ?"
    if not force and connection.execute(query, (name, fingerprint)).fetchone():
        return 0
    results = (
        prices.select(indicators.performance(indicators.simple_return(pl.col("close")))),
        series(prices),
        correlations(prices, macro),
        pl.DataFrame({"fingerprint": [fingerprint]}),
    )
    for table, result in zip(TABLES, results, strict=True):
        connection.execute(f"DELETE FROM {table} WHERE scenario = ?", (name,))
        store.write(connection, table, result.select(pl.lit(name).alias("scenario"), pl.all()))
    return prices.height


def _fingerprint(*inputs: pl.DataFrame) -> str:
    return hashlib.sha256("".join(frame.write_csv() for frame in inputs).encode()).hexdigest()


def series(prices: pl.DataFrame) -> pl.DataFrame:
    """Return the daily metrics of a price series."""
    close = pl.col("close")
    returns = indicators.simple_return(close)
    return prices.select(
        "date",
        returns.alias("daily_return"),
        indicators.rolling_volatility(returns, 21).alias("volatility_21"),
        indicators.drawdown(close).alias("drawdown"),
        *(indicators.moving_average(close, window).alias(f"sma_{window}") for window in (20, 50, 200)),
        indicators.wilder_rsi(close, 14).alias("rsi_14"),
    )


def main(argv: Sequence[str] | None = None) -> int:
    return run(PROGRAM, lambda: measure(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
