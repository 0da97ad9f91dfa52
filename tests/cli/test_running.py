"""The plain options of `run`, which are read without Typer: they mean what Typer makes of them, and nothing more."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.cli import running
from tetra_orchestrator.cli.app import invoke
from tetra_orchestrator.cli.run import Progress
from tetra_orchestrator.errors import UsageError

PLAIN = [
    "",
    "--mode daily",
    "-m daily",
    "--mode daily --mode weekly",
    "--pipeline one",
    "-p one --pipeline two -p one",
    "--mode all -p one --force",
    "--force --force",
    "--mode all --json",
    "--from a.b --until c --from d",
    "--only a --only b -p c --force",
    "--mode all --dry-run --no-retry",
    "--start-date 2026-01-01 --end-date 2026-01-31 -m backfill",
    "--param a=1 --param b=x=y --param c=",
    "--param nonsense",
    "--max-parallel 4",
    "--max-workers 1 --max-parallel 007",
    "--progress plain --progress live",
    "--config some/file.yaml --overlay a.yaml --overlay b.yaml --set host.cpu=2 --set title=x",
]
OTHERS = [
    "--help",
    "--mode=daily",
    "-mdaily",
    "--mod daily",
    "daily",
    "--mode daily weekly",
    "--mode",
    "--mode --force",
    "--only --force",
    "--from",
    "--mode -",
    "--",
    "--max-parallel 0",
    "--max-parallel -1",
    "--max-parallel many",
    "--progress loud",
    "--no-checkpoint",
    "--resume",
    "--checkpoint-dir there",
    "--keep-checkpoints 3",
    "--notify desktop",
    "--dialect tetra",
    "--bindings file.yaml",
    "--model-version 3",
]


@pytest.fixture
def read_by_typer(monkeypatch):
    """What Typer makes of a command line: the order that `run` would be given."""

    def read(argv):
        orders = []
        monkeypatch.setattr(running, "run", lambda order: bool(orders.append(order)))
        assert invoke(["run", *argv]) == 0
        return orders[0]

    return read


@pytest.mark.parametrize("line", PLAIN)
def test_plain_options_ask_for_what_typer_reads_in_them(line, read_by_typer):
    order = running.quick_order(line.split())
    assert order is not None
    assert order == read_by_typer(line.split())


def test_words_with_spaces_and_of_nothing_are_values_like_others(read_by_typer):
    argv = ["--mode", "", "--param", "name=two words", "--set", "title=a b"]
    assert running.quick_order(argv) == read_by_typer(argv)


@pytest.mark.parametrize("line", OTHERS)
def test_whatever_is_not_plain_is_left_to_typer(line):
    assert running.quick_order(line.split()) is None


@given(st.lists(st.sampled_from(sorted({word for line in PLAIN + OTHERS for word in line.split()})), max_size=6))
def test_no_order_is_read_where_typer_finds_a_mistake_or_another_order(argv):
    order = running.quick_order(argv)
    if order is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        orders = []
        patch.setattr(running, "run", lambda order: bool(orders.append(order)))
        try:
            invoke(["run", *argv])
        except UsageError as error:
            pytest.fail(f"{argv}: {error}")
    assert orders == [order]


def test_the_ways_to_show_progress_are_the_same_in_both():
    assert get_args(Progress) == running.PROGRESS


def test_a_rare_option_beside_plain_ones_changes_nothing_about_them(read_by_typer):
    plain = ["--mode", "all", "--pipeline", "one", "--force"]
    rare = read_by_typer([*plain, "--notify", "desktop"])
    assert rare == running.quick_order(plain)._replace(notify="desktop")
