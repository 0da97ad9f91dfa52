"""Backtests the trading strategies on every scenario, ranks them and writes the report."""

import argparse
import sqlite3
import sys
from collections.abc import Sequence

import polars as pl

from pipelines import indicators, outputs, store
from pipelines.assessment_pipeline.report import write_report
from pipelines.assessment_pipeline.strategies import STRATEGIES, backtest
from pipelines.commandline import Fault, Parser, run, select

PROGRAM = "assessment_pipeline"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--strategies", default="all", help=f"all, {', '.join(STRATEGIES)} (default all)")
    return parser.parse_args(argv)


def assess(options: argparse.Namespace) -> None:
    """Replace the results of the wanted strategies on every scenario."""
    strategies = select("strategy", options.strategies, STRATEGIES)
    with store.transaction() as connection:
        prices = _read_prices(connection)
        results = pl.concat(evaluate(frame, strategy) for frame in prices for strategy in strategies)
        _replace(connection, strategies, results)
        best = _best_strategy(connection)
        report = write_report(connection)
    print(f"{len(strategies)} strategies on {len(prices)} scenarios; best on average: {best}; report: {report}")
    outputs.report(records_processed=results.height, scenarios=len(prices), best_strategy=best)


def evaluate(prices: pl.DataFrame, strategy: str) -> pl.DataFrame:
    """Return the one-row result of a strategy on a scenario."""
    result = backtest(prices, strategy).select(indicators.performance(pl.col("return")))
    return result.select(pl.lit(prices["scenario"][0]).alias("scenario"), pl.lit(strategy).alias("strategy"), pl.all())


def _read_prices(connection: sqlite3.Connection) -> list[pl.DataFrame]:
    """Return the prices of each scenario, all of which must have been measured."""
    query = "SELECT scenario, date, close FROM scenario_price ORDER BY scenario, date"
    prices = store.read_required(connection, query, "scenarios", "scenarios_pipeline")
    unmeasured = "SELECT name FROM scenario WHERE name NOT IN (SELECT scenario FROM metric) ORDER BY name"
    if missing := connection.execute(unmeasured).fetchone():
        raise Fault(f"no metrics for {missing[0]} in {store.location()}; run metrics_pipeline first")
    return prices.partition_by("scenario", maintain_order=True)


def _replace(connection: sqlite3.Connection, strategies: Sequence[str], results: pl.DataFrame) -> None:
    """Store the results, and delete those of scenarios that no longer exist."""
    connection.execute("DELETE FROM assessment WHERE scenario NOT IN (SELECT name FROM scenario)")
    connection.executemany("DELETE FROM assessment WHERE strategy = ?", [(strategy,) for strategy in strategies])
    store.write(connection, "assessment", results)


def _best_strategy(connection: sqlite3.Connection) -> str:
    """Return the strategy with the best mean rank over the scenarios."""
    query = "SELECT strategy FROM ranking GROUP BY strategy ORDER BY AVG(rank), strategy LIMIT 1"
    (best,) = connection.execute(query).fetchone()
    return str(best)


def main(argv: Sequence[str] | None = None) -> int:
    return run(PROGRAM, lambda: assess(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
