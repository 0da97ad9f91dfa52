"""Control groups: where this process may make them, and one for an attempt, in which the kernel keeps its limits.

Sources: cgroups(7); Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the kernel; systemd's CGROUP_DELEGATION.
"""

from __future__ import annotations

import os
import signal

from tetra_orchestrator.adapters.runner.process import identity
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tetra_orchestrator.core.facts import Bounds

#: What the names of our groups begin with, and the group that we ourselves move to where the kernel wants that.
PREFIX = "tetra-"
LEAF = "tetra-main"
#: The keys of `resources` that a controller keeps.
CONTROLLERS = {"memory": "memory", "processes": "pids", "cpu": "cpu"}
_PERIOD_US = 100_000
#: Absent where the kernel was built without it or lacks it; the limit itself holds all the same.
_OPTIONAL = {"memory.swap.max", "memory.oom.group", "memory.swappiness"}
_KILL_ROUNDS = 100


class Place(Record):
    """Folders below which we may make groups: pairs of a controller's name and the folder of its hierarchy.

    In cgroup v2 (`unified`) it is one folder for all of them.
    """

    unified: bool
    folders: tuple[tuple[str, str], ...]

    def group(self, token: str, bounds: Bounds) -> Group | None:
        """A new group with these limits, or None when none of them can be kept by one."""
        name = f"{PREFIX}{_owner(os.getpid())}-{token}"
        made: dict[str, None] = {}
        enforced = set()
        for key, controller in CONTROLLERS.items():
            settings = settings_of(key, bounds, self.unified)
            for path in [f"{folder}/{name}" for known, folder in self.folders if known == controller and settings]:
                if _set_up(path, settings):
                    enforced.add(key)
                made[path] = None
        group = Group(tuple(made), frozenset(enforced))
        if enforced:
            return group
        group.close()
        return None

    def sweep(self) -> None:
        """Remove the empty groups of those of us who are no more."""
        for _, folder in self.folders:
            for name in _names(folder):
                pid = name.removeprefix(PREFIX).partition(".")[0]
                if name.startswith(PREFIX) and pid.isdecimal() and not name.startswith(f"{PREFIX}{_owner(int(pid))}-"):
                    _remove(f"{folder}/{name}")


def settings_of(key: str, bounds: Bounds, unified: bool) -> tuple[tuple[str, str], ...]:
    """The files to write for the limit `key`, in order, with their content; nothing where it is not limited."""
    memory, processes = str(bounds.memory_bytes), str(bounds.processes)
    quota = str(max(round(bounds.cpu * _PERIOD_US), 1000))
    if key == "memory" and bounds.memory_bytes:
        if unified:
            return (("memory.max", memory), ("memory.swap.max", "0"), ("memory.oom.group", "1"))
        # Unlike a limit of memory and swap together, no swappiness lets `memory.failcnt` count.
        return (("memory.limit_in_bytes", memory), ("memory.swappiness", "0"))
    if key == "processes" and bounds.processes:
        return (("pids.max", processes),)
    if key == "cpu" and bounds.cpu:
        if unified:
            return (("cpu.max", f"{quota} {_PERIOD_US}"),)
        return (("cpu.cfs_period_us", str(_PERIOD_US)), ("cpu.cfs_quota_us", quota))
    return ()


def _set_up(path: str, settings: Iterable[tuple[str, str]]) -> bool:
    try:
        os.makedirs(path, exist_ok=True)
        for name, text in settings:
            if not _wrote(f"{path}/{name}", text) and name not in _OPTIONAL:
                return False
    except OSError:
        return False
    return True


class Group:
    """The control group of one attempt: a folder in each hierarchy that has one of its limits, `enforced`."""

    def __init__(self, folders: tuple[str, ...], enforced: frozenset[str]) -> None:
        self.enforced = enforced
        self.entrances = tuple(f"{folder}/cgroup.procs" for folder in folders)
        self._folders = folders

    def empty(self) -> bool:
        """Whether no process is in it or below it."""
        return not any(_populated(folder) for folder in self._folders)

    def kill(self) -> None:
        """Send KILL to every process in it and below it, until there is none or the kernel does not let go of one."""
        for folder in self._folders:
            if not _wrote(f"{folder}/cgroup.kill", "1"):
                _kill_one_by_one(folder)

    def out_of_memory(self) -> str | None:
        """Why the kernel killed a process of it for want of memory: `limit` or `host`; None when it has not."""
        for folder in self._folders:
            if _count(f"{folder}/memory.events", "oom_kill"):
                return "limit" if _count(f"{folder}/memory.events", "oom") else "host"
            if _count(f"{folder}/memory.oom_control", "oom_kill"):
                return "limit" if _read(f"{folder}/memory.failcnt").strip() not in ("", "0") else "host"
        return None

    def cpu_s(self) -> float | None:
        """The processor time that all its processes took; None where none of its hierarchies counts that."""
        for folder in self._folders:
            if os.path.exists(f"{folder}/cpu.stat") and (spent := _count(f"{folder}/cpu.stat", "usage_usec")):
                return spent / 1e6
            if (nanoseconds := _read(f"{folder}/cpuacct.usage").strip()).isdecimal():
                return int(nanoseconds) / 1e9
        return None

    def refused(self) -> int:
        """How many times a process or thread was not started because of the limit."""
        return sum(_count(f"{folder}/pids.events", "max") for folder in self._folders)

    def close(self) -> None:
        """Remove it, unless a process is still in it."""
        for folder in self._folders:
            _remove(folder)


