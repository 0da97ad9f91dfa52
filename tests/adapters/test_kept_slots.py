"""The slots that are kept so that a wake need not compute them: the answers of the arithmetic, whatever the file."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.builders import utc
from support.schedules import schedule
from tetra_orchestrator.adapters import kept_slots
from tetra_orchestrator.adapters.kept_slots import KEPT, KeptSlots
from tetra_orchestrator.core.slots import between

NOON = utc(2026, 3, 1, 12)
HOUR = timedelta(hours=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "state" / "cache").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When the arithmetic was asked, by where it had to begin."""
    asked: list[datetime] = []

    def noting(given, after, until):
        asked.append(after)
        return between(given, after, until)

    monkeypatch.setattr(kept_slots, "between", noting)
    return asked


def file(root: Path) -> Path:
    return root / "state" / "cache" / "slots-nightly"


@pytest.mark.parametrize("cron", ["0 6 * * *", "* * * * *", "30 2 * * 0", "0 0 29 2 *"])
def test_the_answer_is_that_of_the_arithmetic_wherever_one_asks(root: Path, cron: str) -> None:
    given = schedule(cron=cron, timezone="America/New_York")
    kept, after = KeptSlots(str(root)), NOON
    for hours in (0.1, 1, 5, 30, 24 * 10, 24 * 400):
        until = after + hours * HOUR
        for begin in (after, until - HOUR / 2, NOON):
            assert kept(given, begin, until) == between(given, begin, until)
        after = until


def test_a_wake_before_the_next_slot_computes_nothing(root: Path, computed: list[datetime]) -> None:
    kept = KeptSlots(str(root))
    for hours in (1, 2, 20, 90):
        kept(schedule(), NOON, NOON + hours * HOUR)
    assert computed == [NOON]


def test_the_slots_last_for_as_many_wakes_as_are_kept(root: Path, computed: list[datetime]) -> None:
    given, kept = schedule(cron="0 * * * *"), KeptSlots(str(root))
    for hour in range(KEPT):
        assert kept(given, NOON + hour * HOUR, NOON + (hour + 1) * HOUR) == [NOON + (hour + 1) * HOUR]
    assert len(computed) == 1
    kept(given, NOON + KEPT * HOUR, NOON + (KEPT + 1) * HOUR)
    assert len(computed) == 2


def test_a_schedule_that_is_due_once_is_known_for_ever(root: Path, computed: list[datetime]) -> None:
    given, kept = schedule(cron=None, at="2026-03-02T06:00"), KeptSlots(str(root))
    assert kept(given, NOON, NOON + HOUR) == []
    assert kept(given, NOON, NOON + 10_000 * HOUR) == [utc(2026, 3, 2, 6)]
    assert len(computed) == 1


def test_another_rule_is_computed_anew(root: Path) -> None:
    kept = KeptSlots(str(root))
    kept(schedule(), NOON, NOON + HOUR)
    assert kept(schedule(cron="30 12 * * *"), NOON, NOON + HOUR) == [NOON + HOUR / 2]


@pytest.mark.parametrize("spoil", ["cut", "garbage", "others", "link", "empty"])
def test_a_file_that_is_not_ours_or_not_whole_is_computed_anew(root: Path, spoil: str) -> None:
    kept = KeptSlots(str(root))
    kept(schedule(), NOON, NOON + HOUR)
    text = file(root).read_text()
    if spoil == "link":
        file(root).rename(root / "elsewhere")
        file(root).symlink_to(root / "elsewhere")
    elif spoil == "others":
        file(root).chmod(0o666)
    else:
        file(root).write_text({"cut": text[:-30], "garbage": text.replace("\n", "\nx"), "empty": ""}[spoil])
    assert kept(schedule(), NOON, NOON + 24 * HOUR) == [utc(2026, 3, 2, 6)]


def test_a_folder_that_is_not_there_only_means_computing(tmp_path: Path) -> None:
    assert KeptSlots(str(tmp_path))(schedule(), NOON, NOON + 24 * HOUR) == [utc(2026, 3, 2, 6)]
    assert os.listdir(tmp_path) == []
