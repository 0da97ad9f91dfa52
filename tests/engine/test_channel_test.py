"""Trying channels: each says whether it can be reached, and none is left with a trouble that there is not."""

from __future__ import annotations

from support.alerting import EMAIL, PAGER, SLACK, FakeCourier
from support.fakes import START
from support.worlds import project, task
from tetra_orchestrator.core.alerts import Posted
from tetra_orchestrator.engine.channel_test import try_channels


def tried(courier, *channels):
    shop = project(task("load"))
    return try_channels(shop, channels, courier, lambda text: text.replace("hunter22", "***"), START, 10.0)


def test_each_channel_says_what_became_of_it():
    courier = FakeCourier()
    courier.answers = {"slack": Posted("", ok=False, error="slack: 404 for hunter22"), "email": None}
    found = tried(courier, EMAIL, SLACK, EMAIL._replace(name="other"))
    assert found == {"email": "no answer within 10 s", "slack": "slack: 404 for ***", "other": None}


def test_what_keeps_books_is_told_that_it_is_over_with_the_same_key_of_the_alert():
    courier = FakeCourier()
    assert tried(courier, PAGER, SLACK) == {"pagerduty": None, "slack": None}
    told = [(one.channel, one.what) for one in courier.letters]
    assert told == [("pagerduty", "raised"), ("slack", "raised"), ("pagerduty", "resolved")]
    first, _, last = courier.letters
    assert (first.alerts[0].key, first.key != last.key) == (last.alerts[0].key, True)


def test_what_was_not_reached_is_not_told_that_it_is_over():
    courier = FakeCourier()
    courier.answers = {"pagerduty": Posted("", ok=False, error="refused")}
    tried(courier, PAGER)
    assert [one.what for one in courier.letters] == ["raised"]
