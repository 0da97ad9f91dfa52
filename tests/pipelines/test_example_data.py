"""What the data pipeline takes in, what it refuses, and where it stores it."""

import json
import stat
from pathlib import Path

import pytest
from plain_finance import quarter_end, read_csv

PRICES = "open", "high", "low", "close", "adjclose"
LEVELS = "realgdp", "realcons", "realinv", "realgovt", "realdpi", "cpi", "m1", "pop"
SERIES = *LEVELS, "tbilrate", "unemp", "infl", "realint"


def test_the_first_daily_run_stores_every_row_of_both_files(run, query):
    assert run("data_pipeline", "--mode", "daily") == 0
    market = [
        (row["date"], *(float(row[price]) for price in PRICES), int(row["volume"]))
        for row in read_csv("sp500_daily.csv")
    ]
    macro = [
        (quarter_end(int(row["year"]), int(row["quarter"])), *(float(row[series]) for series in SERIES))
        for row in read_csv("us_macro_quarterly.csv")
    ]
    assert query("SELECT * FROM market") == market
    assert query(f"SELECT date, {', '.join(SERIES)} FROM macro") == macro
    assert (len(market), len(macro)) == (5105, 203)


def test_daily_takes_again_the_last_five_calendar_days_only(run, query, store, monkeypatch):
    output = store.with_name("output.jsonl")
    monkeypatch.setenv("TETRA_OUTPUT", str(output))
    run("data_pipeline")
    run("data_pipeline")
    assert [json.loads(line) for line in output.read_text().splitlines()] == [
        {"records_processed": 5308, "market_rows": 5105, "macro_rows": 203, "as_of": "2020-04-17"},
        {"records_processed": 6, "market_rows": 5, "macro_rows": 1, "as_of": "2020-04-17"},
    ]
    assert query("SELECT COUNT(*) FROM market") == [(5105,)]


def test_days_widen_the_overlap_of_a_daily_run(run, capsys):
    run("data_pipeline")
    capsys.readouterr()
    run("data_pipeline", "--days", "30")
    assert capsys.readouterr().out == "daily ingest as of 2020-04-17: 22 market rows, 1 macro rows\n"


def test_daily_takes_nothing_after_as_of(run, query):
    assert run("data_pipeline", "--as-of", "2008-06-29") == 0
    assert query("SELECT MAX(date) FROM market") == [("2008-06-27",)]
    assert query("SELECT MAX(date) FROM macro") == [("2008-03-31",)]


def test_daily_goes_on_from_the_last_stored_date(run, query):
    run("data_pipeline", "--mode", "backfill", "--start-date", "2020-03-02", "--end-date", "2020-03-13")
    assert run("data_pipeline", "--mode", "daily") == 0
    days = [row["date"] for row in read_csv("sp500_daily.csv") if row["date"] >= "2020-03-02"]
    assert [day for (day,) in query("SELECT date FROM market")] == days


def test_a_backfill_of_a_range_leaves_exactly_that_range_in_a_fresh_store(run, query):
    assert run("data_pipeline", "--mode", "backfill", "--start-date", "2008-03-31", "--end-date", "2008-12-31") == 0
    days = [row["date"] for row in read_csv("sp500_daily.csv") if "2008-03-31" <= row["date"] <= "2008-12-31"]
    assert [day for (day,) in query("SELECT date FROM market")] == days
    quarters = ["2008-03-31", "2008-06-30", "2008-09-30", "2008-12-31"]
    assert [day for (day,) in query("SELECT date FROM macro")] == quarters


def test_a_backfill_of_days_counts_calendar_days_back_from_as_of(run, query):
    assert run("data_pipeline", "--mode", "backfill", "--days", "7", "--as-of", "2020-03-20") == 0
    days = ["2020-03-13", "2020-03-16", "2020-03-17", "2020-03-18", "2020-03-19", "2020-03-20"]
    assert [day for (day,) in query("SELECT date FROM market")] == days


