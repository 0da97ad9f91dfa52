"""A store whose methods fail at random, by a seed, with the very errors that the real one raises."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import apsw

from tetra_orchestrator import wire
from tetra_orchestrator.adapters.store.sqlite_faults import explained
from tetra_orchestrator.core.model import SQLITE

if TYPE_CHECKING:
    from tetra_orchestrator.ports import Store

#: The environment variable that asks for faults: an object in JSON with `seed`, `test` and the file for `notes`.
VARIABLE = "STORE_FAULTS"
#: What SQLite may say, how often of a hundred faults, and whether it may stay so for the rest of the process.
KINDS: dict[str, tuple[apsw.Error, int, bool]] = {
    "locked": (apsw.BusyError("database is locked"), 40, False),
    "full": (apsw.FullError("database or disk is full"), 20, True),
    "io": (apsw.IOError("disk I/O error"), 15, True),
    "damaged": (apsw.CorruptError("database disk image is malformed"), 15, True),
    "unavailable": (apsw.CantOpenError("unable to open database file"), 10, True),
}
#: How often a call fails, by method, other than usually; `open` is the making of the store.
USUALLY = 0.02
_OFTEN = ("open_run", "record", "request", "pause", "unpause", "ledger.settle", "backfills.move", "results.put")
RATES = {"open": 0.01, **dict.fromkeys(_OFTEN, 0.06)}
#: The parts of a store that have methods of their own, which fail like the store's own.
PARTS = ("ledger", "backfills", "results")
#: These never fail in the real store.
SURE = ("close", "make_room")
#: Of these an error may come although the commit was made, and of so many of their errors it is so.
COMMITS = ("open_run", "record", "ledger.settle", "backfills.move", "results.put")
AMBIGUOUS = 0.4
LASTING = 0.4


class FaultyStore:
    """The store that `opened()` gives, and its faults; `note(text)` is told of each before it is raised."""

    def __init__(self, opened: Callable[[], Store], path: str, chance: Random, note: Callable[[str], None]):
        self._path, self._chance, self._note = path, chance, note
        self._lasting: str | None = None
        self._store: Store = self._call("open", opened)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name in PARTS:
            return FaultyPart(name, found, self._call)
        return partial(self._call, name, found) if callable(found) else found

    def _call(self, name: str, method: Callable[..., Any], *values: Any, **named: Any) -> Any:
        kind = self._drawn(name)
        if kind is None:
            return method(*values, **named)
        error, _, may_last = KINDS[kind]
        made = name in COMMITS and not self._lasting and self._chance.random() < AMBIGUOUS
        if made:
            method(*values, **named)
        self._note(f"{kind} {name} {'made' if made else 'refused'}")
        if may_last and self._chance.random() < LASTING:
            self._lasting = kind
        raise explained(error, self._path)

    def _drawn(self, name: str) -> str | None:
        """What goes wrong with this call, None where nothing does."""
        if name in SURE:
            return None
        if self._lasting:
            return self._lasting
        if self._chance.random() >= RATES.get(name, USUALLY):
            return None
        return self._chance.choices(list(KINDS), [weight for _, weight, _ in KINDS.values()])[0]


class FaultyPart:
    """A part of the store, every call of which goes by `call(NAME.method, method, ...)`."""

    def __init__(self, name: str, part: object, call: Callable[..., Any]):
        self._name, self._part, self._call = name, part, call

    def __getattr__(self, method: str) -> Any:
        return partial(self._call, f"{self._name}.{method}", getattr(self._part, method))


def install(text: str) -> None:
    """Have the stores of this process fail as the text says, which is the value of `VARIABLE`."""
    given = json.loads(text)
    notes = Path(given["notes"])
    earlier = notes.read_text().count("command") if notes.exists() else 0

    def note(line: str) -> None:
        with notes.open("a") as file:
            file.write(f"{os.getpid()} {line}\n")

    note("command")
    chance = Random(f"{given['seed']} {given['test']} {earlier}")
    really = wire.store
    wire.store = lambda url, name="": FaultyStore(lambda: really(url, name), url.removeprefix(SQLITE), chance, note)