def find_place(proc: str = "/proc/self") -> Place | None:
    """Where this process may make groups: below its own, in cgroup v2 if that has one of our controllers, else in v1.

    None on a system without control groups, or where our own belongs to somebody else.
    """
    own = {name: folder for name, folder in _own_folders(proc) if _holds_us(folder)}
    return (_unified(own[""]) if "" in own else None) or _legacy(own)


def _own_folders(proc: str) -> Iterator[tuple[str, str]]:
    """Controller (`` for v2) -> the folder of our own group: proc(5), /proc/pid/cgroup and /proc/pid/mountinfo."""
    paths = {}
    for line in _read(f"{proc}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        paths.update(dict.fromkeys(names.split(","), path))
    for line in _read(f"{proc}/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        root, folder = before.split(" ")[3:5]
        kind, _, options = after.split(" ", 2)
        for name in [""] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else ():
            if name in paths:
                yield name, (folder + paths[name].removeprefix(root.rstrip("/"))).rstrip("/")


def _holds_us(folder: str) -> bool:
    return str(os.getpid()) in _read(f"{folder}/cgroup.procs").split()


def _unified(own: str) -> Place | None:
    base = os.path.dirname(own) if os.path.basename(own) == LEAF else own
    offered = _read(f"{base}/cgroup.controllers").split()
    wanted = [controller for controller in CONTROLLERS.values() if controller in offered]
    may_write = all(os.access(f"{base}/{name}", os.W_OK) for name in (".", "cgroup.procs", "cgroup.subtree_control"))
    if not wanted or not may_write or (os.path.isdir("/run/systemd/system") and not _is_ours(base)):
        return None
    try:
        _hand_down(base, wanted)
    except OSError:
        return None
    return Place(True, tuple((controller, base) for controller in wanted))


def _is_ours(base: str) -> bool:
    """Whether we made it, or systemd has delegated it (which it marks since version 236, for users since 251)."""
    if os.path.basename(base).startswith(PREFIX):
        return True
    for name in ("user.delegate", "trusted.delegate") if hasattr(os, "getxattr") else ():
        try:
            if os.getxattr(base, name) == b"1":
                return True
        except OSError:
            continue
    return False


def _hand_down(base: str, controllers: list[str]) -> None:
    """Let groups below `base` have the controllers, for which no process may be in `base` itself unless it is the root.

    OSError when that cannot be had. Processes are moved only out of a group that is ours.
    """
    missing = set(controllers) - set(_read(f"{base}/cgroup.subtree_control").split())
    if missing and os.path.exists(f"{base}/cgroup.type") and _is_ours(base):
        os.makedirs(f"{base}/{LEAF}", exist_ok=True)
        for pid in _read(f"{base}/cgroup.procs").split():
            _wrote(f"{base}/{LEAF}/cgroup.procs", pid)
    for controller in sorted(missing):
        _write(f"{base}/cgroup.subtree_control", f"+{controller}")


def _legacy(own: dict[str, str]) -> Place | None:
    folders = tuple(
        (controller, own[controller])
        for controller in CONTROLLERS.values()
        if controller in own and os.access(own[controller], os.W_OK)
    )
    return Place(False, folders) if folders else None


def _owner(pid: int) -> str:
    # No boot: groups do not outlive one.
    start = (identity(pid) or "::").split(":")[1]
    return f"{pid}.{start}"


def _below(folder: str) -> list[str]:
    """The folder and all groups below it, innermost first."""
    return [path for path, _, _ in os.walk(folder, topdown=False)]


def _populated(folder: str) -> bool:
    if os.path.exists(f"{folder}/cgroup.events"):
        return _count(f"{folder}/cgroup.events", "populated") > 0
    return bool(_pids(folder))


def _pids(folder: str) -> list[int]:
    return [int(pid) for path in _below(folder) for pid in _read(f"{path}/cgroup.procs").split()]


def _kill_one_by_one(folder: str) -> None:
    # Nobody new appears where that can be forbidden; elsewhere a few rounds outrun what forks.
    _wrote(f"{folder}/pids.max", "0")
    for _ in range(_KILL_ROUNDS):
        pids = _pids(folder)
        for pid in pids:
            _kill(pid)
        if not pids:
            return


def _kill(pid: int) -> None:
    # 0 stands for a process that is not in our pid namespace; to kill(2) it is our own group.
    try:
        if pid:
            os.kill(pid, signal.SIGKILL)
    except OSError:
        return


def _remove(folder: str) -> None:
    for path in _below(folder):
        try:
            os.rmdir(path)
        except OSError:
            return


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _count(path: str, name: str) -> int:
    """The number that follows `name` in a file of names and numbers; 0 where there is none."""
    for line in _read(path).splitlines():
        key, _, number = line.partition(" ")
        if key == name:
            return int(number)
    return 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _wrote(path: str, text: str) -> bool:
    try:
        _write(path, text)
    except OSError:
        return False
    return True
