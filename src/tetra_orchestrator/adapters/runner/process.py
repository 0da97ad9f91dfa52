"""Other processes: who they are, whether they live, and how their trees are ended.

An identity is the text `"<pid>:<start time>:<boot>"`. It never names a process that got the pid later, so it can be
kept in the store and be trusted by the next command.
"""

from __future__ import annotations

import os
import sys
import time

from tetra_orchestrator import signals as signal
from tetra_orchestrator.adapters.runner.processtable import (
    TOKEN,
    Process,
    become_subreaper,
    identity,
    is_subreaper,
    look,
    orphans,
    settled_token_of,
    state_of,
    table,
    token_of,
)

__all__ = [
    "TOKEN",
    "Ending",
    "Process",
    "become_subreaper",
    "end_tree",
    "find",
    "identity",
    "is_alive",
    "is_subreaper",
    "orphans",
    "pid_of",
    "settled_token_of",
    "signal_group",
    "signal_process",
    "state_of",
    "token_of",
    "tree",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from tetra_orchestrator.core.facts import Facts, Usage
    from tetra_orchestrator.core.outcome import Outcome

#: What is still there so long after KILL is taken for something that the kernel does not let go of.
KILL_LIMIT_S = 5.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.005, 0.1


def pid_of(identity: str) -> int:
    """The pid within an identity; 0 when the text is not one."""
    pid = identity.partition(":")[0]
    return int(pid) if pid.isdecimal() else 0


def is_alive(identity: str) -> bool:
    """Whether exactly this process exists and has not exited."""
    found = look(pid_of(identity))
    return found is not None and found.identity == identity


def signal_process(identity: str, signum: int) -> bool:
    """Send `signum` to exactly this process. False when it is gone, its pid was reused, or it is not ours to signal."""
    pid = pid_of(identity)
    if pid <= 1:
        return False
    try:
        return _deliver(pid, identity, signum)
    except OSError:
        return False


def _deliver(pid: int, expected: str, signum: int) -> bool:
    if sys.platform == "linux" and (fd := _pidfd(pid)) is not None:
        # The descriptor holds on to the process, so its pid cannot be reused between the look and the signal.
        try:
            known = identity(pid) == expected
            if known:
                signal.pidfd_send_signal(fd, signum)
            return known
        finally:
            os.close(fd)
    if identity(pid) != expected:
        return False
    os.kill(pid, signum)
    return True


def _pidfd(pid: int) -> int | None:
    if sys.platform == "linux":
        try:
            return os.pidfd_open(pid)
        except OSError:
            return None
    return None


def signal_group(group: int, signum: int) -> bool:
    """Send `signum` to every member of a process group; False when it has no member that may be signalled."""
    try:
        os.killpg(group, signum)
    except OSError:
        return False
    return True


def find(token: str) -> list[str]:
    """Identities of the live processes that carry the attempt's `token`, except our own.

    Within microseconds of its start a process may be missed: while exec(2) is at work it shows no environment.
    """
    return [each.identity for each in table() if token_of(each.pid) == token]


def tree(roots: Iterable[str], token: str | None) -> dict[str, Process]:
    """The live processes of a tree by identity, except our own: the sessions and groups that `roots` lead, all that
    carry `token`, and what descends from these. Roots must live or be only just gone: their pids name the groups."""
    everyone = {each.pid: each for each in table()}
    leaders = {pid_of(root): root for root in roots}
    leaders = {pid: root for pid, root in leaders.items() if pid not in everyone or everyone[pid].identity == root}
    found = {pid for pid, each in everyone.items() if _belongs(each, leaders, token)}
    children: dict[int, list[int]] = {}
    for pid, each in everyone.items():
        children.setdefault(each.parent, []).append(pid)
    todo = list(found)
    while todo:
        new = [child for child in children.get(todo.pop(), ()) if child not in found]
        found.update(new)
        todo += new
    return {everyone[pid].identity: everyone[pid] for pid in found}


def _from_above(whom: Iterable[str], members: Mapping[str, Process]) -> list[str]:
    """Parents before their children: a shell whose program is ended before it would go on with its next line."""
    parents = {each.pid: each.parent for each in members.values()}

    def depth(pid: int) -> int:
        above = 0
        while pid in parents and above < len(parents):
            pid, above = parents[pid], above + 1
        return above

    return sorted(whom, key=lambda each: depth(pid_of(each)))


def _belongs(process: Process, leaders: Container[int], token: str | None) -> bool:
    if process.pid in leaders or process.group in leaders or process.session in leaders:
        return True
    return token is not None and token_of(process.pid) == token


class Ending:
    """The end of one process tree, step by step: TERM and CONT, and KILL once `grace_s` seconds have passed.

    `group` is a process group that is certainly ours because its leader, our child, has not been waited for: it is
    signalled as a whole. `look_at` says in monotonic seconds when the next step is due. `forbidden` are those that live
    and may not be signalled by us; they are not waited for. `left` are the others that the last step found.
    `killed_at` is when KILL was first sent.
    """

    def __init__(self, roots: Iterable[str], token: str | None, grace_s: float, group: int | None = None) -> None:
        self.group = group
        self.look_at = time.monotonic()
        self.deadline = self.look_at + grace_s
        self._roots = tuple(roots)
        self._token = token
        self._pause_s = _FIRST_PAUSE_S
        self._asked: set[str] = set()
        self.forbidden: set[str] = set()
        self.left: set[str] = set()
        self.killed_at: float | None = None

    def step(self) -> bool:
        """Signal whoever is due a signal; True when nobody is left whom we may end."""
        now = time.monotonic()
        members = tree(self._roots, self._token)
        left = set(members) | {each for each in self._asked - set(members) if is_alive(each)}
        if now >= self.deadline:
            self.killed_at = self.killed_at or now
            self._send(left, members, signal.SIGKILL)
        else:
            self._send(left - self._asked, members, signal.SIGTERM, signal.SIGCONT)
        self._plan(now)
        self.left = left - self.forbidden
        return not self.left

    def _send(self, whom: set[str], members: dict[str, Process], *signals: int) -> None:
        group = self.group if not self._asked or signal.SIGKILL in signals else None
        singly = {each for each in whom if each not in members or members[each].group != group} - self.forbidden
        for signum in signals:
            if group is not None:
                signal_group(group, signum)
            for each in _from_above(singly, members):
                if not signal_process(each, signum) and is_alive(each):
                    self.forbidden.add(each)
        self._asked |= whom

    def _plan(self, now: float) -> None:
        self.look_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LAST_PAUSE_S)
        if now < self.deadline:
            # While the main process lives its exit is announced; nothing else is due before the deadline.
            self.look_at = self.deadline if self.group is not None else min(self.look_at, self.deadline)


