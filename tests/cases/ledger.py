"""Which test proves which expectation of a user's files, and which expectations are a later issue's.

An expectation is a leaf of `<dialect>/expect.yaml`, written as its keys joined by dots. A test says with `holds` what
it proves; a path covers everything below it. What belongs to a later issue stands in the test module's `LATER`.
"""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path

import yaml

HERE = Path(__file__).parent
DIALECTS = ("tetra", "recomart", "stages", "tauro", "dativo")
#: The issue whose expectations these tests prove.
ISSUE = 3


def holds(dialect, *paths):
    """Mark a test as the proof of these expectations."""

    def mark(test):
        test.holds = [*getattr(test, "holds", []), *((dialect, path) for path in paths)]
        return test

    return mark


def expectations(dialect):
    """Every expectation of a dialect's users, in file order."""
    return list(_leaves(yaml.safe_load((HERE / dialect / "expect.yaml").read_text()), ()))


def proofs(dialect):
    """Expectation -> names of the tests that prove it."""
    module = import_module(f"cases.test_{dialect}")
    found = {leaf: [] for leaf in expectations(dialect)}
    for name, test in vars(module).items():
        for owner, path in getattr(test, "holds", ()):
            assert owner == dialect, f"{name} speaks of {owner}"
            covered = [leaf for leaf in found if covers(path, leaf)]
            assert covered, f"{name} proves {path!r}, and there is no such expectation"
            for leaf in covered:
                found[leaf].append(name)
    return found


def later(dialect):
    """Expectation -> the number of the issue that makes it true."""
    given = getattr(import_module(f"cases.test_{dialect}"), "LATER", {}).get(dialect, {})
    found = {}
    for path, issue in given.items():
        covered = [leaf for leaf in expectations(dialect) if covers(path, leaf)]
        assert covered, f"LATER names {path!r}, and there is no such expectation"
        found.update(dict.fromkeys(covered, issue))
    return found


def covers(path, leaf):
    """Whether a path is the expectation itself or stands above it."""
    return leaf == path or leaf.startswith(f"{path}.")


def summary(failed):
    """The lines that `make cases` prints; `failed` are names of tests that did not pass."""
    lines = []
    for dialect in DIALECTS:
        proved, postponed = proofs(dialect), later(dialect)
        own = [leaf for leaf in proved if leaf not in postponed]
        good = [leaf for leaf in own if proved[leaf] and not failed.intersection(proved[leaf])]
        lines.append(f"{dialect:9} issue {ISSUE}: {len(good)} of {len(own)}")
        lines += [f"    not held: {leaf}" for leaf in own if leaf not in good]
        for issue, count in sorted(Counter(postponed.values()).items()):
            lines.append(f"{dialect:9} issue {issue}: later, {count}")
            lines += [f"    later: {leaf}" for leaf in postponed if postponed[leaf] == issue]
    return lines


def _leaves(node, path):
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    else:
        yield ".".join(path)
