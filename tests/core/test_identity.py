"""Names that we make."""

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core.identity import run_id, token

INSTANTS = st.integers(0, 30_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def test_a_run_id_is_the_time_and_six_letters() -> None:
    assert run_id(utc(2025, 1, 31, 6, 5, 9), b"\0\0\0\0") == "20250131T060509Z-aaaaaa"
    assert run_id(utc(2025, 1, 31, 6, 5, 9), b"\xff\xff\xff\xff") == "20250131T060509Z-777777"
    assert run_id(utc(2025, 1, 31, 6, 5, 9), b"\0\0\0\1more") == "20250131T060509Z-baaaaa"


@given(INSTANTS, st.binary(min_size=4, max_size=8))
def test_a_run_id_can_be_part_of_a_path_and_of_a_command_line(now: datetime, entropy: bytes) -> None:
    assert re.fullmatch(r"\d{8}T\d{6}Z-[a-z2-7]{6}", run_id(now, entropy))


@given(INSTANTS, INSTANTS, st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
def test_run_ids_sort_by_time(first: datetime, second: datetime, one: bytes, other: bytes) -> None:
    if first < second:
        assert run_id(first, one) < run_id(second, other)


@given(st.integers(0, 2**30 - 1), st.integers(0, 2**30 - 1))
def test_30_bits_of_entropy_are_told_apart(one: int, other: int) -> None:
    now = utc(2025, 1, 31)
    same = run_id(now, one.to_bytes(4, "big")) == run_id(now, other.to_bytes(4, "big"))
    assert same is (one == other)


@given(st.binary(min_size=16, max_size=16))
def test_a_token_holds_all_of_its_entropy(entropy: bytes) -> None:
    assert bytes.fromhex(token(entropy)) == entropy
