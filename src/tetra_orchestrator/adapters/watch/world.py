"""The `Watcher` of the real world. It asks everything at the same time, and waits for nobody longer than its limit."""

from __future__ import annotations

from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from tetra_orchestrator.core.data_age import Seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from tetra_orchestrator.core.watching import DataSource

    Answer = TypeVar("Answer")
    Ask = Callable[[str, str, float], object]

#: Seconds that one of them gets.
LIMIT_S = 5.0
#: What is left for an answer that comes at the last moment.
_SPARE_S = 0.5


class WorldWatcher:
    """Relative paths start in `root`. `ask(url, query, limit_s)` is the one value of a query of a database."""

    def __init__(self, root: str, ask: Ask, limit_s: float = LIMIT_S):
        self._root = root
        self._ask = ask
        self._limit_s = limit_s

    def look(self, sources: Sequence[DataSource]) -> list[Seen]:
        """What each source shows."""
        silent = Seen(error=f"there was no answer within {self._limit_s:g} s")
        return side_by_side([partial(self._look, source) for source in sources], silent, self._limit_s)

    def call(self, addresses: Sequence[str]) -> list[str | None]:
        """What is wrong with each address; None for one that answers."""
        if not addresses:
            return []
        from tetra_orchestrator.adapters.watch.addresses import fault

        silent = f"no answer within {self._limit_s:g} s"
        return side_by_side([partial(fault, one, self._limit_s) for one in addresses], silent, self._limit_s)

    def _look(self, source: DataSource) -> Seen:
        try:
            if source.file is not None:
                from tetra_orchestrator.adapters.watch.files import newest

                return newest(self._root, source.file)
            if source.http is not None:
                from tetra_orchestrator.adapters.watch.addresses import last_modified

                return last_modified(source.http, self._limit_s)
            from tetra_orchestrator.adapters.watch.values import counted, dated

            value = self._ask(source.url or "", source.sql or "", self._limit_s)
            return counted(value) if source.counts else dated(value)
        except Exception as error:  # what is looked at may answer anything; a look at it ends nothing else
            return Seen(error=_said(error))


def side_by_side(questions: Sequence[Callable[[], Answer]], silent: Answer, limit_s: float) -> list[Answer]:
    """The answers in order; `silent` for one that takes longer. Whoever still waits then is left to itself."""
    answers: SimpleQueue[tuple[int, Answer]] = SimpleQueue()
    for place, question in enumerate(questions):

        def put(place: int = place, question: Callable[[], Answer] = question) -> None:
            answers.put((place, question()))

        Thread(target=put, daemon=True).start()
    found = dict.fromkeys(range(len(questions)), silent)
    until = monotonic() + limit_s + _SPARE_S
    try:
        for _ in questions:
            place, answer = answers.get(timeout=max(until - monotonic(), 0.0))
            found[place] = answer
    except Empty:
        pass
    return list(found.values())


def _said(error: Exception) -> str:
    """An error in one line, as its author put it."""
    text = str(error).strip().partition("\n")[0]
    return text or type(error).__name__