def test_days_beyond_the_calendar_reach_back_to_the_first_row(run, query):
    assert run("data_pipeline", "--mode", "backfill", "--days", "99999999999") == 0
    assert query("SELECT MIN(date), COUNT(*) FROM market") == [("2000-01-03", 5105)]


def test_a_corrected_value_replaces_the_stored_one(run, query, data_folder):
    run("data_pipeline")
    replace_line(data_folder / "sp500_daily.csv", 5106, "2020-04-17,2842,2879,2830,2870.5,2870.5,1")
    assert run("data_pipeline") == 0
    assert query("SELECT close, volume FROM market WHERE date = '2020-04-17'") == [(2870.5, 1)]
    assert query("SELECT COUNT(*) FROM market") == [(5105,)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "weekly"], "unknown mode 'weekly'; choose from daily, backfill"),
        (["--days", "0"], "argument --days: '0' is not a number of days; give a whole number of at least 1"),
        (["--days", "-3"], "argument --days: '-3' is not a number of days; give a whole number of at least 1"),
        (["--days", "x"], "argument --days: 'x' is not a number of days; give a whole number of at least 1"),
        (["--as-of", "2020-13-01"], "argument --as-of: '2020-13-01' is not a date; write it as YYYY-MM-DD"),
        (["--end-date", "2020-01-01"], "--start-date and --end-date need --mode backfill; add it or drop them"),
        (["--mode", "backfill"], "--mode backfill needs a period; give --days or --start-date"),
        (
            ["--mode", "backfill", "--days", "3", "--start-date", "2020-01-01"],
            "--days and a date range exclude each other; give one of them",
        ),
        (
            ["--mode", "backfill", "--start-date", "2020-02-01", "--end-date", "2020-01-01"],
            "start date 2020-02-01 is after end date 2020-01-01; give the earlier date first",
        ),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(run, capsys, arguments, message):
    assert run("data_pipeline", *arguments) == 2
    assert capsys.readouterr().err == f"data_pipeline: error: {message}\n"


@pytest.mark.parametrize(
    ("arguments", "period"),
    [
        ("--mode backfill --start-date 2021-01-01 --end-date 2021-02-01", "from 2021-01-01 to 2021-02-01"),
        ("--mode backfill --start-date 2020-04-11 --end-date 2020-04-12", "from 2020-04-11 to 2020-04-12"),
        ("--as-of 1999-12-31", "up to 1999-12-31"),
    ],
)
def test_a_period_without_data_is_a_fault_that_names_the_period_there_is(run, capsys, query, arguments, period):
    assert run("data_pipeline", *arguments.split()) == 1
    remedy = "choose a period with trading days in 2000-01-03 to 2020-04-17"
    assert capsys.readouterr().err == f"data_pipeline: error: no market data {period}; {remedy}\n"
    assert query("SELECT COUNT(*) FROM market") == [(0,)]


