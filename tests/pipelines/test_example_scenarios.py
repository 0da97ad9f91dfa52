"""What the scenarios are made of."""

import math
import random
import statistics

import pytest
from plain_finance import closes, log_returns

HISTORICAL = ["crash_2020", "dot_com_bust", "financial_crisis", "full_history", "recovery"]
STRESS = ["stress_double_volatility", "stress_one_day_crash", "stress_slow_bear"]
BOOTSTRAP = ["bootstrap_1", "bootstrap_2", "bootstrap_3", "bootstrap_4", "bootstrap_5"]
PRICES = "SELECT date, close FROM scenario_price WHERE scenario = ?"


def test_all_types_build_thirteen_scenarios(full_store, query):
    rows = [(name, "historical") for name in HISTORICAL]
    rows += [(name, "stress") for name in STRESS] + [(name, "bootstrap") for name in BOOTSTRAP]
    assert query("SELECT name, type FROM scenario ORDER BY name") == sorted(rows)


@pytest.mark.parametrize(
    ("name", "start", "end", "days"),
    [
        ("full_history", "2000-01-03", "2020-04-17", 5105),
        ("dot_com_bust", "2000-03-24", "2002-10-09", 638),
        ("financial_crisis", "2007-10-09", "2009-03-09", 356),
        ("recovery", "2009-03-09", "2013-03-28", 1022),
        ("crash_2020", "2020-02-19", "2020-04-17", 42),
    ],
)
def test_an_episode_holds_the_closes_of_its_period(full_store, query, name, start, end, days):
    prices = query(PRICES, name)
    assert prices == closes(start, end)
    assert (prices[0][0], prices[-1][0], len(prices)) == (start, end, days)


def test_a_one_day_crash_changes_one_return_to_a_fall_of_a_fifth(full_store, query):
    recent = [price for _, price in closes()][-504:]
    prices = [price for _, price in query(PRICES, "stress_one_day_crash")]
    expected = log_returns(recent)
    expected[251] = math.log(0.8)
    assert prices[0] == recent[0]
    assert log_returns(prices) == pytest.approx(expected, abs=1e-10)


def test_a_slow_bear_ends_forty_per_cent_below_the_history(full_store, query):
    recent = [price for _, price in closes()][-504:]
    prices = [price for _, price in query(PRICES, "stress_slow_bear")]
    assert prices[-1] == pytest.approx(recent[-1] * 0.6)
    lost = [before - after for before, after in zip(log_returns(recent), log_returns(prices), strict=True)]
    assert lost == pytest.approx([-math.log(0.6) / 503] * 503)


def test_doubled_volatility_doubles_the_deviation_and_keeps_the_mean(full_store, query):
    recent = log_returns([price for _, price in closes()][-504:])
    doubled = log_returns([price for _, price in query(PRICES, "stress_double_volatility")])
    assert statistics.stdev(doubled) == pytest.approx(2 * statistics.stdev(recent))
    assert statistics.fmean(doubled) == pytest.approx(statistics.fmean(recent))


@pytest.mark.parametrize("path", [1, 5])
def test_a_bootstrap_path_consists_of_the_blocks_its_seed_draws(full_store, query, path):
    history = [price for _, price in closes()]
    returns = log_returns(history)
    generator = random.Random(2020 + path)
    blocks = [generator.randrange(len(returns) - 20) for _ in range(24)]
    expected = [returns[start + step] for start in blocks for step in range(21)]
    prices = query(PRICES, f"bootstrap_{path}")
    assert prices[0] == ("2020-04-17", history[-1])
    assert prices[1][0] == "2020-04-20"
    assert log_returns([price for _, price in prices]) == pytest.approx(expected, abs=1e-10)


def test_running_one_type_again_replaces_its_rows_and_leaves_the_rest(full_store, run, query, dump):
    before = dump()
    query("UPDATE scenario_price SET close = 1 WHERE scenario = 'bootstrap_2'")
    query("INSERT INTO scenario VALUES ('bootstrap_9', 'bootstrap', 'of an earlier version')")
    assert run("scenarios_pipeline", "--type", "stress") == 0
    assert dump() != before
    assert run("scenarios_pipeline", "--type", "bootstrap") == 0
    assert dump() == before


def test_an_episode_of_which_the_store_has_less_than_a_month_is_left_out(run, query):
    run("data_pipeline", "--mode", "backfill", "--start-date", "2013-03-01", "--end-date", "2013-12-31")
    assert run("scenarios_pipeline", "--type", "historical") == 0
    assert query("SELECT name FROM scenario") == [("full_history",)]


def test_an_unknown_type_gets_a_hint(run, capsys):
    assert run("scenarios_pipeline", "--type", "stres") == 2
    assert capsys.readouterr().err == "scenarios_pipeline: error: unknown type 'stres'; did you mean 'stress'?\n"


def test_without_market_data_the_program_to_run_first_is_named(run, capsys, store):
    assert run("scenarios_pipeline") == 1
    expected = f"scenarios_pipeline: error: no market data in {store}; run data_pipeline first\n"
    assert capsys.readouterr().err == expected


def test_too_short_a_history_is_refused(run, capsys, store):
    run("data_pipeline", "--mode", "backfill", "--days", "7")
    assert run("scenarios_pipeline") == 1
    assert capsys.readouterr().err == (
        f"scenarios_pipeline: error: 5 days of market data in {store} are too few for scenarios; "
        "run data_pipeline over at least 22 trading days\n"
    )
