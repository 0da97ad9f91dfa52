"""The dativo dialect: a `runner.yaml` with a job file for each schedule, or one job file alone.

Each schedule, or the job alone, becomes a native pipeline of one task and a mode of the same name: see `dativo_runner`,
`dativo_jobs` and `dativo_connectors`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.bindings import Bindings
from tetra_orchestrator.config.dialects.dativo_jobs import Jobs, Setup
from tetra_orchestrator.config.dialects.dativo_runner import put_runner
from tetra_orchestrator.config.dialects.source import Translation
from tetra_orchestrator.config.yaml_tree import Entry, Map, Seq

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source

NAME = "dativo"
OF_A_JOB = ("source_connector", "target_connector")
SHAPE = (
    "put all of it under `runner:`, "
    'like `runner: {orchestrator: {schedules: [{name: NAME, config: FILE, cron: "0 * * * *"}]}}`'
)
#: What the document's own command line gives to `--mode` with a job file.
SELF_HOSTED = "self_hosted"


def recognises(tree: Map, path: str) -> bool:
    """Whether this is a runner file or a job file."""
    return any(key in tree.entries for key in ("runner", *OF_A_JOB)) or _without_runner(tree) is not None


def translate(source: Source) -> Map | None:
    """The native document for a runner file and its job files, or for a job file alone."""
    source = _with_runner(source)
    setup = Setup(source, Translation(source.tree), Bindings(source), natural_root(source))
    _put_project(setup)
    put = put_runner if "runner" in source.tree.entries else _put_job
    return setup.translation.tree if put(setup) else None


def _without_runner(tree: Map) -> str | None:
    """The key by which a runner file is known that has no `runner`."""
    for key, entry in tree.entries.items():
        jobs = entry.value.items if key == "schedules" and isinstance(entry.value, Seq) else ()
        listed = any("config" in job.entries for job in jobs if isinstance(job, Map))
        if key.lower() == "runner" or (key == "orchestrator" and isinstance(entry.value, Map)) or listed:
            return key
    return None


def _with_runner(source: Source) -> Source:
    """The source with its `runner`: one that is misspelt or missing is reported, and what stands for it is taken."""
    tree = source.tree
    if any(key in tree.entries for key in ("runner", *OF_A_JOB)):
        return source
    near = next((key for key in tree.entries if source.problems.guess(key.lower(), ("runner",))), None)
    known = near or _without_runner(tree)
    if known is None:
        return source
    mark = tree.entries[known].mark
    hint = f"write `runner:` for `{known}:`" if near else SHAPE
    source.problems.error("missing_key", mark, ("runner",), "the file has no 'runner'", hint)
    rest = {key: entry for key, entry in tree.entries.items() if key != near}
    mended = {**rest, "runner": tree.entries[near]} if near else {"runner": Entry(mark, tree)}
    return source._replace(tree=Map(tree.mark, mended))


def natural_root(source: Source) -> str:
    """The folder that the container has as /app: the one above `configs`, or above the `jobs` of a job file."""
    folder, name = os.path.split(os.path.dirname(source.path))
    if "runner" in source.tree.entries:
        return folder if name == "configs" else source.root
    if os.path.basename(folder) == "jobs":
        return os.path.dirname(folder)
    return folder if name == "jobs" else source.root


def _put_project(setup: Setup) -> None:
    root, put = setup.root, setup.translation.put
    put(("version",), 1)
    put(("project",), _name(os.path.basename(root)))
    put(("logs", "format"), "json")
    put(("pythonpath",), [setup.placed("connectors"), setup.placed()])
    setup.bindings.put_plugins(setup.translation)
    if root != setup.source.root:
        put(("state",), f"sqlite:///{root}/state/tetra.db")
        put(("logs", "dir"), os.path.join(root, "logs"))


def _put_job(setup: Setup) -> bool:
    """The job alone, as the modes that its command line may name."""
    source = setup.source
    name = _name(os.path.splitext(os.path.basename(source.path))[0])
    jobs = Jobs(setup)
    file = jobs.check(source.path, source.tree)
    if file is None:
        return False
    jobs.put(name, file, jobs.tags(name, file))
    for mode in (name, SELF_HOSTED):
        setup.translation.put(("modes", mode), [name])
    return True


def _name(text: str) -> str:
    """The text as a name of ours."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).lstrip("-")[:100] or NAME
