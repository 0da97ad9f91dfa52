"""`python -m benchmarks`: measure, keep the figures where `--out` says, and write the page of them beside."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from string import ascii_lowercase

from benchmarks import (
    backfill,
    cluster,
    commands,
    history,
    idle,
    in_dagster,
    looking,
    output,
    overhead,
    page,
    planning,
    running,
    simulation,
    syncs,
    tools,
)
from benchmarks.results import Options, Part, load, save, stamped

OUT = Path("benchmarks/results/latest.json")
PARTS: dict[str, Callable[[Path, Options], Part]] = {
    **{name: partial(running.run, name) for name in running.WORKLOADS},
    "W6s": simulation.simulate,
    "W7": planning.plan,
    "W8": idle.look,
    "W9": commands.answer,
    "W10": output.write,
    "W11": history.look_back,
    "W12": backfill.work_off,
    "W13": looking.look,
    "W14": overhead.add,
    "W15": in_dagster.run,
    "W16": cluster.compare,
    "syncs": syncs.count,
}


def main() -> None:
    """Measure as the command line says."""
    given = parser().parse_args()
    if given.out.suffix != ".json":
        parser().error(f"--out {given.out}: name a .json file; the page is written beside it")
    options = Options(given.rounds, given.quick, given.peers, given.workflows)
    parts = load(given.out)
    # ext4 avoids inodes freed in the last minutes, so what one part removed would cost the next one's new files double
    with tempfile.TemporaryDirectory(prefix="tetra-bench-") as folder:
        for name in selected(given.only):
            print(f"benchmarks: {name}", file=sys.stderr, flush=True)
            own = Path(folder, name)
            own.mkdir()
            parts[name] = stamped(partial(PARTS[name], own, options))
            save(given.out, {known: parts[known] for known in PARTS if known in parts})
    text = page.render({known: parts[known] for known in PARTS if known in parts})
    given.out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text, end="")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against the budgets.")
    found.add_argument(
        "--only",
        action="append",
        choices=_choices(),
        metavar="PART",
        help=f"one of {', '.join(_choices())}; repeatable",
    )
    found.add_argument("--quick", action="store_true", help="leave out the peers that take long")
    found.add_argument("--rounds", type=_rounds, metavar="N", help="at most N rounds of anything, to try things out")
    found.add_argument("--out", type=Path, default=OUT, metavar="FILE", help=f"a JSON file to keep (default: {OUT})")
    found.add_argument("--peers", type=Path, default=tools.PEERS, metavar="DIR", help="environments of other tools")
    found.add_argument("--workflows", type=Path, metavar="DIR", help="WfInstances graphs to simulate as well")
    return found


def selected(only: Sequence[str] | None) -> list[str]:
    """The parts to measure: a workload's number stands for all its variants, as W4 for W4 and W4x."""
    return [name for name in PARTS if only is None or name in only or _number(name) in only]


def _choices() -> list[str]:
    return list(dict.fromkeys(choice for name in PARTS for choice in (_number(name), name)))


def _rounds(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of rounds")
    return int(text)


def _number(name: str) -> str:
    return name.rstrip(ascii_lowercase) or name


if __name__ == "__main__":
    main()
