"""docs/why.md explains every code that `why` and `why-not` can give, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tetra_orchestrator.core.failed_why import LAST_SIGNS, SIGNS
from tetra_orchestrator.core.why_support import ADVICE

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "why.md").read_text()
SOURCES = [
    REPOSITORY / "src" / "tetra_orchestrator" / name
    for name in ("core/why.py", "core/why_support.py", "core/failed_why.py", "core/why_not.py", "core/slots.py")
] + [REPOSITORY / "src" / "tetra_orchestrator" / "cli" / name for name in ("why.py", "unrun.py", "refused.py")]


def _given() -> set[str]:
    """The codes that the sources have, those of signs in logs, and those that there is something to do about."""
    found = {code for path in SOURCES for code in re.findall(r'Reason\(\s*"(\w+)"', path.read_text())}
    return found | {code for code, _, _ in (*SIGNS, *LAST_SIGNS)} | set(ADVICE)


def _explained() -> set[str]:
    """The codes in the first column of the page's tables, and behind `Behind it:`."""
    rows = [
        row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| `") and "tetra" not in row.split("|")[1]
    ]
    behind = PAGE.partition("Behind it: ")[2].partition("More on slots")[0]
    return {code for text in (*rows, behind) for code in re.findall(r"`(\w+)`", text)}


def test_every_code_is_explained() -> None:
    assert _given() - _explained() == set()


def test_only_codes_that_there_are_are_explained() -> None:
    package = REPOSITORY / "src" / "tetra_orchestrator"
    texts = [path.read_text() for part in ("core", "engine", "cli") for path in (package / part).glob("*.py")]
    known = {code for text in [*texts, (package / "errors.py").read_text()] for code in re.findall(r'"(\w+)"', text)}
    assert _explained() - known == set()
