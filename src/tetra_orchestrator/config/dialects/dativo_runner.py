"""Runner files of the dativo dialect: each schedule becomes a native one, with a mode and a pipeline of its name."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.dialects.dativo_connectors import nodes_of
from tetra_orchestrator.config.dialects.dativo_jobs import Jobs, below
from tetra_orchestrator.config.dialects.dativo_retry import RetryConfig, common_retry
from tetra_orchestrator.config.dialects.dativo_values import Interval, Positive
from tetra_orchestrator.config.values import Closed, Filled, Name, Switch, Tags, fault
from tetra_orchestrator.config.yaml_tree import Map, Scalar, find

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.dativo_jobs import JobFile, Setup
    from tetra_orchestrator.config.problems import Path, Problems
    from tetra_orchestrator.config.yaml_tree import Node

#: Where the container has the folders `configs`, `jobs` and so on.
CONTAINER = "/app"
ENGINE = "dagster"
ENDINGS = (".yaml", ".yml", ".json")
#: Keys of a schedule that mean the same in a native one.
SAME = ("cron", "timezone", "max_concurrent_runs")

_SCHEDULES: Path = ("runner", "orchestrator", "schedules")
_TRIGGER = 'write one of the two, such as `cron: "0 * * * *"` or `interval_seconds: 3600`'
_ENTRY = "list them there, each with name, config, and cron or interval_seconds"


def _engine(value: Any) -> str:
    if value != ENGINE:
        raise fault(f"must be '{ENGINE}'", f"write `type: {ENGINE}`, or leave it out: our own engine runs the jobs")
    return ENGINE


class Schedule(Closed):
    """When the job of one file is due."""

    name: Name
    config: Filled
    cron: Filled | None = None
    interval_seconds: Interval | None = None
    enabled: Switch = True
    timezone: Filled | None = None
    max_concurrent_runs: Positive | None = None
    tags: Tags = {}


class Orchestrator(Closed):
    """Which jobs are due when, and how many of a tenant's run at the same time."""

    type: Annotated[str, BeforeValidator(_engine)] = ENGINE
    schedules: list[Schedule] | None = None
    concurrency_per_tenant: Positive = 1
    retry_config: RetryConfig | None = None


class Runner(Closed):
    """How jobs are run."""

    mode: Literal["orchestrated", "oneshot"] = "orchestrated"
    orchestrator: Orchestrator = Orchestrator()
    retry_config: RetryConfig | None = None


class Document(Closed):
    """A runner file."""

    runner: Runner = Runner()


def put_runner(setup: Setup) -> bool:
    """Translate a runner file with its job files; False after reporting why nothing of it can run."""
    tree, problems = setup.source.tree, setup.source.problems
    misplaced = _report_misplaced(tree, problems)
    document = check_shape(tree, problems, Document)
    if document is None:
        return False
    schedules = document.runner.orchestrator.schedules
    if not schedules:
        if "schedules" not in misplaced:
            _report_empty(tree, problems)
        return False
    file = _RunnerFile(setup, document.runner)
    found = [file.put(index, schedule) for index, schedule in enumerate(schedules)]
    return any(found)


def _report_misplaced(tree: Map, problems: Problems) -> list[str]:
    """Report keys of the orchestrator that stand under `runner` itself, and name them."""
    runner = find(tree, _SCHEDULES[:1])[0]
    keys = [key for key in nodes_of(runner) if key in Orchestrator.model_fields and key not in Runner.model_fields]
    for key in keys:
        path: Path = ("runner", key)
        message = f"'{key}' belongs under 'orchestrator'"
        problems.error(
            "misplaced_key", find(tree, path)[1], path, message, "write `orchestrator:` above it and indent it"
        )
    return keys


def _report_empty(tree: Map, problems: Problems) -> None:
    """Report missing or empty schedules; those that are not in the models because they are wrong have been."""
    found, mark, existing = find(tree, _SCHEDULES)
    dotted = ".".join(map(str, _SCHEDULES))
    if existing != _SCHEDULES and isinstance(found, Map):
        problems.error("missing_key", mark, _SCHEDULES, f"the file has no '{dotted}'", _ENTRY)
    elif not problems:
        problems.error("empty", mark, _SCHEDULES, f"'{dotted}' is empty: there is nothing to run", _ENTRY)


