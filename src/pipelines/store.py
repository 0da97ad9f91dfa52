"""Owns the store: where it lives, its tables, and how frames are written to it and read from it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs

from pipelines.commandline import Fault

DECIMALS = 8
SCHEMA = Path(__file__).with_name("schema.sql")


def location() -> Path:
    """Return the store's file: EXAMPLE_STORE, else below TETRA_HOME, else below the repository root."""
    if chosen := os.environ.get("EXAMPLE_STORE"):
        return Path(chosen)
    root = Path(os.environ.get("TETRA_HOME") or Path(__file__).resolve().parents[2])
    return root / "state" / "example" / "warehouse.db"


def create_private(path: Path) -> None:
    """Create the file, and the folders it lacks, for their owner alone."""
    for folder in reversed(path.parents):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """Open the store, creating it at need; what the block writes is kept whole or not at all."""
    path = location()
    create_private(path)
    try:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.executescript(SCHEMA.read_text(encoding="utf-8"))
            with connection:
                yield connection
    except sqlite3.Error as error:
        raise Fault(f"cannot use the store {path}: {error}") from error


def read(connection: sqlite3.Connection, query: str, *parameters: Any) -> pl.DataFrame:
    """Return the rows of a query as a frame whose column `date`, if there is one, holds dates."""
    cursor = connection.execute(query, parameters)
    columns = [column[0] for column in cursor.description]
    frame = pl.DataFrame(cursor.fetchall(), schema=columns, orient="row", infer_schema_length=None)
    return frame.with_columns(cs.by_name("date", require_all=False).cast(pl.String).str.to_date("%Y-%m-%d"))


def read_required(connection: sqlite3.Connection, query: str, content: str, producer: str) -> pl.DataFrame:
    """Return the rows of a query; without any, name the program that has to run first."""
    frame = read(connection, query)
    if frame.is_empty():
        raise Fault(f"no {content} in {location()}; run {producer} first")
    return frame


def write(connection: sqlite3.Connection, table: str, frame: pl.DataFrame) -> None:
    """Upsert the frame into the table by its primary key, with floats at a fixed number of decimals."""
    keys = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
    updates = ", ".join(f"{column} = excluded.{column}" for column in frame.columns if column not in keys)
    statement = (
        f"INSERT INTO {table} ({', '.join(frame.columns)}) VALUES ({', '.join('?' * frame.width)}) "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {updates}"
    )
    plain = frame.with_columns(cs.float().round(DECIMALS) + 0.0, cs.date().dt.strftime("%Y-%m-%d"))
    connection.executemany(statement, plain.iter_rows())
