"""Values in words."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core.spoken import duration, instant, percent, printable, size

INSTANTS = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-0.1, "-"),
        (-86400, "-"),
        (0, "0.0 s"),
        (0.04, "0.0 s"),
        (0.4, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12, "12 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (60, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7380, "2 h 03 min"),
        (86400, "24 h 00 min"),
        (2592000, "720 h 00 min"),
    ],
)
def test_a_duration_is_spoken_in_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 1e7))
def test_a_spoken_duration_is_right_to_its_last_digit(seconds: float) -> None:
    text = duration(seconds)
    parts = re.fullmatch(r"(\d\.\d|[1-5]\d) s|(\d{1,2}) min (\d\d) s|(\d+) h (\d\d) min", text)
    assert parts, text
    small, minutes, rest, hours, more = parts.groups()
    if small:
        assert abs(float(small) - seconds) <= (0.05001 if "." in small else 0.5)
    elif minutes:
        assert 1 <= int(minutes) < 60 > int(rest)
        assert abs(int(minutes) * 60 + int(rest) - seconds) <= 0.5
    else:
        assert int(more) < 60
        assert -0.5 <= seconds - int(hours) * 3600 - int(more) * 60 < 60


def test_an_instant_ends_in_z_and_has_a_fraction_only_where_there_is_one() -> None:
    assert instant(utc(2025, 1, 31, 6, 5, 9)) == "2025-01-31T06:05:09Z"
    assert instant(utc(2025, 1, 31, 6, 5, 9, 120)) == "2025-01-31T06:05:09.000120Z"


@given(INSTANTS)
def test_an_instant_can_be_read_back(when: datetime) -> None:
    text = instant(when)
    assert datetime.fromisoformat(text) == when
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", text)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("", ""),
        ("one\n\ttwo – ß\u200b", "one\n\ttwo – ß\u200b"),
        ("\x1b]0;pwned\x07", "\\x1b]0;pwned\\x07"),
        ("a\rb\x00\x1f\x7f", "a\\x0db\\x00\\x1f\\x7f"),
        ("\x80\x9b31m\x9f\xa0", "\\x80\\x9b31m\\x9f\xa0"),
        ("\ud800", "\\ud800"),
        ("pay \u202eedoc\u202c now", "pay \\u202eedoc\\u202c now"),
        ("\u061c\u200e\u200f\u2066\u2069\u206f", "\\u061c\\u200e\\u200f\\u2066\\u2069\\u206f"),
        ("one\u2028two\u2029", "one\\u2028two\\u2029"),
        ("\ufff9base\ufffanote\ufffb\ufffc", "\\ufff9base\\ufffanote\\ufffb\ufffc"),
        ("\u0646\u200c\u0627 \U0001f469\u200d\U0001f680", "\u0646\u200c\u0627 \U0001f469\u200d\U0001f680"),
    ],
)
def test_what_is_printable_cannot_drive_a_terminal(text: str, safe: str) -> None:
    assert printable(text) == safe


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (1536, "1.5 KB"), (10_239, "10.0 KB"), (20 << 20, "20 MB")),
        *(((1 << 20) - 1, "1.0 MB"), (5 << 30, "5.0 GB"), (3 << 40, "3.0 TB")),
    ],
)
def test_a_size_has_at_least_two_digits_from_a_kilobyte_on_in_steps_of_1024(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100%"), (30 / 32, "94%"), (9999 / 10_000, "> 99%"), (0.5, "50%"), (1 / 10_000, "< 1%"), (0.0, "0%")],
)
def test_only_all_is_a_hundred_percent_and_only_nothing_is_none(share, text):
    assert percent(share) == text
