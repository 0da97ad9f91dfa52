"""Owns the reporting of a stage's small outputs to the orchestrator."""

import json
import os


def report(**values: str | int | float) -> None:
    """Append the values as one JSON line to the file named in TETRA_OUTPUT, if it is set."""
    if target := os.environ.get("TETRA_OUTPUT"):
        with open(target, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
