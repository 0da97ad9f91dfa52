"""What the programs of a fake scheduler share: their arguments, what they know, and how they are made to fail."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import NoReturn

PROGRAM = Path(sys.argv[0]).stem
STATE = Path(sys.argv[1])
WORDS = sys.argv[2:]


def options_and_words() -> tuple[list[str], list[str]]:
    """What begins with a dash, as far as a lone `--`, and the rest."""
    end = WORDS.index("--") if "--" in WORDS else len(WORDS)
    before, after = WORDS[:end], WORDS[end + 1 :]
    return [each for each in before if each.startswith("-")], [w for w in before if not w.startswith("-")] + after


def begin(verb: str) -> None:
    """Write the call down, and fail or hang where a test wants it."""
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps([PROGRAM, *WORDS]) + "\n")
    fault = STATE / "faults" / verb
    if verb and fault.exists():
        times, message = json.loads(fault.read_text())
        if not times:
            fault.unlink()
            time.sleep(60)
        if times > 1:
            fault.write_text(json.dumps([times - 1, message]))
        else:
            fault.unlink()
        refuse(message)


def refuse(message: str, code: int = 1) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)


def load(name: str, default):
    path = STATE / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else default


def save(name: str, value) -> None:
    (STATE / f"{name}.json").write_text(json.dumps(value))
