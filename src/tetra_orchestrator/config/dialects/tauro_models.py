"""The shape of a tauro configuration: nodes, pipelines, settings and what concerns machine learning."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tetra_orchestrator.config.dialects.tauro_dependencies import normalise
from tetra_orchestrator.config.values import (
    Closed,
    Count,
    Filled,
    FreeMap,
    Limit,
    Name,
    Nothing,
    Number,
    Seconds,
    Switch,
    Tags,
    Text,
    fault,
    read,
    text_of,
)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else [] if isinstance(value, Nothing) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _day(value: Any) -> str:
    text = text_of(value)
    try:
        date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError:
        raise fault("is not a day", "write it like 2025-01-31") from None
    return text


Dependencies = Annotated[list[str], BeforeValidator(lambda value: read(value, normalise))]
DataSets = Annotated[list[Filled], BeforeValidator(_one_or_more)]
Metrics = Annotated[list[Filled], BeforeValidator(_one_or_more)]
Kind = Annotated[Literal["batch", "streaming", "hybrid"], BeforeValidator(_lower)]
NodeKind = Annotated[Literal["batch", "streaming"], BeforeValidator(_lower)]
Day = Annotated[str, BeforeValidator(_day)]


class Experiment(Closed):
    """The experiment under which runs are tracked."""

    name: Filled | None = None
    description: Text | None = None


class Catalog(Closed):
    """A place in a catalogue."""

    catalog: Filled | None = None
    schema_: Filled | None = Field(default=None, alias="schema")


class Mlops(Catalog):
    """Where models and experiments are kept. `catalog` and `schema` are short for those of registry and tracking."""

    enabled: Switch | None = None
    backend: Literal["local", "databricks"] | None = None
    path: Filled | None = None
    experiment: Experiment | None = None
    experiment_name: Filled | None = None
    model_registry: Catalog | None = None
    tracking: Catalog | None = None
    auto_log: Switch | None = None

    @model_validator(mode="after")
    def _one_name(self) -> Mlops:
        if self.experiment_name and self.experiment and self.experiment.name:
            raise fault("has both 'experiment_name' and 'experiment: {name}', which mean the same", "keep one of them")
        return self


class Tuning(Closed):
    """What can be said about machine learning at every level. `hyperparameters` is another word for `hyperparams`."""

    mlops: Mlops | None = None
    hyperparams: FreeMap | None = None
    hyperparameters: FreeMap | None = None
    metrics: Metrics = []

    @model_validator(mode="after")
    def _one_word(self) -> Tuning:
        if self.hyperparams is not None and self.hyperparameters is not None:
            raise fault("has both 'hyperparams' and 'hyperparameters', which mean the same", "keep one of them")
        return self


class Retry(Closed):
    """How often and when a failed node is tried again."""

    max_attempts: Count | None = None
    delay: Seconds | None = None
    backoff: Annotated[Number, Field(ge=1)] | None = None
    max_delay: Seconds | None = None


class Node(Tuning):
    """One function, its data sets, and what it waits for. `depends_on` is another word for `dependencies`."""

    function: Filled | None = None
    input: DataSets = []
    output: DataSets = []
    dependencies: Dependencies | None = None
    depends_on: Dependencies | None = None
    description: Text | None = None
    type: NodeKind | None = None
    timeout_seconds: Limit | None = None
    retry: Retry | None = None

    @model_validator(mode="after")
    def _one_list(self) -> Node:
        if self.dependencies is not None and self.depends_on not in (None, self.dependencies):
            raise fault("has 'dependencies' and 'depends_on', which differ", "keep one of them")
        return self


class Tagged(Tuning):
    """What can be said about machine learning above the nodes."""

    tags: Tags = {}
    model_name: Text | None = None
    model_version: Text | None = None


class Whole(Tagged):
    """A pipeline of all the nodes there are."""

    name: Name | None = None
    type: Kind | None = None
    description: Text | None = None
    config: Tagged | None = None


class Pipeline(Tagged):
    """A pipeline of some of the nodes."""

    nodes: Annotated[list[str], Field(min_length=1), BeforeValidator(lambda value: read(value, normalise))]
    type: Kind | None = None
    description: Text | None = None
    config: Tagged | None = None


class Settings(Tagged):
    """What holds for every pipeline."""

    start_date: Day | None = None
    end_date: Day | None = None
    max_workers: Count | None = None
    circuit_breaker_threshold: Count | None = None
    retry: Retry | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Settings:
        if self.start_date and self.end_date and self.start_date > self.end_date:
            raise fault(f"has a start_date ({self.start_date}) after its end_date ({self.end_date})", "swap the two")
        return self


class MlInfo(Tagged):
    """A file about machine learning alone; with the first two keys it is of the deprecated form."""

    pipeline_name: Name | None = None
    pipeline_type: Kind | None = None


class Workspace(Closed):
    """All files of a configuration but the one about machine learning."""

    global_settings: Settings = Settings()
    pipeline: Whole = Whole()
    pipelines: dict[Name, Pipeline] = {}
    nodes: dict[Name, Node] = {}
