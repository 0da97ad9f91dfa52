"""A folder as its disk would hold it after a power cut: what was synced, and of the rest nothing or any part.

The rules are those of fsync(2) and no kinder: a sync of a file keeps its bytes and not its name, a sync of a folder
keeps the names in it and not what they name, and a folder is itself a name in the one above.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

#: Bytes that a disk writes whole or not at all.
SECTOR = 512
#: Memory that processes share. SQLite makes it anew after a crash (sqlite.org/walformat.html).
NO_STATE = "-shm"


class Write(NamedTuple):
    """Bytes that are written at an offset."""

    offset: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        """Change the file's bytes; what lies between its end and the offset becomes zeros."""
        content.extend(bytes(max(self.offset - len(content), 0)))
        content[self.offset : self.offset + len(self.data)] = self.data

    def part(self, random: Random, share: float) -> Iterator[Write]:
        """The sectors of it that reach the disk, each with the probability `share`."""
        end = self.offset + len(self.data)
        for start in range(self.offset - self.offset % SECTOR, end, SECTOR):
            if random.random() < share:
                first = max(start, self.offset)
                yield Write(first, self.data[first - self.offset : start + SECTOR - self.offset])


class Resize(NamedTuple):
    """A file gets this size."""

    size: int

    def apply(self, content: bytearray) -> None:
        """Cut the file's bytes, or add zeros."""
        del content[self.size :]
        content.extend(bytes(self.size - len(content)))

    def part(self, random: Random, share: float) -> Iterator[Resize]:
        """Itself with the probability `share`."""
        if random.random() < share:
            yield self


class Rename(NamedTuple):
    """Names in a folder get other nodes, all at once; None removes a name."""

    names: dict[str, Node | None]

    def apply(self, content: dict[str, Node]) -> None:
        """Change the folder's names."""
        for name, node in self.names.items():
            if node is None:
                content.pop(name, None)
            else:
                content[name] = node


class Node:
    """A file or a folder: `now` as processes see it, `kept` as of its last sync, `later` what changed since."""

    def __init__(self, content: Any):
        self.now, self.kept, self.later = content, content.copy(), []
        self._synced = 0

    def change(self, change: Any) -> None:
        """Change what processes see."""
        change.apply(self.now)
        self.later.append(change)

    def mark(self) -> int:
        """How many changes there have been: what a sync that starts now will keep."""
        return self._synced + len(self.later)

    def sync(self, mark: int) -> bool:
        """Keep the first `mark` changes; False where they were kept already."""
        done = max(mark - self._synced, 0)
        for change in self.later[:done]:
            change.apply(self.kept)
        del self.later[:done]
        self._synced += done
        return done > 0


class File(Node):
    """A file is its bytes."""

    def __init__(self, content: bytes = b""):
        super().__init__(bytearray(content))

    def survives(self, random: Random | None) -> bytes:
        """The bytes after a power cut. With `random`, any sectors that were written since the last sync are there."""
        content = self.kept.copy()
        share = random.choice((0.0, 1.0, random.random())) if random else 0.0
        for change in self.later if random and share else ():
            for part in change.part(random, share):
                part.apply(content)
        return bytes(content)


class Folder(Node):
    """A folder is its names."""

    def __init__(self) -> None:
        super().__init__({})

    def survives(self, random: Random | None) -> dict[str, Node]:
        """The names after a power cut. With `random`, the first few changes since the last sync have been made: file
        systems keep their own changes in order.
        """
        content = self.kept.copy()
        for change in self.later[: random.randint(0, len(self.later))] if random else ():
            change.apply(content)
        return content


class Disk:
    """The folder at `place` (absolute), of which everything that is there when the disk is made has been synced."""

    def __init__(self, place: str):
        self.place, self.above = place, os.path.dirname(place)
        self.root = Folder()
        if os.path.isdir(place):
            self.root.change(Rename({os.path.basename(place): _read(Path(place))}))
            self.root.sync(self.root.mark())

    def covers(self, path: str) -> bool:
        """Whether the path is state: the folder, what is below it, or the folder that has its name."""
        inside = path in (self.above, self.place) or path.startswith(f"{self.place}/")
        return inside and not path.endswith(NO_STATE)

    def find(self, path: str) -> Node | None:
        """What has this name now."""
        node: Any = self.root
        for name in _parts(path, self.above):
            node = node.now.get(name) if isinstance(node, Folder) else None
        return node

    def name(self, node: Node | None, path: str, *, instead_of: str | None = None) -> None:
        """Give the node a name, in the place of `instead_of` where that is given; None removes the name."""
        folder, _, last = path.rpartition("/")
        before, _, first = (instead_of or path).rpartition("/")
        names = {first: None, last: node} if instead_of and before == folder else {last: node}
        self._folder(folder).change(Rename(names))
        if before != folder:
            self._folder(before).change(Rename({first: None}))

    def after_a_cut(self, random: Random | None = None) -> dict[str, tuple[File, bytes]]:
        """Path from the folder above -> the file and its bytes, as a power cut now would leave them."""
        found: dict[str, tuple[File, bytes]] = {}
        _gather(self.root, "", found, lambda node: node.survives(random))
        return found

    def strays(self) -> list[str]:
        """Paths at which this model and the real folder are not the same now."""
        mine: dict[str, tuple[File, bytes]] = {}
        real: dict[str, tuple[File, bytes]] = {}
        _gather(self.root, "", mine, lambda node: node.now)
        again = Disk(self.place)
        _gather(again.root, "", real, lambda node: node.now)
        names = sorted(mine.keys() | real.keys())
        return [name for name in names if name not in mine or name not in real or mine[name][1] != real[name][1]]

    def _folder(self, path: str) -> Folder:
        node = self.find(path)
        assert isinstance(node, Folder), f"{path} was changed before it was made"
        return node


def _parts(path: str, above: str) -> list[str]:
    return [part for part in path.removeprefix(above).split("/") if part]


def _read(path: Path) -> Node:
    if not path.is_dir():
        return File(path.read_bytes())
    folder = Folder()
    for each in path.iterdir():
        if not each.name.endswith(NO_STATE):
            folder.change(Rename({each.name: _read(each)}))
    folder.sync(folder.mark())
    return folder


def _gather(folder: Folder, path: str, found: dict, content: Callable[[Any], Any]) -> None:
    for name, node in content(folder).items():
        if isinstance(node, Folder):
            _gather(node, f"{path}{name}/", found, content)
        else:
            found[path + name] = node, content(node)
