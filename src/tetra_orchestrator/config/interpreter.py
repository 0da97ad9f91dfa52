"""Asking the tasks' own interpreter: only it knows what it can import."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.model import Project


class NoAnswer(Exception):
    """The interpreter said nothing; the text goes on from "it" or from its path: `did not answer within 20 s`."""


def ask(
    command: Sequence[str],
    questions: object,
    project: Project,
    environ: Mapping[str, str],
    *,
    limit_s: float,
    extra: Mapping[str, str] | None = None,
) -> tuple[list[Any], str]:
    """What the program prints as a JSON value per line when it is given `questions` as JSON, and its last words.

    It runs in the project's root with the tasks' search path and `extra` variables, and leaves no bytecode behind.
    Answers that are no JSON count as none. Raises `NoAnswer` where it does not start, or not end within the limit.
    """
    paths = filter(None, [*project.pythonpath, environ.get("PYTHONPATH", "")])
    env = {**environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}
    data = json.dumps(questions).encode()
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=limit_s, env=env, cwd=project.root, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"did not answer within {limit_s} s") from None
    except OSError as error:
        raise NoAnswer(f"cannot be started: {error.strerror}") from None
    try:
        answers = [json.loads(line) for line in done.stdout.splitlines()]
    except ValueError:
        answers = []
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return answers, last[0] if last else "it ended without an answer"
