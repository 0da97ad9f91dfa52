"""Owns the trading strategies: what each signals, and the position that follows from it."""

from collections.abc import Callable

import polars as pl

from pipelines.indicators import moving_average, simple_return, wilder_rsi


def buy_and_hold(close: pl.Expr) -> pl.Expr:
    """Be invested always."""
    return close.is_not_null()


def sma_crossover(close: pl.Expr) -> pl.Expr:
    """Be invested while the 50-day average is above the 200-day average."""
    return moving_average(close, 50) > moving_average(close, 200)


def momentum(close: pl.Expr) -> pl.Expr:
    """Be invested while the price is above that of 126 trading days before."""
    return close > close.shift(126)


def rsi_reversion(close: pl.Expr) -> pl.Expr:
    """Enter when the RSI falls below 30 (oversold), leave when it rises above 70 (overbought)."""
    rsi = wilder_rsi(close)
    return pl.when(rsi < 30).then(True).when(rsi > 70).then(False).forward_fill()


STRATEGIES: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    strategy.__name__: strategy for strategy in (buy_and_hold, sma_crossover, momentum, rsi_reversion)
}


def backtest(prices: pl.DataFrame, strategy: str) -> pl.DataFrame:
    """Return per day the position, which follows yesterday's signal, and the return it earned without costs."""
    close = pl.col("close")
    signal = STRATEGIES[strategy](close).fill_null(False)
    frame = prices.with_columns(position=signal.cast(pl.Float64).shift(1).fill_null(0.0))
    return frame.select("date", "position", (pl.col("position") * simple_return(close)).alias("return"))
