"""Whether the metrics are right, and when they are computed."""

import statistics

import pytest
from plain_finance import (
    annualised_volatility,
    closes,
    drawdowns,
    moving_average,
    read_csv,
    sharpe,
    simple_returns,
    wilder_rsi,
)

SCENARIOS = ["full_history", "financial_crisis", "crash_2020", "stress_slow_bear", "bootstrap_3"]


def scenario_prices(query, scenario):
    rows = query("SELECT close FROM scenario_price WHERE scenario = ? ORDER BY date", scenario)
    return [price for (price,) in rows]


def series(query, scenario, column):
    rows = query(f"SELECT {column} FROM metric_series WHERE scenario = ? ORDER BY date", scenario)
    return [value for (value,) in rows]


def assert_series(actual, expected):
    assert [value is None for value in actual] == [value is None for value in expected]
    pairs = [(a, e) for a, e in zip(actual, expected, strict=True) if e is not None]
    assert [a for a, _ in pairs] == pytest.approx([e for _, e in pairs], rel=1e-9, abs=2e-8)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_totals_agree_with_their_definitions(full_store, query, scenario):
    prices = scenario_prices(query, scenario)
    returns = simple_returns(prices)
    growth = prices[-1] / prices[0]
    expected = (
        growth - 1,
        growth ** (252 / len(returns)) - 1,
        annualised_volatility(returns),
        sharpe(returns),
        min(drawdowns(prices)),
    )
    (stored,) = query("SELECT * FROM metric WHERE scenario = ?", scenario)
    assert stored[1:] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_daily_series_agree_with_their_definitions(full_store, query, scenario):
    prices = scenario_prices(query, scenario)
    returns = simple_returns(prices)
    rolling = [annualised_volatility(returns[end - 21 : end]) for end in range(21, len(returns) + 1)]
    assert_series(series(query, scenario, "daily_return"), [None, *returns])
    assert_series(series(query, scenario, "volatility_21"), [None] * 21 + rolling)
    assert_series(series(query, scenario, "drawdown"), drawdowns(prices))
    for window in 20, 50, 200:
        assert_series(series(query, scenario, f"sma_{window}"), moving_average(prices, window))
    assert_series(series(query, scenario, "rsi_14"), wilder_rsi(prices))


def test_the_largest_fall_of_the_index_is_that_of_the_financial_crisis(full_store, query):
    assert query("SELECT ROUND(max_drawdown, 4) FROM metric WHERE scenario = 'full_history'") == [(-0.5678,)]


@pytest.mark.parametrize(
    ("scenario", "first", "last", "quarters"),
    [("full_history", (2000, 1), (2009, 3), 38), ("dot_com_bust", (2000, 1), (2002, 3), 10)],
)
@pytest.mark.parametrize(("name", "is_rate"), [("realgdp", False), ("cpi", False), ("unemp", True), ("tbilrate", True)])
def test_the_correlations_agree_with_plain_ones(full_store, query, scenario, first, last, quarters, name, is_rate):
    last_close = {}
    for day, close in closes():
        last_close[int(day[:4]), (int(day[5:7]) + 2) // 3] = close
    rows = {(int(row["year"]), int(row["quarter"])): float(row[name]) for row in read_csv("us_macro_quarterly.csv")}
    span = [quarter for quarter in sorted(rows) if first <= quarter <= last]
    market = simple_returns([last_close[quarter] for quarter in span])
    levels = [rows[quarter] for quarter in span]
    differences = [after - before for before, after in zip(levels, levels[1:], strict=False)]
    expected = statistics.correlation(market, differences if is_rate else simple_returns(levels))
    ((count, stored),) = query(
        "SELECT quarters, correlation FROM metric_correlation WHERE scenario = ? AND series = ?", scenario, name
    )
    assert count == quarters
    assert stored == pytest.approx(expected, abs=1e-8)


def test_only_scenarios_that_share_eight_quarters_with_the_macro_data_have_correlations(full_store, query):
    rows = query("SELECT scenario, COUNT(*) FROM metric_correlation GROUP BY scenario")
    assert rows == [("dot_com_bust", 12), ("full_history", 12)]


def test_a_gap_in_the_stored_quarters_yields_no_change_across_it(run, query):
    run("data_pipeline", "--mode", "backfill", "--start-date", "2000-01-01", "--end-date", "2003-12-31")
    run("data_pipeline", "--mode", "backfill", "--start-date", "2005-01-01", "--end-date", "2009-12-31")
    run("scenarios_pipeline", "--type", "historical")
    assert run("metrics_pipeline", "--scenario", "full_history") == 0
    assert query("SELECT DISTINCT quarters FROM metric_correlation") == [(15 + 18,)]


def test_an_unchanged_scenario_is_skipped_and_reported_so(full_store, run, capsys, dump):
    before = dump()
    assert run("metrics_pipeline", "--scenario", "recovery") == 0
    assert capsys.readouterr().out == "recovery: skipped, inputs unchanged\n"
    assert dump() == before


def test_force_computes_again_and_stores_the_same(full_store, run, capsys, dump, query):
    before = dump()
    query("UPDATE metric SET sharpe = 9 WHERE scenario = 'recovery'")
    assert run("metrics_pipeline", "--scenario", "recovery", "--force") == 0
    assert capsys.readouterr().out == "recovery: 1022 days\n"
    assert dump() == before


def test_a_changed_price_has_its_scenario_alone_computed_again(full_store, run, capsys, query):
    query("UPDATE scenario_price SET close = close + 1 WHERE scenario = 'crash_2020' AND date = '2020-04-17'")
    assert run("metrics_pipeline", "--scenario", "all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.endswith("skipped, inputs unchanged")] == ["crash_2020: 42 days"]
    assert len(lines) == 13


def test_changed_macro_data_has_the_historical_scenarios_computed_again(full_store, run, capsys, query):
    query("UPDATE macro SET unemp = unemp + 1 WHERE date = '2001-03-31'")
    assert run("metrics_pipeline") == 0
    computed = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if line.endswith("days")]
    assert computed == ["crash_2020", "dot_com_bust", "financial_crisis", "full_history", "recovery"]


def test_the_metrics_of_a_scenario_that_is_gone_are_deleted(full_store, run, query):
    query("DELETE FROM scenario WHERE name = 'recovery'")
    assert run("metrics_pipeline", "--scenario", "crash_2020") == 0
    for table in "metric", "metric_series", "metric_correlation", "metric_input":
        assert query(f"SELECT COUNT(*) FROM {table} WHERE scenario = 'recovery'") == [(0,)]


def test_an_unknown_scenario_gets_a_hint(full_store, run, capsys):
    assert run("metrics_pipeline", "--scenario", "crash_2008") == 2
    expected = "metrics_pipeline: error: unknown scenario 'crash_2008'; did you mean 'crash_2020'?\n"
    assert capsys.readouterr().err == expected


def test_without_scenarios_the_program_to_run_first_is_named(run, capsys, store):
    assert run("metrics_pipeline") == 1
    expected = f"metrics_pipeline: error: no scenarios in {store}; run scenarios_pipeline first\n"
    assert capsys.readouterr().err == expected


def test_the_rsi_of_a_price_that_never_moves_is_fifty():
    import polars as pl

    from pipelines.indicators import wilder_rsi as rsi

    values = pl.DataFrame({"close": [5.0] * 16}).select(rsi(pl.col("close"))).to_series().to_list()
    assert values == [None] * 14 + [50.0, 50.0]
