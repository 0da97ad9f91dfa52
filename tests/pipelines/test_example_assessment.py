"""Whether the backtests are right and free of look-ahead, and how the strategies are ranked."""

import pytest
from plain_finance import closes, earned, growth, moving_average, sharpe, simple_returns, wilder_rsi

STRATEGIES = ["buy_and_hold", "sma_crossover", "momentum", "rsi_reversion"]


def plain_signals(strategy: str, prices: list[float]) -> list[bool]:
    if strategy == "buy_and_hold":
        return [True] * len(prices)
    if strategy == "sma_crossover":
        averages = zip(moving_average(prices, 50), moving_average(prices, 200), strict=True)
        return [slow is not None and fast > slow for fast, slow in averages]
    if strategy == "momentum":
        return [row >= 126 and prices[row] > prices[row - 126] for row in range(len(prices))]
    signals, invested = [], False
    for rsi in wilder_rsi(prices):
        invested = rsi is not None and (rsi < 30 or (invested and rsi <= 70))
        signals.append(invested)
    return signals


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("scenario", "start", "end"), [("full_history", "0", "9"), ("recovery", "2009-03-09", "2013-03-28")]
)
def test_a_backtest_agrees_with_a_plain_simulation(full_store, query, strategy, scenario, start, end):
    prices = [price for _, price in closes(start, end)]
    returns = earned(prices, plain_signals(strategy, prices))
    statement = "SELECT total_return, sharpe FROM assessment WHERE scenario = ? AND strategy = ?"
    assert query(statement, scenario, strategy) == [pytest.approx((growth(returns), sharpe(returns)), abs=1e-8)]


def test_buy_and_hold_earns_what_the_scenario_does(full_store, query):
    columns = "scenario, total_return, annualised_return, annualised_volatility, sharpe, max_drawdown"
    held = query(f"SELECT {columns} FROM assessment WHERE strategy = 'buy_and_hold'")
    measured = query(f"SELECT {columns} FROM metric")
    assert [row[0] for row in held] == [row[0] for row in measured]
    assert [figure for row in held for figure in row[1:]] == pytest.approx([f for row in measured for f in row[1:]])


def test_a_strategy_that_stays_out_has_a_sharpe_ratio_of_zero(full_store, query):
    statement = "SELECT total_return, annualised_volatility, sharpe, max_drawdown FROM assessment"
    rows = query(f"{statement} WHERE scenario = 'crash_2020' AND strategy = 'momentum'")
    assert rows == [(0.0, 0.0, 0.0, 0.0)]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("day", [300, 700, 1021])
def test_a_changed_price_changes_no_position_up_to_its_own_day(strategy, day):
    import polars as pl

    from pipelines.assessment_pipeline.strategies import backtest

    prices = [price for _, price in closes("2009-03-09", "2013-03-28")]
    crashed = prices[:day] + [price * 0.3 for price in prices[day:]]
    frames = [pl.DataFrame({"close": series}).with_row_index("date") for series in (prices, crashed)]
    before, after = (backtest(frame, strategy)["position"].to_list() for frame in frames)
    assert before[: day + 1] == after[: day + 1]


def test_a_position_follows_the_signal_of_the_day_before():
    import polars as pl

    from pipelines.assessment_pipeline.strategies import backtest

    prices = [price for _, price in closes("2009-03-09", "2013-03-28")]
    for strategy in STRATEGIES:
        frame = pl.DataFrame({"close": prices}).with_row_index("date")
        expected = [0.0, *map(float, plain_signals(strategy, prices)[:-1])]
        result = backtest(frame, strategy)
        assert result["position"].to_list() == expected
        assert result["return"].to_list()[1:] == pytest.approx(
            [held * change for held, change in zip(expected[1:], simple_returns(prices), strict=True)]
        )


def test_ranks_follow_the_sharpe_ratio_and_equals_share_one(full_store, query):
    ranking = query("SELECT strategy, rank FROM ranking WHERE scenario = 'financial_crisis' ORDER BY rank, strategy")
    assert ranking == [("momentum", 1), ("sma_crossover", 1), ("rsi_reversion", 3), ("buy_and_hold", 4)]
    for (scenario,) in query("SELECT name FROM scenario"):
        rows = query("SELECT sharpe FROM ranking WHERE scenario = ? ORDER BY rank", scenario)
        assert len(rows) == 4
        assert rows == sorted(rows, reverse=True)


def test_one_strategy_alone_replaces_its_results_and_keeps_the_others(full_store, run, query, dump):
    before = dump()
    report = full_store.with_name("assessment.md").read_text()
    query("UPDATE assessment SET sharpe = 9 WHERE strategy = 'momentum'")
    assert run("assessment_pipeline", "--strategies", "momentum") == 0
    assert dump() == before
    assert full_store.with_name("assessment.md").read_text() == report


def test_the_report_lists_every_scenario_and_its_ranked_strategies(full_store, query):
    report = full_store.with_name("assessment.md").read_text()
    assert report.startswith("# Strategy assessment as of 2020-04-17\n")
    assert "| 1 | momentum | 0.48 | 147.4% | 4.6% | 10.5% | -26.3% |\n" in report
    for (scenario,) in query("SELECT name FROM scenario"):
        assert f"\n## {scenario}\n" in report
    assert "-0.0%" not in report


def test_an_unknown_strategy_gets_a_hint(run, capsys):
    assert run("assessment_pipeline", "--strategies", "momentun") == 2
    expected = "assessment_pipeline: error: unknown strategy 'momentun'; did you mean 'momentum'?\n"
    assert capsys.readouterr().err == expected


def test_a_name_like_no_strategy_gets_the_list_of_them(run, capsys):
    assert run("assessment_pipeline", "--strategies", "xyz") == 2
    choice = "all, buy_and_hold, sma_crossover, momentum, rsi_reversion"
    expected = f"assessment_pipeline: error: unknown strategy 'xyz'; choose from {choice}\n"
    assert capsys.readouterr().err == expected


def test_without_scenarios_the_program_to_run_first_is_named(run, capsys, store):
    assert run("assessment_pipeline") == 1
    expected = f"assessment_pipeline: error: no scenarios in {store}; run scenarios_pipeline first\n"
    assert capsys.readouterr().err == expected


def test_without_metrics_the_program_to_run_first_is_named(run, capsys, store):
    run("data_pipeline")
    run("scenarios_pipeline", "--type", "stress")
    assert run("assessment_pipeline") == 1
    missing = f"no metrics for stress_double_volatility in {store}; run metrics_pipeline first"
    assert capsys.readouterr().err == f"assessment_pipeline: error: {missing}\n"
