"""How a runner learns that its children have exited: by pidfd on Linux, by SIGCHLD and waitpid everywhere.

Both wait for the pids they were told to watch and for nobody else, so children of other code keep their status.
"""

from __future__ import annotations

import os
import select
import sys

from tetra_orchestrator import signals as signal
from tetra_orchestrator.adapters.runner.spawn import SPARE
from tetra_orchestrator.core.facts import Usage
from tetra_orchestrator.core.outcome import Exited, Lost, Signalled

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    from typing import Protocol

    from tetra_orchestrator.core.outcome import Outcome

    class Waiter(Protocol):
        """Watches children until they exit."""

        # Becomes readable when a child has exited; None when only SIGCHLD tells.
        @property
        def fd(self) -> int | None: ...

        # Seconds after which to look even though nothing woke us; None when that is not needed.
        @property
        def within_s(self) -> float | None: ...

        def watch(self, pid: int) -> None: ...

        # Whether the descriptor of an output is readable wakes us too, from now on or no longer.
        def listen(self, fd: int) -> None: ...

        def ignore(self, fd: int) -> None: ...

        # Pids that have exited since the last call, reaped: how they ended and what they took.
        def ended(self) -> list[tuple[int, Outcome, Usage]]: ...

        def close(self) -> None: ...


#: How often to look for exits that nothing announces.
LOOK_S = 0.02


_our_peak = 0
# The kernel counts the peak in KiB, that of macOS in bytes: getrusage(2).
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
# Of what goes from and to disks it counts 512 bytes each, that of macOS operations.
_BLOCK = 512 if sys.platform == "linux" else None


def reap(pid: int) -> tuple[Outcome, Usage] | None:
    """How our child `pid` ended and what it took, with the children that it waited for; None while it runs."""
    try:
        done, status, usage = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:
        return Lost("its exit status was collected by other code of this process"), Usage()
    if not done:
        return None
    code = os.waitstatus_to_exitcode(status)
    return Exited(code) if code >= 0 else Signalled(-code), used(usage)


def used(usage: resource.struct_rusage) -> Usage:
    """What a child took that was waited for, with the children that it waited for: the peak is that of the largest."""
    cpu_s, peak = usage.ru_utime + usage.ru_stime, _peak(usage.ru_maxrss)
    if _BLOCK is None:
        return Usage(cpu_s, peak)
    return Usage(cpu_s, peak, None, usage.ru_inblock * _BLOCK, usage.ru_oublock * _BLOCK)


def _peak(rss: int) -> int | None:
    """The peak as bytes. A child begins in our memory, so one that is not above our own says nothing about it."""
    global _our_peak
    if rss > _our_peak:
        import resource  # wait4 has imported it

        _our_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return rss * _RSS_UNIT if rss > _our_peak else None


class PortableWaiter:
    """Asks waitpid for each pid in turn. SIGCHLD wakes its caller if somebody handles that, else `within_s` does."""

    fd = None

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._outputs: set[int] = set()

    @property
    def within_s(self) -> float | None:
        """Seconds after which to look even though nothing woke us; None when that is not needed."""
        unheard = self._pids and not callable(signal.getsignal(signal.SIGCHLD))
        return LOOK_S if unheard or self._outputs else None

    def watch(self, pid: int) -> None:
        """Include our child `pid` from now on."""
        self._pids.add(pid)

    def listen(self, fd: int) -> None:
        """Look often while there are outputs."""
        self._outputs.add(fd)

    def ignore(self, fd: int) -> None:
        """Heed the output no longer."""
        self._outputs.discard(fd)

    def ended(self) -> list[tuple[int, Outcome, Usage]]:
        """Pids that have exited since the last call, reaped."""
        ended = [(pid, *end) for pid in self._pids if (end := reap(pid)) is not None]
        self._pids.difference_update(pid for pid, _, _ in ended)
        return ended

    def close(self) -> None:
        """Watch nobody any more."""
        self._pids.clear()
        self._outputs.clear()


if sys.platform == "linux":

    class PidfdWaiter:
        """One epoll over a pidfd for each child. Children for which no descriptor is left are watched portably."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._pids: dict[int, int] = {}
            self._rest = PortableWaiter()
            most = os.sysconf("SC_OPEN_MAX")
            self._most = most - SPARE if most >= 0 else sys.maxsize

        @property
        def fd(self) -> int:
            """Becomes readable when a child has exited."""
            return self._epoll.fileno()

        @property
        def within_s(self) -> float | None:
            """Seconds after which to look even though `fd` is silent; None when that is not needed."""
            return self._rest.within_s

        def watch(self, pid: int) -> None:
            """Include our child `pid` from now on."""
            try:
                fd = os.pidfd_open(pid)
            except OSError:
                self._rest.watch(pid)
                return
            if fd >= self._most:
                os.close(fd)
                self._rest.watch(pid)
                return
            self._pids[fd] = pid
            self._epoll.register(fd, select.EPOLLIN)

        def listen(self, fd: int) -> None:
            """Have `fd` show when this output is readable, too."""
            self._epoll.register(fd, select.EPOLLIN)

        def ignore(self, fd: int) -> None:
            """Heed the output no longer; before it is closed."""
            self._epoll.unregister(fd)

        def ended(self) -> list[tuple[int, Outcome, Usage]]:
            """Pids that have exited since the last call, reaped."""
            ended = self._rest.ended()
            for fd, _ in self._epoll.poll(0):
                if fd in self._pids and (end := reap(self._pids[fd])) is not None:
                    ended.append((self._pids[fd], *end))
                    self._forget(fd)
            return ended

        def _forget(self, fd: int) -> None:
            # Before the close: a child being spawned may hold a copy, which would keep the registration: epoll(7).
            self._epoll.unregister(fd)
            os.close(fd)
            del self._pids[fd]

        def close(self) -> None:
            """Watch nobody any more."""
            for fd in list(self._pids):
                self._forget(fd)
            self._rest.close()
            self._epoll.close()


def choose_waiter(name: str | None = None) -> Waiter:
    """The best waiter here, or the one called `name`: `pidfd` or `portable`. ValueError for another name."""
    if name not in (None, "", "pidfd", "portable"):
        raise ValueError(f"no waiter is called {name!r}: pidfd, portable")
    if sys.platform == "linux" and name != "portable" and _has_pidfd():
        return PidfdWaiter()
    return PortableWaiter()


def _has_pidfd() -> bool:
    if sys.platform == "linux":
        try:
            os.close(os.pidfd_open(os.getpid()))
        except OSError:
            return False
        return True
    return False
