"""The store and its journal, cut short: each cut with the real reader, which opens, or refuses and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from adapters.store.history import Diary, moved
from proofs.specimens import Specimen, difference
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.changes import OutputsSaved
from tetra_orchestrator.core.states import TaskState
from tetra_orchestrator.errors import TetraError


def stores(folder: Path) -> Iterator[Specimen]:
    """The store at rest and beside its journal. A journal that was cut is one that was not yet written further."""
    path = folder / "tetra.db"
    wal, shm = folder / "tetra.db-wal", folder / "tetra.db-shm"
    fresh = _contents_of_new(path)
    at_rest, journal, index, states = _history(path)
    told = [state for _, state in states]

    def lasting(size: int) -> Any:
        return next(state for end, state in reversed(states) if end <= size)

    yield Specimen("store", path, at_rest[1], _refused_or(path, lambda _: told[-1]), {})
    yield Specimen("store beside its journal", path, at_rest[0], _refused_or(path, lambda _: told[-1]), {wal: journal})
    yield Specimen("journal", wal, journal, lambda size: difference(_contents(path), lasting(size)), {path: at_rest[0]})
    beside = {path: at_rest[0], wal: journal}
    yield Specimen("index of the journal", shm, index, lambda _: difference(_contents(path), told[-1]), beside)
    yield Specimen("journal alone", wal, journal, _refused(path), {})
    yield Specimen("index alone", shm, index, lambda _: difference(_contents(path), fresh), {})


def _history(path: Path) -> tuple[tuple[bytes, bytes], bytes, bytes, list[tuple[int, Any]]]:
    """The store before and after all commits, its journal and index, and after each commit: its end, the content."""
    wal = Path(f"{path}-wal")
    with closing(SqliteStore(str(path))) as store:
        diary = Diary(store)
        for number in range(3):
            diary.open(f"old-{number}", "alpha", "beta")
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        before, states = path.read_bytes(), [(0, _told(store))]
        for change in (
            lambda: diary.open("r1", "alpha", "beta"),
            lambda: store.record([moved("alpha", TaskState.PENDING, TaskState.SUBMITTED, 0, 1)]),
            lambda: store.record([OutputsSaved("r1", "alpha", {"rows": 3, "text": "x" * 16_000})]),
        ):
            change()
            states.append((wal.stat().st_size, _told(store)))
        journal, index = wal.read_bytes(), Path(f"{path}-shm").read_bytes()
    return (before, path.read_bytes()), journal, index, states


def _contents(path: Path) -> Any:
    with closing(SqliteStore(str(path))) as store:
        return _told(store)


def _contents_of_new(path: Path) -> Any:
    found = _contents(path)
    path.unlink()
    return found


def _told(store: SqliteStore) -> Any:
    """All that the store answers."""
    answers = [[run, store.task_runs(run.run_id), store.attempts(run.run_id)] for run in store.runs()]
    texts = [[store.config_text(run[0].run_id), store.events(run[0].run_id)] for run in answers]
    return answers, texts, store.summaries(), store.expected_s(), store.needed()


def _refused_or(path: Path, expected: Callable[[int], Any]) -> Callable[[int], str | None]:
    """Refused as it is, with not a byte of the store changed, or opened with all that was in it."""

    def judge(size: int) -> str | None:
        left = path.read_bytes()
        try:
            return difference(_contents(path), expected(size))
        except TetraError:
            return None if path.read_bytes() == left else "refused, and changed"

    return judge


def _refused(path: Path) -> Callable[[int], str | None]:
    def judge(_: int) -> str | None:
        try:
            return f"opened with {str(_contents(path))[:200]}"
        except TetraError:
            return None

    return judge
