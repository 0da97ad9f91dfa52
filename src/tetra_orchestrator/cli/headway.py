"""`status --pipeline-id`: how far one run has come, by the store; by its checkpoints alone where that is gone."""

from __future__ import annotations

import os
import sys

from tetra_orchestrator.cli.checkpoints import folder_of, warn_of_broken
from tetra_orchestrator.cli.known import glance, settled
from tetra_orchestrator.cli.output import instant, print_json
from tetra_orchestrator.cli.records import SeveralRuns, find_run
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.checkpoint import is_called
from tetra_orchestrator.core.headway import Headway, headway
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, printable
from tetra_orchestrator.core.vocabulary import VOCABULARIES
from tetra_orchestrator.engine.start import limits
from tetra_orchestrator.errors import ConfigError, Exit, StoreError, TetraError, UsageError
from tetra_orchestrator.wire import checkpoints_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tetra_orchestrator.core.checkpoint import Checkpoint, Holdings, Kept
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.reconcile import Scene

UNKNOWN = "unknown"


class Question(Record):
    """Which run is asked for, where its checkpoints and its configuration may be, and in whose words to answer."""

    pipeline_id: str
    checkpoint_dir: str | None
    config: str | None
    words: str
    as_json: bool


class Answer(Record):
    """What is told of the run. None stands for what is not known; `state` is our own word. Seconds, aware UTC."""

    name: str
    run_id: str
    state: str | None
    completed: int
    total: int | None
    percent: float | None
    elapsed_s: float | None
    eta_s: float | None
    started_at: datetime | None
    source: str


def print_headway(question: Question) -> int:
    """Print how far the run has come. Raises `UsageError` where neither the store nor a checkpoint has it."""
    holdings = checkpoints_in(folder_of(question.checkpoint_dir))
    found = _meant(question.pipeline_id, holdings)
    try:
        answer = _by_store(question, holdings, found.checkpoint if found else None)
    except (UsageError, ConfigError, StoreError) as error:
        warn_of_broken(holdings)
        if found is None or isinstance(error, SeveralRuns):
            raise _not_found(question, error) from None
        answer = _by_checkpoint(found, _project(_config(question, holdings, found.checkpoint)))
        print(f"warning: {error.message}; this is what {found.path} knows", file=sys.stderr)
    _print(answer, question)
    return Exit.OK


def _meant(text: str, holdings: Holdings) -> Kept | None:
    """The newest checkpoint of the run whose id is or begins like that. Raises `UsageError` where several do."""
    ids = {each.checkpoint.pipeline_id for each in holdings.kept}
    fitting = [text] if text in ids else sorted(each for each in ids if each.startswith(text))
    if len(fitting) > 1:
        raise _several(text, fitting)
    return next((each for each in holdings.kept if [each.checkpoint.pipeline_id] == fitting), None)


def _several(text: str, ids: Iterable[str]) -> SeveralRuns:
    return SeveralRuns(f"several ids begin with '{text}'", hint=f"choose one of {', '.join(map(printable, ids))}")


def _not_found(question: Question, error: TetraError) -> TetraError:
    if isinstance(error, StoreError | SeveralRuns) or (isinstance(error, ConfigError) and error.problems):
        return error
    folder = folder_of(question.checkpoint_dir)
    message = f"Pipeline not found: no run '{question.pipeline_id}' is known, and no checkpoint of it is in {folder}"
    hint = "name its configuration with --config, or the folder of its checkpoints with --checkpoint-dir"
    return UsageError(message, hint=error.hint if isinstance(error, UsageError) else hint)


def _by_store(question: Question, holdings: Holdings, known: Checkpoint | None) -> Answer:
    config = _config(question, holdings, known)
    with settled(glance(config)) as scene:
        run = find_run(scene.store, question.pipeline_id)
        if known and run.run_id != known.pipeline_id:
            raise _several(question.pipeline_id, (known.pipeline_id, run.run_id))
        project = _project(config)
        reached = _reached(run, scene, project)
    name = project.name if project else run.project
    return Answer(
        name if run.mode in (None, name) else f"{name} ({run.mode})",
        run.run_id,
        run.state,
        reached.completed,
        reached.total,
        reached.percent,
        reached.elapsed_s,
        reached.eta_s,
        run.started_at,
        "store",
    )


def _config(question: Question, holdings: Holdings, known: Checkpoint | None) -> str | None:
    """The configuration to look into: the one that is named, else the one that left a checkpoint of the run."""
    home = holdings.homes.get(known.pipeline_name) if known else None
    named = question.config or os.environ.get("PIPELINE_CONFIG")
    return question.config if named or home is None or not os.path.exists(home) else home


def _project(config: str | None) -> Project | None:
    """The project as the file has it now; None while it has mistakes."""
    try:
        return load(Source(config)).project
    except ConfigError:
        return None


def _reached(run: Run, scene: Scene, project: Project | None) -> Headway:
    rows, now = scene.store.task_runs(run.run_id), scene.clock.now()
    expected = scene.store.expected_s()
    if project is None:
        from tetra_orchestrator.core.admission import Limits

        return headway(run, rows, (), Limits(1), expected, now)
    from tetra_orchestrator.core.selection import select

    mode = run.mode if run.mode and project.mode(run.mode) else None
    names = {pipeline.name for pipeline in project.pipelines}
    chosen = tuple(dict.fromkeys(row.pipeline for row in rows if row.pipeline in names))
    tasks = select(project, None, chosen).tasks if chosen else ()
    return headway(run, rows, tasks, limits(project, project.mode(mode) if mode else None), expected, now)


def _by_checkpoint(kept: Kept, project: Project | None) -> Answer:
    """What the checkpoint tells; how many stages there are only where it is of the whole file."""
    run_id, name, stages, *_ = kept.checkpoint
    done, total, percent = len(stages), None, None
    if project is not None and is_called(kept.checkpoint, project.name):
        total = len(project.tasks())
        percent = Headway(done, total, None, None).percent
    return Answer(name, run_id, None, done, total, percent, None, None, None, kept.path)


def _print(answer: Answer, question: Question) -> None:
    runs = VOCABULARIES[question.words].runs
    state = runs[answer.state] if answer.state else None
    if question.as_json:
        body = {**answer._asdict(), "state": state, "words": question.words, "started_at": instant(answer.started_at)}
        print_json("progress", {"pipeline_name": body.pop("name"), "pipeline_id": body.pop("run_id"), **_rounded(body)})
        return
    percent = UNKNOWN if answer.percent is None else f"{answer.percent:.0f}%"
    total = "?" if answer.total is None else answer.total
    print(f"Pipeline:  {printable(answer.name)}")
    print(f"ID:        {printable(answer.run_id)}")
    print(f"State:     {state or UNKNOWN}")
    print(f"Progress:  {percent} ({answer.completed}/{total} stages)")
    print(f"Elapsed:   {duration(answer.elapsed_s)}")
    print(f"ETA:       {duration(answer.eta_s)}")


def _rounded(body: dict[str, object]) -> dict[str, object]:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in body.items()}
