"""Data that is old, gone, odd or did not move, whatever has run."""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import yaml

from faults.clocks import wall_clock
from support.http_server import HttpServer, Reply
from troubles.drill import Drill

HOUR_S = 3600.0
DAY = timedelta(days=1)
MARKET = "data/market.db"


def watching(trouble: Drill, program: str = "true", **source: object) -> None:
    """The pipeline `load`, whose data shows by `source`."""
    text = {"pipelines": {"load": {"shell": program, "data": {"prices": source}}}}
    trouble.configure(yaml.safe_dump(text, width=1000))


def written(trouble: Drill, name: str = "monday.csv", at: datetime | None = None) -> Path:
    """A file of the data, from `at`."""
    path: Path = trouble.site.write(f"data/prices/{name}", "42\n")
    if at is not None:
        os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def row_of(trouble: Drill, at: datetime) -> None:
    """One more row in the table, from `at`."""
    path = trouble.site.root / MARKET
    path.parent.mkdir(exist_ok=True)
    with sqlite3.connect(path) as market:
        market.execute("CREATE TABLE IF NOT EXISTS prices (ts TEXT)")
        market.execute("DELETE FROM prices WHERE ts < ?", (ago(48).isoformat(),))
        market.execute("INSERT INTO prices VALUES (?)", (at.isoformat(),))
    market.close()


def test_a_file_is_stale_by_age(trouble: Drill) -> None:
    """R-102: nothing has run, and the age of the data is known all the same."""
    watching(trouble, file="data/prices/*.csv", max_age="24h")
    written(trouble, "sunday.csv", ago(40))
    newest = written(trouble, at=ago(23))
    trouble.has_not_begun()
    os.utime(newest, (time.time() - 25 * HOUR_S,) * 2)
    trouble.is_found_and_told_once()
    written(trouble, "tuesday.csv")
    trouble.is_over()


def test_data_that_was_due_is_not_there(trouble: Drill) -> None:
    watching(trouble, file="data/prices/*.csv", due="0 6 * * *", grace="1h")
    tomorrow = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) + DAY
    written(trouble, at=tomorrow - DAY + timedelta(minutes=10))
    with wall_clock(trouble.site) as clock:
        clock.set(tomorrow + timedelta(minutes=55))
        trouble.has_not_begun()
        clock.set(tomorrow + timedelta(minutes=65))
        trouble.is_found_and_told_once()
        written(trouble, at=tomorrow + timedelta(minutes=65))
        trouble.is_over()


def test_a_watched_file_is_missing(trouble: Drill) -> None:
    watching(trouble, file="data/prices/*.csv", max_age="24h")
    newest = written(trouble)
    trouble.has_not_begun()
    newest.unlink()
    trouble.is_found_and_told_once()
    written(trouble)
    trouble.is_over()


def test_a_file_is_from_the_future(trouble: Drill) -> None:
    """What says it is from tomorrow would be fresh for two days, whatever happens."""
    watching(trouble, file="data/prices/*.csv", max_age="24h")
    newest = written(trouble)
    trouble.has_not_begun()
    os.utime(newest, (time.time() + 24 * HOUR_S,) * 2)
    trouble.is_found_and_told_once()
    os.utime(newest)
    trouble.is_over()


def test_a_run_succeeds_and_the_data_has_not_moved(trouble: Drill) -> None:
    """R-103: every exit code says that all is well."""
    watching(trouble, "test -e broken || date >data/prices/today.csv", file="data/prices/*.csv", max_age="24h")
    written(trouble)
    trouble.has_not_begun()
    assert trouble.tetra("run").returncode == 0
    trouble.has_not_begun()
    trouble.site.write("broken", "")
    assert trouble.tetra("run").returncode == 0
    trouble.is_found_and_told_once()
    (trouble.site.root / "broken").unlink()
    assert trouble.tetra("run").returncode == 0
    trouble.is_over()


def test_a_table_is_stale(trouble: Drill) -> None:
    watching(trouble, sql="select max(ts) from prices", url=f"sqlite:///{MARKET}", max_age="24h")
    row_of(trouble, ago(1))
    trouble.has_not_begun()
    with sqlite3.connect(trouble.site.root / MARKET) as market:
        market.execute("UPDATE prices SET ts = ?", (ago(25).isoformat(),))
    market.close()
    trouble.is_found_and_told_once()
    row_of(trouble, ago(0))
    trouble.is_over()


def test_a_number_of_rows_stands_still(trouble: Drill) -> None:
    watching(trouble, sql="select count(*) from prices", url=f"sqlite:///{MARKET}", counts=True, max_age="24h")
    row_of(trouble, ago(2))
    with wall_clock(trouble.site) as clock:
        trouble.has_not_begun()
        row_of(trouble, ago(1))
        clock.shift(timedelta(hours=20))
        trouble.has_not_begun()
        clock.shift(timedelta(hours=45))
        trouble.is_found_and_told_once()
        row_of(trouble, ago(0))
        trouble.is_over()


def test_an_address_of_data_is_down(trouble: Drill) -> None:
    said = Reply(200, b"", (("Last-Modified", format_datetime(datetime.now(UTC), usegmt=True)),))
    with HttpServer(said) as shop:
        watching(trouble, http=f"{shop.url}/prices.csv", max_age="24h")
        trouble.has_not_begun()
    trouble.is_found_and_told_once()
    with HttpServer(said, port=int(shop.address.rpartition(":")[2])):
        trouble.is_over()
