"""Ingests the market and macro files: validates them and upserts a period of them into the store."""

import argparse
import sqlite3
import sys
from collections.abc import Sequence
from datetime import date

import polars as pl

from pipelines import outputs, store
from pipelines.commandline import Fault, Parser, UsageFault, run
from pipelines.data_pipeline import sources

PROGRAM = "data_pipeline"
OVERLAP_DAYS = 5


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(PROGRAM, description=__doc__, allow_abbrev=False)
    parser.add_argument("--mode", default="daily", help="daily: what is new; backfill: a given period")
    days = f"daily: calendar days to take again (default {OVERLAP_DAYS}); backfill: calendar days before as-of"
    parser.add_argument("--days", type=_count, metavar="N", help=days)
    parser.add_argument("--start-date", type=_date, metavar="DATE", help="backfill: first date, YYYY-MM-DD")
    parser.add_argument("--end-date", type=_date, metavar="DATE", help="backfill: last date (default as-of)")
    as_of = "daily: last date to take; backfill: date to count back from (default: last date in the data)"
    parser.add_argument("--as-of", type=_date, metavar="DATE", help=as_of)
    options = parser.parse_args(argv)
    _check(options)
    return options


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date; write it as YYYY-MM-DD") from None


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of days; give a whole number of at least 1")
    return int(text)


def _check(options: argparse.Namespace) -> None:
    """Refuse arguments that contradict each other."""
    if options.mode not in ("daily", "backfill"):
        raise UsageFault(f"unknown mode '{options.mode}'; choose from daily, backfill")
    dated = options.start_date or options.end_date
    if options.mode == "daily" and dated:
        raise UsageFault("--start-date and --end-date need --mode backfill; add it or drop them")
    if options.mode == "backfill" and options.days and dated:
        raise UsageFault("--days and a date range exclude each other; give one of them")
    if options.mode == "backfill" and not options.days and not options.start_date:
        raise UsageFault("--mode backfill needs a period; give --days or --start-date")


def ingest(options: argparse.Namespace) -> None:
    """Validate the files and upsert the wanted period of each."""
    inputs = {"market": sources.read_market(), "macro": sources.read_macro()}
    as_of: date = options.as_of or inputs["market"]["date"][-1]
    counts = {}
    with store.transaction() as connection:
        for table, frame in inputs.items():
            start, end = _period(connection, table, options, as_of)
            rows = frame.filter(pl.col("date").is_between(start, end))
            if table == "market" and rows.is_empty():
                raise _no_data(start, end, frame["date"])
            store.write(connection, table, rows)
            counts[table] = rows.height
    _announce(counts, options.mode, as_of)


def _no_data(start: date, end: date, available: pl.Series) -> Fault:
    period = f"up to {end}" if start == date.min else f"from {start} to {end}"
    return Fault(f"no market data {period}; choose a period with trading days in {available[0]} to {available[-1]}")


def _period(connection: sqlite3.Connection, table: str, options: argparse.Namespace, as_of: date) -> tuple[date, date]:
    """Return the first and last date to take into the table."""
    if options.mode == "backfill":
        return _backfill_period(options, as_of)
    (stored,) = connection.execute(f"SELECT MAX(date) FROM {table}").fetchone()
    if stored is None:
        return date.min, as_of
    return _days_before(min(date.fromisoformat(stored), as_of), options.days or OVERLAP_DAYS), as_of


def _backfill_period(options: argparse.Namespace, as_of: date) -> tuple[date, date]:
    if options.days:
        return _days_before(as_of, options.days), as_of
    end: date = options.end_date or as_of
    if options.start_date > end:
        raise UsageFault(f"start date {options.start_date} is after end date {end}; give the earlier date first")
    return options.start_date, end


def _days_before(day: date, days: int) -> date:
    return date.fromordinal(max(1, day.toordinal() - days))


def _announce(counts: dict[str, int], mode: str, as_of: date) -> None:
    print(f"{mode} ingest as of {as_of}: {counts['market']} market rows, {counts['macro']} macro rows")
    outputs.report(
        records_processed=sum(counts.values()),
        market_rows=counts["market"],
        macro_rows=counts["macro"],
        as_of=as_of.isoformat(),
    )


def main(argv: Sequence[str] | None = None) -> int:
    return run(PROGRAM, lambda: ingest(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
