"""What is due, expression by expression, in `cron_cases.tsv`: found out with cron of Debian, systemd and cronsim.

A row says when a rule is due next, and then, in UTC. Three rows are ours to answer otherwise: see `REFUSED`.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tetra_orchestrator.core.schedule import check_rule, slots
from tetra_orchestrator.errors import UsageError

TABLE = Path(__file__).with_name("cron_cases.tsv")
CASES = {line.split("\t")[0]: line.split("\t")[1:] for line in TABLE.read_text(encoding="utf-8").splitlines()[1:]}
#: Debian's crontab refuses the first, reads the second as nothing, and never starts the third.
REFUSED = {
    "C15": (
        "the rule '5/15 * * * *' cannot be read: '5/15' is a step without a range, which not every cron takes",
        "write 5-59/15 or 5,20,35,50",
    ),
    "C16": ("the rule '0 22-2 * * *' cannot be read: '22-2' goes backwards", "write 22-23,0-2"),
    "C19": ("the rule '0 0 30 2 *' is never due", "choose a day that exists"),
}


#: Cases that rest on what has been decided of late: the zone, and from when on it has another offset.
RECENT = {"C52": ("Africa/Casablanca", "2026-09-20T01:00Z"), "C53": ("Africa/Casablanca", "2026-09-20T01:00Z")}


@pytest.fixture(autouse=True, scope="module")
def _data_of_the_package() -> Iterator[None]:
    """The time zones of the package `tzdata`, which may be newer than the machine's."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(to=before)
    ZoneInfo.clear_cache()


def test_the_table_has_all_cases() -> None:
    assert list(CASES) == [f"C{number:02}" for number in range(1, 55)]


@pytest.mark.parametrize("case", [case for case in CASES if case not in REFUSED])
def test_a_rule_is_due_as_the_table_says(case: str) -> None:
    cron, zone, base, expected = CASES[case]
    if case in RECENT and not _changes(*RECENT[case]):
        pytest.skip(f"the tzdata package here is older than the change of {RECENT[case][0]}")
    found = [f"{slot:%Y-%m-%dT%H:%MZ}" for slot in islice(slots(cron, zone, datetime.fromisoformat(base)), 3)]
    assert ",".join(found) == expected


@pytest.mark.parametrize("case", REFUSED)
def test_a_rule_that_crons_do_not_agree_on_or_that_is_never_due_is_refused(case: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_rule(CASES[case][0])
    assert (caught.value.message, caught.value.hint) == REFUSED[case]


def _changes(zone: str, instant: str) -> bool:
    """Whether the zone's offset changes there."""
    at = datetime.fromisoformat(instant)
    before, after = (one.astimezone(ZoneInfo(zone)).utcoffset() for one in (at - timedelta(seconds=1), at))
    return before != after
