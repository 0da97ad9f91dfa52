"""Job files of the dativo dialect: what each of them says, and the native pipeline that it becomes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.dialects.dativo_connectors import Connectors, nodes_of
from tetra_orchestrator.config.dialects.dativo_retry import PARTIAL, Retry, RetryConfig, native, warn_of_codes
from tetra_orchestrator.config.dialects.source import literal, node
from tetra_orchestrator.config.values import Closed, Filled, FreeMap, Name, Switch
from tetra_orchestrator.config.yaml_tree import Map, Scalar, find
from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config.dialects.bindings import Bindings
    from tetra_orchestrator.config.dialects.source import Source, Translation
    from tetra_orchestrator.config.yaml_tree import Node

TYPE = "dativo_job"


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class Logging(Closed):
    """What a job writes about itself."""

    redaction: Switch = True
    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)] = "INFO"


class Job(Closed):
    """A job file. `source` and `target` are settings for its two connectors."""

    tenant_id: Name | None = None
    source_connector: Filled = Field(description="where records come from, such as `source_connector: stripe`")
    target_connector: Filled = Field(description="where records go, such as `target_connector: iceberg`")
    asset: Filled = Field(description="what they are, such as `asset: stripe_customers`")
    retry_config: RetryConfig | None = None
    logging: Logging = Logging()
    schema_validation_mode: Literal["warn", "strict"] = "warn"
    source: FreeMap = {}
    target: FreeMap = {}


class Setup(Record):
    """What the files of one configuration are translated with. `root` is the folder above `jobs` and `configs`."""

    source: Source
    translation: Translation
    bindings: Bindings
    root: str

    def placed(self, *path: str) -> str:
        """A path under `root`, relative where the project's root is the same."""
        folder = "" if self.root == self.source.root else self.root
        return os.path.join(folder, *path) or "."

    def mapped(self, path: str) -> str | None:
        """The path under the folder that the bindings' `path_map` names for its beginning; None where none does."""
        beside = os.path.dirname(os.path.abspath(self.source.bindings.mark.source.name)) if self.source.bindings else ""
        for prefix, folder in self.bindings.document.path_map.items():
            rest = below(prefix, path)
            if rest is not None:
                return os.path.normpath(os.path.join(beside, folder, rest))
        return None


class JobFile(Record):
    """A job file of the right shape, and whose job it is."""

    tree: Map
    job: Job
    tenant: str

    def at(self, key: str) -> Node:
        """The value of a key, or the whole file where it has none."""
        return find(self.tree, (key,))[0]

    def retry(self) -> Retry | None:
        """Its `retry_config`."""
        block = self.at("retry_config")
        config = self.job.retry_config
        return Retry(config, block) if config and isinstance(block, Map) else None


class Jobs:
    """Puts jobs into a native document. At most `concurrency` jobs of a tenant run at the same time."""

    def __init__(self, setup: Setup, concurrency: int = 1):
        """The connectors of the bindings are checked at once."""
        self._problems = setup.source.problems
        self._translation = setup.translation
        self._bindings = setup.bindings
        self._root = setup.placed()
        self._concurrency = concurrency
        self._connectors = Connectors(setup.source)
        self._redaction: list[bool] = []

    def check(self, path: str, tree: Map) -> JobFile | None:
        """The job of a file, or None after reporting what is wrong with it."""
        job = check_shape(tree, self._problems, Job)
        tenant = self._tenant(job, path, tree) if job else None
        if job is None or tenant is None:
            return None
        file = JobFile(tree, job, tenant)
        self._connectors.check_role(job.source_connector, "source", file.at("source_connector"))
        self._connectors.check_role(job.target_connector, "target", file.at("target_connector"))
        retry = file.retry()
        if retry:
            warn_of_codes(retry, self._problems)
        return file

    def tags(self, name: str, file: JobFile, custom: Node | None = None) -> dict[str, Node]:
        """The tags of a schedule and the automatic ones, which win."""
        automatic = {"tenant": file.tenant, "job_name": name, "connector_type": file.job.source_connector}
        own = {key: value for key, value in nodes_of(custom).items() if isinstance(value, Scalar)}
        for key, value in own.items():
            if key in automatic and value.text != automatic[key]:
                message = f"the tag '{key}' is automatic and stays '{automatic[key]}'"
                self._problems.warning("automatic_tag", value.mark, ("tags", key), message, "choose another name")
        return {**own, **{key: node(value, file.tree.mark) for key, value in automatic.items()}}

    def put(self, name: str, file: JobFile, tags: Mapping[str, Node], default: Retry | None = None) -> None:
        """Make the job the native pipeline `name`; `default` is how it is tried again if its file does not say so."""
        path = ("pipelines", name)
        put = self._translation.put
        for key, program in self._program(name, file).items():
            put((*path, key), program, program)
        put((*path, "config"), self._config(name, file), file.tree)
        put((*path, "continue_on", "exit_codes"), [PARTIAL], file.tree)
        put((*path, "tags"), dict(tags), file.tree)
        owner = file.at("tenant_id")
        put((*path, "tenant"), file.tenant, owner)
        put(("tenants", file.tenant, "concurrency"), self._concurrency, owner)
        retry = file.retry() or default
        if retry:
            put((*path, "retry"), native(retry), retry.block)
        self._put_redaction(file)

    def _put_redaction(self, file: JobFile) -> None:
        """Masking is for a whole project, so it is off only where every job wants it off."""
        self._redaction.append(file.job.logging.redaction)
        if not all(self._redaction):
            self._translation.put(("logs", "redact"), any(self._redaction), file.at("logging"))

    def _tenant(self, job: Job, path: str, tree: Map) -> str | None:
        """As the job says, or the folder under `jobs` that its file is in."""
        folder, tenant = os.path.split(os.path.dirname(path))
        if job.tenant_id is None and os.path.basename(folder) == "jobs" and re.fullmatch(scalars.NAME, tenant):
            return tenant
        if job.tenant_id is None and "tenant_id" not in tree.entries:
            message = "the job has no 'tenant_id', and its file is not in a folder jobs/TENANT"
            self._problems.error("missing_key", tree.mark, ("tenant_id",), message, "add `tenant_id: NAME`")
        return job.tenant_id

    def _program(self, name: str, file: JobFile) -> dict[str, Node]:
        """What runs. A connector that nothing is bound to becomes the task's type: none of that name is registered."""
        program = self._bindings.program(name)
        if program:
            return nodes_of(program)
        named = [file.at("source_connector"), file.at("target_connector")]
        unbound = [each for each in named if isinstance(each, Scalar) and each.text not in self._connectors]
        return {"type": unbound[0] if unbound else node(TYPE, file.tree.mark)}

    def _config(self, name: str, file: JobFile) -> Node:
        job = file.job
        config = {
            "job": name,
            "tenant": file.tenant,
            "source_connector": job.source_connector,
            "target_connector": job.target_connector,
            "asset": job.asset,
            "validation": job.schema_validation_mode,
            "redaction": job.logging.redaction,
            "level": job.logging.level,
            "root": self._root,
            "source": self._connectors.call(job.source_connector, nodes_of(file.tree).get("source")),
            "target": self._connectors.call(job.target_connector, nodes_of(file.tree).get("target")),
        }
        return literal(node(config, file.tree.mark))


def below(prefix: str, path: str) -> str | None:
    """What follows a folder in a path; None for a path that is not in it."""
    folder = prefix.rstrip("/") + "/"
    return path[len(folder) :] if path.startswith(folder) else None
