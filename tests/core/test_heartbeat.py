"""The addresses of a dead man's switch."""

import pytest

from tetra_orchestrator.core.heartbeat import FAIL, START, SUCCESS, address


@pytest.mark.parametrize(
    ("url", "what", "found"),
    [
        ("https://hc-ping.com/1-2", START, "https://hc-ping.com/1-2/start"),
        ("https://hc-ping.com/1-2/", FAIL, "https://hc-ping.com/1-2/fail"),
        ("https://hc-ping.com/1-2", SUCCESS, "https://hc-ping.com/1-2"),
        ("https://hc-ping.com/1-2?rid=3", START, "https://hc-ping.com/1-2/start?rid=3"),
        ("https://hc-ping.com/1-2#x?y", FAIL, "https://hc-ping.com/1-2/fail#x?y"),
    ],
)
def test_what_is_told_stands_behind_the_path(url, what, found):
    assert address(url, what) == found
