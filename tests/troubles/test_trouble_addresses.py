"""Addresses that must answer: gone, failing, hanging, and how long one has to be back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from faults.clocks import wall_clock
from support.http_server import HttpServer, Reply
from troubles.drill import Drill

ONE = "pipelines: {load: {command: ['true']}}"


@pytest.fixture
def shop() -> Iterator[HttpServer]:
    with HttpServer() as found:
        yield found


def watching(trouble: Drill, shop: HttpServer, **more: Any) -> None:
    trouble.finding = (trouble.row["code"], f"{shop.url}/health")
    trouble.configure(ONE, monitor={"endpoints": [f"{shop.url}/health"]}, **more)
    trouble.has_not_begun()


def test_an_endpoint_is_down(trouble: Drill) -> None:
    """It has to be back for the ten minutes that are the default, by a clock that is set forward."""
    with wall_clock(trouble.site) as clock:
        with HttpServer() as shop:
            watching(trouble, shop, alerting={})
        trouble.is_found_and_told_once()
        with HttpServer(port=shop.port):
            told = trouble.letters()
            for minutes in (0, 9):
                clock.shift(timedelta(minutes=minutes))
                assert (trouble.look(), trouble.letters()) == ((0, []), told)
            clock.shift(timedelta(minutes=11))
            trouble.is_over()


def test_an_endpoint_answers_with_errors(trouble: Drill, shop: HttpServer) -> None:
    watching(trouble, shop)
    shop.answers(Reply(503))
    trouble.is_found_and_told_once()
    shop.answers(Reply(200))
    trouble.is_over()


def test_an_endpoint_hangs(trouble: Drill, shop: HttpServer) -> None:
    """And then resets every connection: as long as it does not answer, that is one trouble."""
    watching(trouble, shop)
    shop.answers(Reply(acts="hang"))
    trouble.is_found()
    shop.answers(Reply(acts="reset"))
    trouble.is_found_and_told_once()
    shop.answers(Reply(200))
    trouble.is_over()
