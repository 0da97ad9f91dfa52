"""Owns the correlation of quarterly market returns with the changes of the macro series."""

import polars as pl

from pipelines.data_pipeline.sources import RATES

MINIMUM_QUARTERS = 8
LONGEST_WEEKEND = "3d"  # a quarter may end on a Sunday after a Friday holiday


def correlations(prices: pl.DataFrame, macro: pl.DataFrame) -> pl.DataFrame:
    """Return Pearson's correlation per macro series, over at least eight common quarters."""
    series = [column for column in macro.columns if column != "date"]
    changes = macro.select("date", *(_change(column) for column in series))
    common = _quarterly_returns(prices).join(changes, on="date").drop_nulls()
    if common.height < MINIMUM_QUARTERS:
        common = common.clear()
    coefficients = common.select(pl.corr("return", column).alias(column) for column in series)
    table = coefficients.unpivot(variable_name="series", value_name="correlation")
    return table.filter(pl.col("correlation").is_finite()).with_columns(quarters=pl.lit(common.height))


def _quarterly_returns(prices: pl.DataFrame) -> pl.DataFrame:
    """Return the return of each quarter between the closes at two quarter ends."""
    quarter_end = pl.col("date").dt.truncate("1q").dt.offset_by("1q").dt.offset_by("-1d")
    last_day = prices["date"].dt.offset_by(LONGEST_WEEKEND)[-1]
    closes = prices.group_by(quarter_end.alias("date"), maintain_order=True).agg(pl.col("close").last())
    complete = closes.filter(pl.col("date") <= last_day)
    return complete.select("date", _change("close").alias("return"))


def _change(column: str) -> pl.Expr:
    """Return the change since the quarter before, a difference for rates, else a ratio; null without that quarter."""
    value = pl.col(column)
    quarter = pl.col("date").dt.year() * 4 + pl.col("date").dt.quarter()
    change = value.diff() if column in RATES else value / value.shift(1) - 1
    return pl.when(quarter.diff() == 1).then(change).alias(column)
