"""Every file of ours, cut short at every byte: its reader has all that was there, or makes it anew, or refuses.

What no reader can tell is no fault: a journal that ends between two commits is the store as it was then, outputs that
end between two lines are what the task had written by then, and a log is whatever it is. Reports of our own faults have
no reader but people, and marks of wakes hold nothing that could be cut.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from proofs.specimens import Specimen, attempts, checkpoints, glances, locks, logs, positions, projects, slots
from proofs.store_specimens import stores

#: Wrong cuts of one file that are told in full.
TOLD = 3


def main(argv: list[str]) -> int:
    """Cut as the command line says; 1 when a reader was wrong about a cut."""
    parser = argparse.ArgumentParser(prog="python -m proofs truncation", description="Our files, cut at every byte.")
    parser.add_argument("--most", type=int, metavar="N", help="of a larger file, so many cuts by chance (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of the chance (default: 1)")
    given = parser.parse_args(argv)
    files = cuts = wrong = 0
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as folder:
        for specimen in specimens(Path(folder)):
            sizes = sizes_of(len(specimen.whole), given.most, given.seed)
            faults = list(faults_of(specimen, sizes))
            print(f"{specimen.name}: {len(specimen.whole)} bytes, {len(sizes)} cuts, {len(faults)} wrong", flush=True)
            for size, fault in faults[:TOLD]:
                print(f"    {size} bytes left: {fault}", flush=True)
            files, cuts, wrong = files + 1, cuts + len(sizes), wrong + len(faults)
    print(f"files {files} cuts {cuts} wrong {wrong}")
    return int(wrong > 0)


def specimens(folder: Path) -> Iterator[Specimen]:
    """One of every kind of file, each laid out below `folder` when its turn comes."""
    for make in (stores, projects, glances, slots, locks, attempts, positions, checkpoints, logs):
        place = folder / make.__name__
        place.mkdir(mode=0o700)
        yield from make(place)


def sizes_of(length: int, most: int | None, seed: int) -> list[int]:
    """The sizes to cut a file of that length to, itself among them: all, or at most `most` and the ends."""
    if most is None or length <= most:
        return list(range(length + 1))
    return sorted({0, length - 1, length, *random.Random(seed).sample(range(length), most)})


def faults_of(specimen: Specimen, sizes: Iterable[int]) -> Iterator[tuple[int, str]]:
    """The sizes at which the reader was wrong, and how."""
    for size in sizes:
        fault = specimen.cut(size)
        if fault is not None:
            yield size, fault
