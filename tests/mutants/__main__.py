"""`make mutants`: break the engine in every listed way; ends with 1 unless each turns a test red."""

from __future__ import annotations

import sys

from tabulate import tabulate
from tests.mutants.catalogue import MUTANTS
from tests.mutants.workshop import unbroken, verdicts


def main(words: list[str]) -> int:
    """Judge the mutants whose names hold one of the words; all without one."""
    mutants = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    complaint = unbroken(mutants)
    if complaint is not None:
        print(f"{complaint}\nthe tests fail without any mutant, so they prove nothing", file=sys.stderr)
        return 1
    rows = [(mutant.name, mutant.file, noticed, text) for mutant, noticed, text in verdicts(mutants)]
    shown = [(name, file, text) for name, file, _, text in rows]
    print(tabulate(shown, ("mutant", "where", "noticed by"), maxcolwidths=[44, None, 70]))
    left = sum(not noticed for _, _, noticed, _ in rows)
    print(f"\n{len(rows) - left} of {len(rows)} noticed")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
