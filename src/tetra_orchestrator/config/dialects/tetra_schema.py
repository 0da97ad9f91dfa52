"""The shape of a tetra `orchestration.yaml`: closed models in its own words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tetra_orchestrator.config.values import (
    Closed,
    Count,
    Filled,
    Free,
    FreeMap,
    Name,
    Names,
    Number,
    Size,
    Switch,
    Whole,
    fault,
)


def _frequency(value: Any) -> Any:
    if value not in FREQUENCIES:
        raise fault(
            f"must be {' or '.join(FREQUENCIES)}", "leave it out for anything else: `schedule` says when it is due"
        )
    return str(value)


FREQUENCIES = ("daily", "weekly")
Frequency = Annotated[Literal["daily", "weekly"], BeforeValidator(_frequency)]
Positive = Annotated[Number, Field(gt=0)]
Natural = Annotated[Whole, Field(ge=0)]


class Stage(Closed):
    """What both sections can say of a pipeline: each takes either word for the dependencies."""

    dependencies: Names | None = None
    depends_on: Names | None = None
    max_data_age_hours: Positive | None = None


class Pipeline(Stage):
    """An entry of `pipelines`: the program."""

    module: Filled | None = None
    config: FreeMap = {}


class Rule(Stage):
    """An entry of `pipeline_dependencies`: what the pipeline needs, makes, and when it is due."""

    requires: Names = []
    provides: Names = []
    frequency: Frequency | None = None
    schedule: Filled | None = None


class Action(Closed):
    """One thing to do after a failure: the key says what. In the order in which they are done."""

    notify: Names | None = None
    retry_count: Natural | None = None
    partial_recovery: Switch | None = None
    checkpoint_recovery: Switch | None = None
    fallback: Literal["use_cached_data", "use_previous_scenarios"] | None = None
    escalation: Literal["page_oncall"] | None = None


class Recovery(Closed):
    """An entry of `recovery_procedures`."""

    failure_actions: list[Action]


class Connections(Closed):
    """The connections to a database that a pipeline may open."""

    pool_size: Count | None = None
    max_overflow: Natural | None = None
    pool_timeout: Annotated[Number, Field(ge=0)] | None = None


class Resources(Closed):
    """What pipelines take of the host, by kind and then by pipeline."""

    cpu: dict[Name, Positive] = {}
    memory: dict[Name, Size] = {}
    parallelism: dict[Name, Count] = {}
    db_connections: Connections = Connections()


class Document(Closed):
    """An `orchestration.yaml`; the native check looks into `alerting`, whose words are the same there."""

    pipelines: dict[Name, Pipeline] = {}
    pipeline_dependencies: dict[Name, Rule] = {}
    recovery_procedures: dict[Name, Recovery] = {}
    resource_management: Resources = Resources()
    alerting: Free = None
