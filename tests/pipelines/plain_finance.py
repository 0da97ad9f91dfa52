"""The formulas once more in plain Python, against which the programs' numbers are checked."""

import csv
import math
import statistics
from datetime import date
from itertools import accumulate, pairwise
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "src" / "pipelines" / "data"


def read_csv(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def closes(start: str = "0000", end: str = "9999") -> list[tuple[str, float]]:
    rows = read_csv("sp500_daily.csv")
    return [(row["date"], float(row["close"])) for row in rows if start <= row["date"] <= end]


def quarter_end(year: int, quarter: int) -> str:
    following = date(year + quarter // 4, quarter * 3 % 12 + 1, 1)
    return date.fromordinal(following.toordinal() - 1).isoformat()


def simple_returns(prices: list[float]) -> list[float]:
    return [after / before - 1 for before, after in pairwise(prices)]


def log_returns(prices: list[float]) -> list[float]:
    return [math.log(after / before) for before, after in pairwise(prices)]


def annualised_volatility(returns: list[float]) -> float:
    return statistics.stdev(returns) * math.sqrt(252)


def sharpe(returns: list[float]) -> float:
    return statistics.fmean(returns) / statistics.stdev(returns) * math.sqrt(252)


def drawdowns(prices: list[float]) -> list[float]:
    return [price / peak - 1 for price, peak in zip(prices, accumulate(prices, max), strict=True)]


def moving_average(prices: list[float], window: int) -> list[float | None]:
    rows = range(len(prices))
    return [statistics.fmean(prices[row - window + 1 : row + 1]) if row >= window - 1 else None for row in rows]


def wilder_rsi(prices: list[float], window: int = 14) -> list[float | None]:
    changes = [after - before for before, after in pairwise(prices)]
    gain = sum(max(change, 0) for change in changes[:window]) / window
    loss = sum(max(-change, 0) for change in changes[:window]) / window
    values: list[float | None] = [None] * window + [100 - 100 / (1 + gain / loss)]
    for change in changes[window:]:
        gain = (gain * (window - 1) + max(change, 0)) / window
        loss = (loss * (window - 1) + max(-change, 0)) / window
        values.append(100 - 100 / (1 + gain / loss))
    return values


def earned(prices: list[float], signals: list[bool]) -> list[float]:
    """The daily returns of a strategy that holds what it was signalled the day before."""
    return [change if held else 0.0 for held, change in zip(signals, simple_returns(prices), strict=False)]


def growth(returns: list[float]) -> float:
    return math.prod(1 + change for change in returns) - 1
