"""What strace(1) saw of a workload, performed again on the model of a disk, step by step."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from proofs.disk import Disk, File, Folder, Node, Resize, Write

_OPENS = ("open", "openat", "creat")
_FOLDERS = ("mkdir", "mkdirat")
_RENAMES = ("rename", "renameat", "renameat2")
_LINKS = ("link", "linkat")
_REMOVALS = ("unlink", "unlinkat", "rmdir")
_WRITES = ("write", "pwrite64", "writev")
_SIZES = ("ftruncate", "truncate", "fallocate")
_SYNCS = ("fsync", "fdatasync")
_COPIES = ("dup", "dup2", "dup3", "fcntl")
_FORKS = ("clone", "clone3", "fork", "vfork")
_CALLS = (*_OPENS, *_FOLDERS, *_RENAMES, *_LINKS, *_REMOVALS, *_WRITES, *_SIZES, *_SYNCS, *_COPIES, *_FORKS)
#: Those that are told a descriptor; the others are told a path.
BY_DESCRIPTOR = (*_WRITES, "ftruncate", "fallocate", *_SYNCS)
#: Every string in hexadecimal and whole, every descriptor with its path, in the order of events.
STRACE = ("-f", "-q", "-y", "-xx", "-s", str(1 << 24), "-e", f"trace={','.join(_CALLS)}")

_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>,? ?(.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PLACE = re.compile(r"[^<,]*<((?:\\x[0-9a-f]{2})*)>")


class Call(NamedTuple):
    """One system call that succeeded; it began and ended at these lines of the trace."""

    pid: int
    name: str
    args: str
    result: int
    began: int
    ended: int

    def texts(self) -> list[bytes]:
        """Its strings."""
        return [_unhexed(text) for text in _TEXT.findall(self.args)]

    def place(self) -> str:
        """The path of the descriptor that is its first argument; "" where there is none."""
        found = _PLACE.match(self.args)
        return os.fsdecode(_unhexed(found[1])) if found else ""

    def descriptor(self) -> int:
        """Its first argument."""
        return int(re.match(r"\d+", self.args)[0])  # type: ignore[index]

    def last(self) -> int:
        """Its last argument as a number."""
        return int(self.args.rpartition(",")[2])


def read_trace(trace: Path) -> list[Call]:
    """The calls that succeeded, in the order of their ends. One during which its process was killed has no end."""
    calls: list[Call] = []
    begun: dict[int, tuple[int, str]] = {}
    with trace.open(encoding="ascii", errors="replace") as lines:
        for number, line in enumerate(lines):
            pid, text = int(line.split(" ", 1)[0]), line.split(" ", 1)[1].strip()
            if text.endswith(_UNFINISHED):
                begun[pid] = number, text.removesuffix(_UNFINISHED)
                continue
            began = number
            if resumed := _RESUMED.match(text):
                began, head = begun.pop(pid)
                text = head + resumed[1]
            call = _CALL.match(text)
            if call and not call[3].startswith("-"):
                calls.append(Call(pid, call[1], call[2], int(call[3]), began, number))
    return calls


class Opened:
    """An open file: processes that inherited it, and copies of its descriptor, share the offset (open(2))."""

    def __init__(self, file: File, *, appends: bool):
        self.file, self.appends, self.offset = file, appends, 0


class Replay:
    """Performs the calls on the disk. `printed(path, data)` is told what was written into other files that are open.

    Not followed: writes through mmap(2), which are only to memory that is no state; relative paths of processes that
    moved away from the folder above the disk's. `Disk.strays` tells in the end whether that mattered.
    """

    def __init__(self, disk: Disk, printed: Callable[[str, bytes], object]):
        self._disk, self._printed = disk, printed
        self._tables: dict[int, dict[int, Opened]] = {}

    def steps(self, calls: list[Call]) -> Iterator[tuple[Call, bool]]:
        """After each call that changed the disk: the call, and whether it made a change last."""
        marks: dict[int, tuple[Node, int]] = {}
        for call, over in _moments(calls):
            if call.name in _FORKS:
                if not over:
                    self._fork(call)
            elif call.name in _SYNCS:
                if not over and (node := self._node(call)):
                    marks[call.ended] = node, node.mark()
                elif over and call.ended in marks:
                    node, mark = marks.pop(call.ended)
                    if node.sync(mark):
                        yield call, True
            elif over and self._perform(call):
                yield call, False

    def _perform(self, call: Call) -> bool:
        """Whether it changed the disk."""
        if call.name in _OPENS:
            return self._open(call)
        if call.name in _COPIES:
            return self._copy(call)
        if call.name in _WRITES:
            return self._write(call)
        if call.name in _SIZES:
            return self._resize(call)
        return self._name(call)

    def _open(self, call: Call) -> bool:
        path = self._paths(call)[0]
        table = self._table(call.pid)
        table.pop(call.result, None)
        if not self._disk.covers(path):
            return False
        node = self._disk.find(path)
        made = node is None
        if made:
            node = File()
            self._disk.name(node, path)
        if not isinstance(node, File):
            return False
        table[call.result] = Opened(node, appends="O_APPEND" in call.args)
        cut = not made and "O_TRUNC" in call.args and len(node.now) > 0
        if cut:
            node.change(Resize(0))
        return made or cut

    def _name(self, call: Call) -> bool:
        paths = self._paths(call)
        if not all(map(self._disk.covers, paths)):
            return False
        if call.name in _REMOVALS:
            self._disk.name(None, paths[0])
        elif call.name in _FOLDERS:
            self._disk.name(Folder(), paths[0])
        else:
            instead_of = paths[0] if call.name in _RENAMES else None
            self._disk.name(self._disk.find(paths[0]), paths[1], instead_of=instead_of)
        return True

    def _write(self, call: Call) -> bool:
        place = call.place()
        data = b"".join(call.texts())[: call.result]
        if not self._disk.covers(place):
            self._printed(place, data)
            return False
        opened = self._table(call.pid).get(call.descriptor())
        assert opened, f"process {call.pid} writes to {place}, which nobody saw it open"
        if call.name == "pwrite64":
            offset = call.last()
        else:
            offset = len(opened.file.now) if opened.appends else opened.offset
            opened.offset = offset + len(data)
        opened.file.change(Write(offset, data))
        return True

    def _resize(self, call: Call) -> bool:
        node = self._node(call)
        if not isinstance(node, File):
            return False
        size = call.last()
        if call.name == "fallocate":
            mode, offset, length = call.args.rsplit(", ", 3)[1:]
            size = max(len(node.now), int(offset) + int(length)) if mode == "0" else len(node.now)
        if size == len(node.now):
            return False
        node.change(Resize(size))
        return True

    def _node(self, call: Call) -> Node | None:
        """The node that the call is about; None where it is not on the disk. Folders are found by their path."""
        path = self._paths(call)[0] if call.name == "truncate" else call.place()
        if not self._disk.covers(path):
            return None
        opened = None if call.name == "truncate" else self._table(call.pid).get(call.descriptor())
        return opened.file if opened else self._disk.find(path)

    def _paths(self, call: Call) -> list[str]:
        """Its paths, absolute: each from the descriptor before it, or from the folder above the disk's."""
        places = [os.fsdecode(_unhexed(place)) for place in re.findall(r"<((?:\\x[0-9a-f]{2})*)>", call.args)]
        names = [os.fsdecode(text) for text in call.texts()]
        places += [self._disk.above] * (len(names) - len(places))
        return [os.path.normpath(os.path.join(place, name)) for place, name in zip(places, names, strict=False)]

    def _table(self, pid: int) -> dict[int, Opened]:
        return self._tables.setdefault(pid, {})

    def _copy(self, call: Call) -> bool:
        if call.name == "fcntl" and "F_DUPFD" not in call.args:
            return False
        table = self._table(call.pid)
        opened = table.get(call.descriptor())
        if opened:
            table[call.result] = opened
        else:
            table.pop(call.result, None)
        return False

    def _fork(self, call: Call) -> None:
        """The child has its parent's open files: a copy of the table, or, as a thread, the table itself."""
        table = self._table(call.pid)
        self._tables[call.result] = table if "CLONE_FILES" in call.args else dict(table)


def _moments(calls: list[Call]) -> Iterator[tuple[Call, bool]]:
    """Every call twice: when it begins, and when it is over."""
    moments = [(call.began, False, call) for call in calls] + [(call.ended, True, call) for call in calls]
    moments.sort(key=lambda moment: moment[:2])
    return ((call, over) for _, over, call in moments)


def _unhexed(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
