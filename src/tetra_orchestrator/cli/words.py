"""`--words`: the states of runs and tasks in the words of one of the five documents."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tetra_orchestrator.core.vocabulary import VOCABULARIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.history import Run, TaskRun

Words = Literal["native", "tetra", "recomart", "stages", "tauro", "dativo"]
WordsOption = Annotated[Words, typer.Option("--words", help="Tell states in the words of that document.")]


def run_in(words: Words, run: Run) -> Run:
    """The run with its state in these words."""
    return run._replace(state=VOCABULARIES[words].runs[run.state])


def task_in(words: Words, task: TaskRun) -> TaskRun:
    """The task with its state in these words."""
    return task._replace(state=VOCABULARIES[words].tasks[task.state])