class _RunnerFile:
    """A runner file of the right shape."""

    def __init__(self, setup: Setup, runner: Runner):
        self._setup = setup
        self._source = setup.source
        self._problems = setup.source.problems
        self._oneshot = runner.mode == "oneshot"
        self._retry = common_retry(setup.source, runner.retry_config, runner.orchestrator.retry_config)
        self._jobs = Jobs(setup, runner.orchestrator.concurrency_per_tenant)
        self._files: dict[str, JobFile | None] = {}
        self._names: dict[str, str] = {}
        self._warn()

    def put(self, index: int, schedule: Schedule) -> bool:
        """Translate one schedule with its job; whether there is something to run."""
        path = (*_SCHEDULES, index)
        due = self._has_one_trigger(path, schedule.name)
        file = self._job_file(path, schedule)
        if not self._is_new(path, schedule.name) or file is None:
            return False
        tags = self._jobs.tags(schedule.name, file, self._own(path, "tags"))
        self._jobs.put(schedule.name, file, tags, self._retry)
        if due and (schedule.cron or schedule.interval_seconds):
            self._put_schedule(path, schedule, tags)
        return True

    def _put_schedule(self, path: Path, schedule: Schedule, tags: dict[str, Node]) -> None:
        name = schedule.name
        put = self._setup.translation.put
        if not schedule.enabled:
            put(("pipelines", name, "enabled"), False, self._at(path, "enabled"))
        put(("modes", name), [name], self._at(path, "name"))
        native = ("schedules", name)
        put((*native, "mode"), name, self._at(path, "name"))
        for key, user in (("every", "interval_seconds"), *((key, key) for key in SAME)):
            own = self._own(path, user)
            if own is not None and getattr(schedule, user) is not None:
                put((*native, key), own, own)
        put((*native, "enabled"), schedule.enabled and not self._oneshot, self._at(path, "enabled"))
        put((*native, "tags"), tags, self._at(path, "tags"))

    def _is_new(self, path: Path, name: str) -> bool:
        other = self._names.get(name.lower())
        if other is None:
            self._names[name.lower()] = name
            return True
        differ = f"the names '{other}' and '{name}' differ only in case"
        message = f"there is a second schedule '{name}'" if other == name else differ
        self._problems.error("duplicate_name", self._at(path, "name").mark, path, message, "rename one of the two")
        return False

    def _has_one_trigger(self, path: Path, name: str) -> bool:
        cron, interval = self._own(path, "cron"), self._own(path, "interval_seconds")
        if cron is None and interval is None:
            message = f"the schedule '{name}' has neither 'cron' nor 'interval_seconds'"
            self._problems.error("no_trigger", self._at(path, "name").mark, path, message, _TRIGGER)
        elif cron is not None and interval is not None:
            message = f"the schedule '{name}' has both 'cron' and 'interval_seconds'"
            self._problems.error("two_triggers", interval.mark, path, message, "keep one of the two")
        return (cron is None) != (interval is None)

    def _job_file(self, path: Path, schedule: Schedule) -> JobFile | None:
        found = self._resolve(schedule.config)
        if not self._source.exists(found):
            message = f"the schedule '{schedule.name}' names the job file {schedule.config}, and there is no such file"
            hint = _near(schedule.config, found) or self._looked_for(schedule.config, found)
            self._problems.error("no_file", self._at(path, "config").mark, (*path, "config"), message, hint)
            return None
        if found not in self._files:
            tree = self._source.read(found)
            self._files[found] = self._jobs.check(found, tree) if tree else None
        return self._files[found]

    def _looked_for(self, config: str, found: str) -> str:
        if not os.path.isabs(config):
            return f"looked for {found}; a relative path starts at {self._setup.root}"
        if below(CONTAINER, config) is None:
            return f"looked for {found}"
        return f"looked for {found}; where {CONTAINER} is, bindings.yaml can say: `path_map: {{{CONTAINER}: FOLDER}}`"

    def _resolve(self, config: str) -> str:
        """The job file, where this machine has it."""
        mapped = self._setup.mapped(config)
        if mapped is not None:
            return mapped
        rest = below(CONTAINER, config)
        path = os.path.normpath(os.path.join(self._setup.root, config))
        return path if rest is None or self._source.exists(path) else os.path.join(self._setup.root, rest)

    def _warn(self) -> None:
        engine = self._own(_SCHEDULES[:2], "type")
        if isinstance(engine, Scalar) and engine.text == "dagster":
            message = "'type: dagster' means our own engine, too: Dagster is neither needed nor started"
            self._problems.warning("engine", engine.mark, (*_SCHEDULES[:2], "type"), message)
        if self._oneshot:
            _, mark, path = find(self._source.tree, ("runner", "mode"))
            message = "with 'mode: oneshot' no schedule is due by itself"
            hint = "`run` without --mode runs each enabled job once; `mode: orchestrated` lets schedules be due"
            self._problems.warning("oneshot", mark, path, message, hint)

    def _own(self, path: Path, key: str) -> Node | None:
        """What the user wrote under a key."""
        found, _, existing = find(self._source.tree, (*path, key))
        return found if existing == (*path, key) else None

    def _at(self, path: Path, key: str) -> Node:
        """What the user wrote under a key, or the schedule without it."""
        return find(self._source.tree, (*path, key))[0]


def _near(config: str, found: str) -> str | None:
    """The job file of a similar name in the same folder, as the user would write it."""
    try:
        files = {
            os.path.splitext(name)[0]: name for name in os.listdir(os.path.dirname(found)) if name.endswith(ENDINGS)
        }
    except OSError:
        return None
    near = get_close_matches(os.path.splitext(os.path.basename(found))[0], files, n=1)
    return f"did you mean '{os.path.join(os.path.dirname(config), files[near[0]])}'?" if near else None
