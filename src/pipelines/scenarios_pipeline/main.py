"""Builds price scenarios from the stored market history: historical episodes, stress and bootstrap."""

import argparse
import math
import random
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines import outputs, store
from pipelines.commandline import Fault, Parser, run, select

PROGRAM = "scenarios_pipeline"
MINIMUM_DAYS = 22  # the shortest history and the shortest episode of use: a month of trading days
HORIZON = 504  # trading days of a stress or bootstrap scenario: two years
BLOCK = 21  # trading days of a bootstrap block: about a month
PATHS = 5
SEED = 2020


@dataclass(frozen=True)
class Scenario:
    """A named price series with the columns date and close."""

    name: str
    description: str
    prices: pl.DataFrame


EPISODES = {
    "full_history": (date.min, date.max, "The whole stored history"),
    "dot_com_bust": (date(2000, 3, 24), date(2002, 10, 9), "From the peak of the dot-com boom to its trough"),
    "financial_crisis": (date(2007, 10, 9), date(2009, 3, 9), "From the peak of 2007 to the trough of the crisis"),
    "recovery": (date(2009, 3, 9), date(2013, 3, 28), "From the trough of 2009 back to the peak of 2007"),
    "crash_2020": (date(2020, 2, 19), date(2020, 12, 31), "From the peak of February 2020, to its December at most"),
}

# Each shock maps the daily log returns of the recent history to shocked ones.
SHOCKS: dict[str, tuple[str, Callable[[pl.Expr], pl.Expr]]] = {
    "stress_one_day_crash": (
        "Recent history with a fall of 20% on its middle day",
        lambda r: pl.when(pl.int_range(pl.len()) == pl.len() // 2).then(math.log(0.8)).otherwise(r),
    ),
    "stress_slow_bear": (
        "Recent history with a further loss of 40% spread evenly over its days",
        lambda r: r + math.log(0.6) / r.count(),
    ),
    "stress_double_volatility": (
        "Recent history with the deviations from the mean daily log return doubled",
        lambda r: r.mean() + 2 * (r - r.mean()),
    ),
}


def historical(market: pl.DataFrame) -> list[Scenario]:
    """Return the episodes of which the store holds at least a month."""
    scenarios = [
        Scenario(name, description, market.filter(pl.col("date").is_between(start, end)))
        for name, (start, end, description) in EPISODES.items()
    ]
    return [scenario for scenario in scenarios if scenario.prices.height >= MINIMUM_DAYS]


def stress(market: pl.DataFrame) -> list[Scenario]:
    """Return the last two years of the market under each hypothetical shock."""
    recent = market.tail(HORIZON)
    return [
        Scenario(name, description, recent.select("date", _compound(pl.col("close").first(), shock(_log_return()))))
        for name, (description, shock) in SHOCKS.items()
    ]


def bootstrap(market: pl.DataFrame) -> list[Scenario]:
    """Return moving-block bootstrap paths (Künsch 1989) of the daily log returns, on the weekdays to come."""
    returns = market.select(_log_return().alias("r")).drop_nulls()["r"]
    day = pl.lit(market["date"][-1]).dt.add_business_days(pl.int_range(HORIZON + 1), roll="forward")
    dates = pl.select(day.alias("date"))["date"]
    scenarios = []
    for path in range(1, PATHS + 1):
        drawn = returns.gather(_block_rows(returns.len(), random.Random(SEED + path)))
        sample = pl.DataFrame({"date": dates, "r": pl.concat([pl.Series([None], dtype=pl.Float64), drawn])})
        prices = sample.select("date", _compound(pl.lit(market["close"][-1]), pl.col("r")))
        scenarios.append(Scenario(f"bootstrap_{path}", f"Block bootstrap path {path}, seed {SEED + path}", prices))
    return scenarios


def _block_rows(rows: int, generator: random.Random) -> list[int]:
    """Return the row numbers of randomly placed blocks, enough for the horizon."""
    starts = [generator.randrange(rows - BLOCK + 1) for _ in range(HORIZON // BLOCK)]
    return [start + step for start in starts for step in range(BLOCK)]


def _log_return() -> pl.Expr:
    return pl.col("close").log().diff()


def _compound(first_price: pl.Expr, log_returns: pl.Expr) -> pl.Expr:
    """Return the price series that starts at a price and follows the log returns, whose first is null."""
    return (first_price * log_returns.fill_null(0.0).cum_sum().exp()).alias("close")


BUILDERS = {"historical": historical, "stress": stress, "bootstrap": bootstrap}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--type", default="all", help=f"all, {', '.join(BUILDERS)} (default all)")
    return parser.parse_args(argv)


def build(options: argparse.Namespace) -> None:
    """Replace the scenarios of the wanted types."""
    types = select("type", options.type, BUILDERS)
    scenarios = rows = 0
    with store.transaction() as connection:
        market = _read_market(connection)
        for scenario_type in types:
            built = BUILDERS[scenario_type](market)
            _replace(connection, scenario_type, built)
            print(f"{scenario_type}: {', '.join(scenario.name for scenario in built)}")
            scenarios += len(built)
            rows += sum(scenario.prices.height for scenario in built)
    outputs.report(records_processed=rows, scenarios=scenarios, as_of=market["date"][-1].isoformat())


def _read_market(connection: sqlite3.Connection) -> pl.DataFrame:
    market = store.read_required(
        connection, "SELECT date, close FROM market ORDER BY date", "market data", "data_pipeline"
    )
    if market.height < MINIMUM_DAYS:
        raise Fault(
            f"{market.height} days of market data in {store.location()} are too few for scenarios; "
            f"run data_pipeline over at least {MINIMUM_DAYS} trading days"
        )
    return market


def _replace(connection: sqlite3.Connection, scenario_type: str, scenarios: list[Scenario]) -> None:
    stale = "SELECT name FROM scenario WHERE type = ?"
    connection.execute(f"DELETE FROM scenario_price WHERE scenario IN ({stale})", (scenario_type,))
    connection.execute("DELETE FROM scenario WHERE type = ?", (scenario_type,))
    for scenario in scenarios:
        definition = {"name": scenario.name, "type": scenario_type, "description": scenario.description}
        store.write(connection, "scenario", pl.DataFrame([definition]))
        named = scenario.prices.select(pl.lit(scenario.name).alias("scenario"), "date", "close")
        store.write(connection, "scenario_price", named)


def main(argv: Sequence[str] | None = None) -> int:
    return run(PROGRAM, lambda: build(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
