"""Looks at the processes of attempts now and then: one look at the process table serves all of them."""

from __future__ import annotations

import os
import time

from tetra_orchestrator.adapters.runner.metering.census import everyone, row
from tetra_orchestrator.adapters.runner.metering.tally import Tally
from tetra_orchestrator.adapters.runner.process import is_alive, pid_of
from tetra_orchestrator.adapters.runner.processtable import token_of
from tetra_orchestrator.core.facts import UNKNOWN, Usage
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tetra_orchestrator.adapters.runner.metering.census import Row, Start
    from tetra_orchestrator.adapters.runner.metering.samples import SampleFile
    from tetra_orchestrator.ports import Launch

#: The first pause between two looks, by how much each is longer than the one before, and the longest.
FIRST_S, _GROWTH, _LONGEST_S = 1.0, 1.25, 5.0
#: Looks take at most this share of one CPU, those at shared memory that one; the rest of 1% is for waking up.
_SHARE, _DEEP_SHARE = 0.006, 0.002
#: Shared memory may be looked at for so long at first, and for so long at a time.
_DEEP_CREDIT_S, _DEEP_LIMIT_S = 0.01, 0.5


class Tree(Record):
    """Whom a look is about: the processes below the main one, in its session or group, and those with the token.

    `main` is the pid of a process that is certainly there; None once it is not. A wrapper is `apart`: not counted.
    `launch` is what they were started for, where looks are kept.
    """

    key: str
    token: str
    main: int | None
    apart: bool = False
    launch: Launch | None = None


class Meter:
    """Keeps a tally for each tree by its key. `adopts`: orphans become our children, so nobody else need be asked for
    their token. `samples` keeps what each look finds.
    """

    def __init__(self, *, adopts: bool, samples: SampleFile | None = None) -> None:
        self._adopts = adopts
        self._samples = samples
        self._owners: dict[int, tuple[Start, str | None]] = {}
        self._tallies: dict[str, Tally] = {}
        self._pause_s = FIRST_S
        self._began = time.monotonic()
        self._deep_s = 0.0
        #: In monotonic seconds: when to look next, and before when not to.
        self.due = self.soonest = self._began

    def look(self, trees: Collection[Tree]) -> None:
        """Look at everybody once, and plan the next look."""
        began = time.thread_time()
        if self._count(trees):
            self._pause_s = FIRST_S
        if self._samples:
            self._samples.add([(each.launch, self._tallies[each.key].now()) for each in trees if each.launch])
        now, spent = time.monotonic(), time.thread_time() - began
        self.soonest = now + spent / _SHARE
        self.due = max(now + self._pause_s, self.soonest)
        self._pause_s = min(self._pause_s * _GROWTH, _LONGEST_S)
        self._look_deep(now)

    def usage(self, key: str) -> Usage:
        """What is known of the tree by now."""
        tally = self._tallies.get(key)
        return tally.usage() if tally else UNKNOWN

    def forget(self, key: str) -> Usage:
        """The same, of a tree that is gone."""
        tally = self._tallies.pop(key, None)
        return tally.usage() if tally else UNKNOWN

    def owner(self, pid: int, start: Start) -> str | None:
        """The key of the tree to which the last look found that the process belongs."""
        known, owner = self._owners.get(pid, (None, None))
        return owner if known == start else None

    def _count(self, trees: Collection[Tree]) -> bool:
        """Take in everybody's figures; True when there are trees that were not there before."""
        apart = {tree.main for tree in trees if tree.apart}
        rows: dict[str, list[Row]] = {tree.key: [] for tree in trees}
        for each, key in self._members(trees):
            if key in rows and each.pid not in apart:
                rows[key].append(each)
        new = rows.keys() - self._tallies.keys()
        self._tallies.update((key, Tally()) for key in new)
        for key, found in rows.items():
            self._tallies[key].add(found)
        return bool(new)

    def _members(self, trees: Collection[Tree]) -> list[tuple[Row, str]]:
        """Everybody who belongs to a tree, with its key. Who once does, or once does not, is not asked again."""
        known, self._owners = self._owners, {}
        rows, unsure = {}, {}
        for pid, start, figures in everyone():
            before, owner = known.get(pid, (None, None))
            if before == start:
                self._owners[pid] = start, owner
                if owner is None:
                    continue
            if (each := row(pid, figures)) is not None:
                rows[pid] = each
                if before != start:
                    unsure[pid] = each
        _Kinship(trees, adopts=self._adopts).settle(unsure, self._owners)
        return [(each, key) for pid, each in rows.items() if pid in self._owners and (key := self._owners[pid][1])]

    def _look_deep(self, now: float) -> None:
        """Look at shared memory as long as there is time to spare for it, and first where that is longest ago."""
        credit = _DEEP_CREDIT_S + (now - self._began) * _DEEP_SHARE
        costs = {key: cost for key, one in self._tallies.items() if (cost := one.deep_cost_s(now)) is not None}
        for key in sorted(costs, key=lambda key: self._tallies[key].asked_at):
            if costs[key] > min(credit - self._deep_s, _DEEP_LIMIT_S):
                return
            began = time.thread_time()
            self._tallies[key].look_deep(now)
            self._deep_s += time.thread_time() - began


def take_stock(processes: Mapping[str, str]) -> dict[str, Usage]:
    """What one look shows of attempts, given as token -> identity of the main process; without those not found.

    Attempts that share their main process, as calls do, each have all of it.
    """
    meter = Meter(adopts=False)
    names = {identity: identity for identity in processes.values() if is_alive(identity)}
    meter.look(
        [
            Tree(names.get(identity, token), token, pid_of(identity) if identity in names else None)
            for token, identity in processes.items()
        ]
    )
    found = {token: meter.usage(names.get(identity, token)) for token, identity in processes.items()}
    return {token: usage for token, usage in found.items() if usage.cpu_s is not None}


class _Kinship:
    """Tells to which of the trees processes belong."""

    def __init__(self, trees: Collection[Tree], *, adopts: bool) -> None:
        self._mains = {tree.main: tree.key for tree in trees if tree.main is not None}
        self._tokens = {tree.token: tree.key for tree in trees}
        self._adopts = adopts
        self._self = os.getpid()

    def settle(self, unsure: Mapping[int, Row], owners: dict[int, tuple[Start, str | None]]) -> None:
        """Add the owners of those who are unsure to those who are known, parents before their children."""
        for first in unsure:
            line = []
            pid = first
            while pid in unsure and pid not in owners:
                line.append(pid)
                owners[pid] = unsure[pid].start, None
                pid = unsure[pid].parent
            above = owners[pid][1] if pid in owners else None
            for pid in reversed(line):
                above = self._owner(unsure[pid], above)
                owners[pid] = unsure[pid].start, above

    def _owner(self, each: Row, above: str | None) -> str | None:
        for pid in (each.pid, each.group, each.session):
            if pid in self._mains:
                return self._mains[pid]
        if above is not None:
            return above
        if self._adopts and each.parent != self._self:
            return None
        token = token_of(each.pid)
        return None if token is None else self._tokens.get(token)