def end_tree(identities: Iterable[str], grace_s: float) -> bool:
    """End the trees of processes that are not our children and wait for it: TERM, CONT, `grace_s` seconds, KILL.

    False when something still lives 5 seconds after KILL.
    """
    by_token: dict[str | None, list[str]] = {}
    for each in filter(is_alive, identities):
        by_token.setdefault(token_of(pid_of(each)), []).append(each)
    return _complete([Ending(roots, token, grace_s) for token, roots in by_token.items()], grace_s)


def _complete(endings: list[Ending], grace_s: float) -> bool:
    limit = time.monotonic() + grace_s + KILL_LIMIT_S
    while endings := [each for each in endings if not each.step()]:
        now = time.monotonic()
        if now > limit:
            return False
        time.sleep(max(min(each.look_at for each in endings) - now, 0))
    return True


def _process_in(handle: str | None) -> str:
    """The identity in a handle: of a call, the worker that it is in."""
    return (handle or "").partition("#")[0]


class ProcessTable:
    """The `Processes` of this machine."""

    def own(self) -> str:
        """The identity of our own process."""
        return identity(os.getpid()) or ""

    def is_alive(self, identity: str) -> bool:
        """Whether exactly this process exists and has not exited."""
        return is_alive(identity)

    def signal(self, identity: str, number: int) -> bool:
        """Send a signal to exactly this process; False when it is gone."""
        return signal_process(identity, number)

    def survived(self, handles: Mapping[str, str | None]) -> set[str]:
        """Which of the attempts, given as token -> handle, still have a live process: by either of the two."""
        carried = {token for each in table() if (token := token_of(each.pid)) is not None}
        return {token for token, handle in handles.items() if token in carried or is_alive(_process_in(handle))}

    def usage(self, handles: Mapping[str, str | None]) -> Mapping[str, Usage]:
        """What those of the attempts, given as token -> handle, take that run here, as one look shows it."""
        from tetra_orchestrator.adapters.runner.metering.meter import take_stock

        return take_stock({token: _process_in(handle) for token, handle in handles.items()})

    def end_trees(self, handles: Mapping[str, str | None], grace_s: float) -> None:
        """End every process that carries a token, the one its handle names if it still is, and their descendants.

        A process that dropped its environment shows no token, so only its handle tells.
        """
        alive = {token: _process_in(handle) for token, handle in handles.items()}
        named = {token: [process] if is_alive(process) else [] for token, process in alive.items()}
        _complete([Ending([*named[token], *find(token)], token, grace_s) for token in handles], grace_s)

    def left(self, record: str, token: str) -> tuple[Outcome, Facts] | None:
        """How the attempt with the token ended by what its wrapper has left; None while there is nothing."""
        from tetra_orchestrator.adapters.runner.wrapped.record import read_record

        return read_record(record, token)
