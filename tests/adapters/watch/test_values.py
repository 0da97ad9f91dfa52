"""What the value of a query tells."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from support.builders import utc
from tetra_orchestrator.adapters.watch.values import counted, dated


@pytest.mark.parametrize(
    "value",
    [
        *(
            utc(2026, 3, 1, 20),
            utc(2026, 3, 1, 20).replace(tzinfo=None),
            datetime(2026, 3, 1, 21, tzinfo=timezone(timedelta(hours=1))),
        ),
        *("2026-03-01T20:00:00Z", "2026-03-01 20:00:00", "2026-03-01 21:00:00+01:00", " 2026-03-01T20:00 "),
        *(1772395200, 1772395200.0, "1772395200", 1772395200000, Decimal(1772395200)),
    ],
)
def test_a_time_may_be_written_in_many_ways_and_is_in_utc_without_a_zone(value):
    assert dated(value).at == utc(2026, 3, 1, 20)


def test_a_day_begins_at_midnight():
    assert dated(date(2026, 3, 1)).at == dated("2026-03-01").at == utc(2026, 3, 1)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, "the query gives no value"),
        ("soon", "the query gives 'soon', which is no time"),
        (b"x", "the query gives \"b'x'\", which is no time"),
        (float("nan"), "the query gives 'nan', which is no time"),
        (1e30, "the query gives '1e+30', which is no time"),
    ],
)
def test_anything_else_is_unknown(value, error):
    assert dated(value).error == error


def test_a_number_is_its_own_value():
    assert [counted(value).value for value in (5, 5.5, Decimal("7"))] == ["5", "5.5", "7"]
    assert counted("many").error == "the query gives 'many', which is no number"
    assert counted(None).error == "the query gives 'None', which is no number"
    assert counted(True).error == "the query gives 'True', which is no number"