@pytest.mark.parametrize(
    ("name", "line", "text", "message"),
    [
        ("sp500_daily.csv", 7, "2000-01-10,9,10,8,,9,5", "close is missing, not a number"),
        ("sp500_daily.csv", 7, "2000-01-10,9,10,8,abc,9,5", "close is abc, not a number"),
        ("sp500_daily.csv", 7, "2000-01-10,9,10,8,inf,9,5", "close is inf, not a number"),
        ("sp500_daily.csv", 7, "2000-01-10,9,10,8,9,9,5.5", "volume is 5.5, not a whole number"),
        ("sp500_daily.csv", 7, "10/01/2000,9,10,8,9,9,5", "date is 10/01/2000, not a date (YYYY-MM-DD)"),
        ("sp500_daily.csv", 7, "2000-01-10,9,8,10,9,9,5", "high is below low"),
        ("sp500_daily.csv", 7, "2000-01-10,9,10,8,-9,9,5", "a price is not positive"),
        ("sp500_daily.csv", 7, "2000-01-10,9,10,8,9,9,-5", "volume is negative"),
        ("sp500_daily.csv", 7, "1999-01-10,9,10,8,9,9,5", "date runs backwards"),
        ("sp500_daily.csv", 6, "2000-01-10,9,10,8,9,9,5", "date appears more than once"),
        ("sp500_daily.csv", 7, "", "date is missing, not a date (YYYY-MM-DD)"),
        ("us_macro_quarterly.csv", 3, "1959,5,1,1,1,1,1,1,1,1,1,1,1,1", "quarter is not between 1 and 4"),
        ("us_macro_quarterly.csv", 3, "959,2,1,1,1,1,1,1,1,1,1,1,1,1", "year is not between 1900 and 2100"),
        ("us_macro_quarterly.csv", 3, "1959,2,0,1,1,1,1,1,1,1,1,1,1,1", "a level is not positive"),
        ("us_macro_quarterly.csv", 204, "1959,2,1,1,1,1,1,1,1,1,1,1,1,1", None),
    ],
)
def test_a_corrupt_line_is_named_and_nothing_is_stored(run, capsys, data_folder, store, name, line, text, message):
    replace_line(data_folder / name, line, text)
    assert run("data_pipeline") == 1
    found = f"{name} line {line}: {message}" if message else f"{name} line 3: quarter appears more than once"
    assert capsys.readouterr().err == f"data_pipeline: error: {found}; correct the line\n"
    assert not store.exists()


def test_a_missing_column_is_named(run, capsys, data_folder):
    replace_line(data_folder / "sp500_daily.csv", 1, "date,open,high,low,last,adjclose,volume")
    assert run("data_pipeline") == 1
    expected = "data_pipeline: error: sp500_daily.csv line 1: no column close; restore the file\n"
    assert capsys.readouterr().err == expected


def test_a_file_without_rows_is_named(run, capsys, data_folder):
    (data_folder / "sp500_daily.csv").write_text("date,open,high,low,close,adjclose,volume\n")
    assert run("data_pipeline") == 1
    assert capsys.readouterr().err == "data_pipeline: error: sp500_daily.csv line 2: no rows; restore the file\n"


@pytest.mark.parametrize("content", [None, "", "a,b\n1,2,3\n"])
def test_an_unreadable_file_is_one_line_and_not_a_traceback(run, capsys, data_folder, content):
    file = data_folder / "us_macro_quarterly.csv"
    file.unlink() if content is None else file.write_text(content)
    assert run("data_pipeline") == 1
    error = capsys.readouterr().err
    assert error.startswith("data_pipeline: error: us_macro_quarterly.csv cannot be read: ")
    assert error.endswith("; restore the file\n")
    assert error.count("\n") == 1


def test_a_store_that_is_no_database_is_named(run, capsys, store):
    store.write_text("not a database, but long enough to be taken for one by its header" * 20)
    assert run("data_pipeline") == 1
    assert capsys.readouterr().err == f"data_pipeline: error: cannot use the store {store}: file is not a database\n"


def test_a_store_below_a_file_is_named(run, capsys, store, monkeypatch):
    store.write_text("")
    monkeypatch.setenv("EXAMPLE_STORE", str(store / "warehouse.db"))
    assert run("data_pipeline") == 1
    assert capsys.readouterr().err == f"data_pipeline: error: cannot use {store}: File exists\n"


def test_the_store_lies_below_tetra_home_and_is_private(run, tmp_path, monkeypatch):
    monkeypatch.delenv("EXAMPLE_STORE")
    monkeypatch.setenv("TETRA_HOME", str(tmp_path / "home"))
    assert run("data_pipeline", "--mode", "backfill", "--days", "3") == 0
    store = tmp_path / "home" / "state" / "example" / "warehouse.db"
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in list(store.parents)[:3]] == [0o700] * 3


def test_the_store_lies_below_the_repository_when_nothing_names_it(monkeypatch):
    from pipelines.store import location

    monkeypatch.delenv("EXAMPLE_STORE")
    assert location() == Path(__file__).resolve().parents[2] / "state" / "example" / "warehouse.db"


def replace_line(path: Path, number: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n")
