"""Owns the formulas of return, risk and trend that the metrics and the backtests share."""

import math

import polars as pl

TRADING_DAYS = 252


def simple_return(price: pl.Expr) -> pl.Expr:
    """Return p(t) / p(t-1) - 1."""
    return price / price.shift(1) - 1


def rolling_volatility(returns: pl.Expr, window: int) -> pl.Expr:
    """Return the sample standard deviation of the window's daily returns, times the root of 252."""
    return returns.rolling_std(window) * math.sqrt(TRADING_DAYS)


def moving_average(price: pl.Expr, window: int) -> pl.Expr:
    """Return the simple moving average: the mean of the window's prices, today's among them."""
    return price.rolling_mean(window)


def drawdown(wealth: pl.Expr) -> pl.Expr:
    """Return the loss from the highest value so far, as a fraction of it (0 at a peak, negative below)."""
    return wealth / wealth.cum_max() - 1


def wilder_average(values: pl.Expr, window: int) -> pl.Expr:
    """Return Wilder's smoothing: first the mean of `window` values, then (previous * (window - 1) + value) / window.

    The value of row 0 is left out, since a change needs a row before it.
    """
    row = pl.int_range(pl.len())
    seed = values.slice(1, window).mean()
    seeded = pl.when(row == window).then(seed).when(row > window).then(values)
    return seeded.ewm_mean(alpha=1 / window, adjust=False, ignore_nulls=True)


def wilder_rsi(price: pl.Expr, window: int = 14) -> pl.Expr:
    """Return Wilder's relative strength index, 100 - 100 / (1 + average gain / average loss); 50 without any change."""
    change = price.diff()
    gain = wilder_average(change.clip(lower_bound=0), window)
    loss = wilder_average((-change).clip(lower_bound=0), window)
    return (100 * gain / (gain + loss)).fill_nan(50.0)


def performance(returns: pl.Expr) -> list[pl.Expr]:
    """Return the figures of a series of daily returns whose first value is null.

    The annualised return is geometric over 252 days a year. The Sharpe ratio is the mean over the standard deviation
    of the daily returns, times the root of 252, at a risk-free rate of zero; it is 0 when the returns do not vary.
    """
    wealth = (1 + returns.fill_null(0.0)).cum_prod()
    total, deviation = wealth.last(), returns.std()
    year = math.sqrt(TRADING_DAYS)
    return [
        (total - 1).alias("total_return"),
        (total ** (TRADING_DAYS / returns.count()) - 1).alias("annualised_return"),
        (deviation * year).alias("annualised_volatility"),
        pl.when(deviation > 0).then(returns.mean() / deviation * year).otherwise(0.0).alias("sharpe"),
        drawdown(wealth).min().alias("max_drawdown"),
    ]
