"""Files of ours that belong to no run: which they are, and that nothing else goes with them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.store.history import run
from tetra_orchestrator.adapters.strays import FolderStrays
from tetra_orchestrator.core.retention import Stray
from tetra_orchestrator.errors import CannotWrite

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
RUN, OTHER = "20260301T200000Z-abcdef", "20260302T200000Z-abcdef"


@pytest.fixture
def strays(tmp_path: Path) -> FolderStrays:
    return FolderStrays(f"{tmp_path}/logs", f"{tmp_path}/state")


def put(path: Path, days_ago: float, text: str = "hello") -> Path:
    """A file, and all folders above it up to the test's, that were changed so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    when = (NOW - days_ago * DAY).timestamp()
    for one in (path, path.parent):
        os.utime(one, (when, when))
    return path


def found(strays: FolderStrays, tmp_path: Path, *runs: str) -> list[str]:
    known = [run(name)._replace(log=f"{tmp_path}/logs/orchestrator_{name[:8]}_{name[9:15]}.log") for name in runs]
    return [os.path.relpath(stray.path, tmp_path) for stray in strays.find(known, NOW - DAY, NOW - 30 * DAY)]


def test_folders_of_runs_that_are_not_known_are_found_once_nobody_has_changed_them_for_a_day(
    strays: FolderStrays, tmp_path: Path
) -> None:
    for place in ("logs/runs", "state/attempts", "state/checkpoints"):
        put(tmp_path / place / RUN / "a.1", 2)
        put(tmp_path / place / OTHER / "a.1", 0.5)
    assert found(strays, tmp_path) == [
        f"logs/runs/{RUN}", f"state/checkpoints/{RUN}", f"state/attempts/{RUN}",
    ]  # fmt: skip
    assert found(strays, tmp_path, RUN) == []


def test_logs_of_a_run_that_has_no_attempts_here_are_another_project_s(strays: FolderStrays, tmp_path: Path) -> None:
    put(tmp_path / "logs/runs" / OTHER / "a.1.log", 99)
    put(tmp_path / "logs/orchestrator_20260302_200000.log", 99)
    assert found(strays, tmp_path) == []
    put(tmp_path / "state/attempts" / OTHER / "nothing.json", 99)
    assert found(strays, tmp_path) == [
        "logs/orchestrator_20260302_200000.log", f"logs/runs/{OTHER}", f"state/attempts/{OTHER}",
    ]  # fmt: skip


def test_what_shows_whose_logs_they_are_stays_as_long_as_these(strays: FolderStrays, tmp_path: Path) -> None:
    put(tmp_path / "logs/runs" / RUN / "a.1.log", 0.5)
    put(tmp_path / "state/attempts" / RUN / "nothing.json", 99)
    assert found(strays, tmp_path) == []


def test_a_file_deep_in_a_folder_that_was_changed_lately_keeps_all_of_it(strays: FolderStrays, tmp_path: Path) -> None:
    put(tmp_path / "state/checkpoints" / RUN / "task" / "half-done", 0.1)
    os.utime(tmp_path / "state/checkpoints" / RUN, (0, 0))
    assert found(strays, tmp_path) == []


def test_logs_of_what_was_refused_stay_as_long_as_slots(strays: FolderStrays, tmp_path: Path) -> None:
    put(tmp_path / "logs/orchestrator_20260301_200000.log", 31)
    put(tmp_path / "logs/orchestrator_20260302_200000_2.log", 29)
    assert found(strays, tmp_path) == ["logs/orchestrator_20260301_200000.log"]
    assert found(strays, tmp_path, RUN) == []


def test_what_was_left_half_made_is_found(strays: FolderStrays, tmp_path: Path) -> None:
    for name in ("state/tetra.db.4711.new", "state/cache/plan.4711", "logs/latest.4711"):
        put(tmp_path / name, 2)
    for name in ("state/tetra.db", "state/tetra.db.old.new", "state/cache/plan", "logs/latest", "logs/latest.old"):
        put(tmp_path / name, 99)
    assert found(strays, tmp_path) == ["logs/latest.4711", "state/cache/plan.4711", "state/tetra.db.4711.new"]


@pytest.mark.parametrize("name", ["notes", f"{RUN}x", RUN[:-1], RUN.upper()])
def test_what_is_not_called_like_a_run_is_nobody_s_business(strays: FolderStrays, tmp_path: Path, name: str) -> None:
    put(tmp_path / "logs/runs" / name / "a.1.log", 99)
    assert found(strays, tmp_path) == []


def test_its_bytes_are_counted_and_it_goes_whole(strays: FolderStrays, tmp_path: Path) -> None:
    put(tmp_path / "logs/runs" / RUN / "a.1.log", 2, "x" * 20)
    put(tmp_path / "logs/runs" / RUN / "b.1.log", 2, "x" * 3)
    put(tmp_path / "state/attempts" / RUN / "nothing.json", 0.5)
    (stray,) = strays.find([], NOW - DAY, NOW)
    assert stray == Stray(str(tmp_path / "logs/runs" / RUN), 23)
    strays.remove(stray)
    strays.remove(stray)
    assert os.listdir(tmp_path / "logs/runs") == []


def test_of_a_link_only_the_link_goes(strays: FolderStrays, tmp_path: Path) -> None:
    kept = put(tmp_path / "precious" / "file", 99)
    (tmp_path / "logs/runs").mkdir(parents=True)
    put(tmp_path / "state/attempts" / RUN / "nothing.json", 0.5)
    link = tmp_path / "logs/runs" / RUN
    link.symlink_to(kept.parent)
    os.utime(link, (0, 0), follow_symlinks=False)
    (stray,) = strays.find([], NOW - DAY, NOW)
    strays.remove(stray)
    assert (link.is_symlink(), kept.exists()) == (False, True)


def test_what_cannot_be_removed_is_told(strays: FolderStrays) -> None:
    with pytest.raises(CannotWrite) as caught:
        strays.remove(Stray("x" * 300, 0))
    assert str(caught.value) == (
        f"{'x' * 300}: cannot be removed: File name too long\n  hint: remove it yourself, or make it yours"
    )


def test_jobs_that_began_elsewhere_and_have_not_stirred_for_a_day_are_found_and_those_that_wait_are_not(
    strays: FolderStrays, tmp_path: Path
) -> None:
    jobs = tmp_path / "state/jobs/my.cluster"
    over, waits, runs, gone = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
    put(jobs / over / "claim", 2)
    put(jobs / waits / "request.json", 2)
    put(jobs / runs / "claim", 2)
    put(jobs / runs / "lease", 0.5)
    put(jobs / f"{gone}.gone" / "claim", 2)
    for name in (over, runs, gone):
        put(jobs / f"{name}.begun", 2)
    put(jobs / "clock", 2)
    left = [over, f"{gone}.begun", f"{gone}.gone"]
    assert found(strays, tmp_path, RUN) == [f"state/jobs/my.cluster/{name}" for name in left]
