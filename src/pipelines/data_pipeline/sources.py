"""Owns the input files: where they are, and what makes their rows valid."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines.commandline import Fault

FOLDER = Path(__file__).resolve().parents[1] / "data"
MARKET_FILE = "sp500_daily.csv"
MACRO_FILE = "us_macro_quarterly.csv"

PRICES = ("open", "high", "low", "close", "adjclose")
LEVELS = ("realgdp", "realcons", "realinv", "realgovt", "realdpi", "cpi", "m1", "pop")
RATES = ("tbilrate", "unemp", "infl", "realint")  # in percent

Rules = dict[str, pl.Expr]


def read_market() -> pl.DataFrame:
    """Return the daily market rows, oldest first, or raise a fault naming the first bad line."""
    types = {"date": pl.Date(), **dict.fromkeys(PRICES, pl.Float64()), "volume": pl.Int64()}
    rules = {
        "high is below low": pl.col("high") < pl.col("low"),
        "a price is not positive": pl.min_horizontal(PRICES) <= 0,
        "volume is negative": pl.col("volume") < 0,
        **_order_rules("date", pl.col("date")),
    }
    return _read(MARKET_FILE, types, rules)


def read_macro() -> pl.DataFrame:
    """Return the quarterly macro rows, oldest first and dated by quarter end, or raise a fault."""
    types = {"year": pl.Int64(), "quarter": pl.Int64(), **dict.fromkeys(LEVELS + RATES, pl.Float64())}
    rules = {
        "year is not between 1900 and 2100": ~pl.col("year").is_between(1900, 2100),
        "quarter is not between 1 and 4": ~pl.col("quarter").is_between(1, 4),
        "a level is not positive": pl.min_horizontal(LEVELS) <= 0,
        **_order_rules("quarter", pl.col("year") * 4 + pl.col("quarter")),
    }
    quarter_end = pl.date("year", pl.col("quarter") * 3, 1).dt.month_end()
    return _read(MACRO_FILE, types, rules).select(quarter_end.alias("date"), *LEVELS, *RATES)


def _order_rules(name: str, key: pl.Expr) -> Rules:
    return {f"{name} appears more than once": key.is_duplicated(), f"{name} runs backwards": key < key.shift(1)}


def _read(name: str, types: Mapping[str, pl.DataType], rules: Rules) -> pl.DataFrame:
    texts = _read_texts(name)
    if missing := [column for column in types if column not in texts.columns]:
        raise Fault(f"{name} line 1: no column {missing[0]}; restore the file")
    frame = texts.with_columns(_parsed(column, kind) for column, kind in types.items())
    for column, kind in types.items():
        if not (bad := frame["line"].filter(frame[column].is_null())).is_empty():
            found = texts.row(by_predicate=pl.col("line") == bad[0], named=True)[column] or "missing"
            raise Fault(f"{name} line {bad[0]}: {column} is {found}, not a {_noun(kind)}; correct the line")
    for rule, broken in rules.items():
        if not (bad := frame.filter(broken)["line"]).is_empty():
            raise Fault(f"{name} line {bad[0]}: {rule}; correct the line")
    return frame.select(*types)


def _read_texts(name: str) -> pl.DataFrame:
    """Return the file's fields as texts, with the number of each line."""
    try:
        frame = pl.read_csv(FOLDER / name, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Fault(f"{name} cannot be read: {str(error).splitlines()[0]}; restore the file") from error
    if frame.is_empty():
        raise Fault(f"{name} line 2: no rows; restore the file")
    return frame.with_row_index("line", offset=2)


def _parsed(column: str, kind: pl.DataType) -> pl.Expr:
    """Return the column in its type, null where the text cannot be read as such."""
    text = pl.col(column)
    if kind == pl.Date:
        return text.str.to_date("%Y-%m-%d", strict=False)
    value = text.cast(kind, strict=False)
    return pl.when(value.is_finite()).then(value).alias(column)


def _noun(kind: pl.DataType) -> str:
    return {pl.Date(): "date (YYYY-MM-DD)", pl.Int64(): "whole number"}.get(kind, "number")
