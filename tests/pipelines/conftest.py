"""Fixtures of the example workload's tests: a store in tmp_path, and the programs run in-process."""

import importlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHAIN = (
    ("data_pipeline", "--mode", "daily"),
    ("scenarios_pipeline", "--type", "all"),
    ("metrics_pipeline", "--scenario", "all"),
    ("assessment_pipeline", "--strategies", "all"),
)

Run = Callable[..., int]


def run_program(program: str, *arguments: str) -> int:
    return int(importlib.import_module(f"pipelines.{program}.main").main(list(arguments)))


@pytest.fixture(scope="session", autouse=True)
def _needs_polars() -> None:
    pytest.importorskip("polars", reason="needs polars: pip install -e '.[example]'")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a store that does not exist yet."""
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("EXAMPLE_STORE", str(path))
    monkeypatch.delenv("TETRA_HOME", raising=False)
    monkeypatch.delenv("TETRA_OUTPUT", raising=False)
    return path


@pytest.fixture
def run() -> Run:
    return run_program


@pytest.fixture
def run_chain() -> Callable[[], list[int]]:
    return lambda: [run_program(*command) for command in CHAIN]


@pytest.fixture(scope="session")
def finished_chain(_needs_polars: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chain") / "warehouse.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXAMPLE_STORE", str(path))
        patch.delenv("TETRA_OUTPUT", raising=False)
        assert [run_program(*command) for command in CHAIN] == [0, 0, 0, 0]
    return path


@pytest.fixture
def full_store(finished_chain: Path, store: Path) -> Path:
    """The path of a store in which the whole chain has run."""
    shutil.copy(finished_chain, store)
    shutil.copy(finished_chain.with_name("assessment.md"), store.with_name("assessment.md"))
    return store


@pytest.fixture
def query(store: Path) -> Callable[..., list[tuple[Any, ...]]]:
    def rows(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(store)
        with connection:
            found = connection.execute(statement, parameters).fetchall()
        connection.close()
        return found

    return rows


@pytest.fixture
def dump(store: Path) -> Callable[[], str]:
    def text() -> str:
        connection = sqlite3.connect(store)
        lines = "\n".join(connection.iterdump())
        connection.close()
        return lines

    return text


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the input files from which the ingest reads."""
    sources = importlib.import_module("pipelines.data_pipeline.sources")
    folder = tmp_path / "data"
    shutil.copytree(sources.FOLDER, folder)
    monkeypatch.setattr(sources, "FOLDER", folder)
    return folder
