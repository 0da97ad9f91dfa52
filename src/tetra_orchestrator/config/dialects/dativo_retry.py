"""The `retry_config` of the dativo dialect, in a job file or for all jobs of a runner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tetra_orchestrator.config.dialects.dativo_values import NotNegative, Wait
from tetra_orchestrator.config.values import Closed, Number, Pattern, Whole
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find
from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.problems import Problems
    from tetra_orchestrator.config.yaml_tree import Node

PARTIAL, FAILURE = 1, 2


class RetryConfig(Closed):
    """When a job is tried again; `max_retries` does not count the first time."""

    max_retries: NotNegative = 3
    initial_delay_seconds: Wait = 5
    max_delay_seconds: Wait = 300
    backoff_multiplier: Annotated[Number, Field(ge=1)] = 2
    retryable_exit_codes: list[Whole] = [PARTIAL, FAILURE]
    retryable_error_patterns: list[Pattern] = []


class Retry(Record):
    """A `retry_config` and the block it was read from."""

    config: RetryConfig
    block: Map

    def node(self, key: str) -> Node | float:
        """The value of a key as the user wrote it, or its default."""
        given = key in self.config.model_fields_set
        value: Node | float = self.block.entries[key].value if given else getattr(self.config, key)
        return value


def common_retry(source: Source, above: RetryConfig | None, within: RetryConfig | None) -> Retry | None:
    """That of a runner file: `above` its orchestrator or `within` it, not both."""
    found: Retry | None = None
    for path, config in (
        (("runner", "retry_config"), above),
        (("runner", "orchestrator", "retry_config"), within),
    ):
        block, mark, _ = find(source.tree, path)
        if config and isinstance(block, Map):
            if found:
                message = "a second 'retry_config' is here, the first one stands under 'runner'"
                source.problems.error("duplicate_key", mark, path, message, "keep one of the two")
            found = Retry(config, block)
    if found:
        warn_of_codes(found, source.problems)
    return found


def warn_of_codes(retry: Retry, problems: Problems) -> None:
    """Warn of exit codes that are never followed by a retry."""
    codes = retry.block.entries.get("retryable_exit_codes")
    for item in codes.value.items if codes and isinstance(codes.value, Seq) else ():
        if isinstance(item, Scalar) and item.text not in (str(PARTIAL), str(FAILURE)):
            message = f"the exit code {item.text} has no effect: a job ends with 0, which is success, 1 or 2"
            problems.warning("no_effect", item.mark, ("retryable_exit_codes",), message, "leave it out")


def native(retry: Retry) -> dict[str, object]:
    """The same as a native `retry`. Only partial and failed jobs are tried again, whatever codes are listed."""
    config = retry.config
    codes = [code for code in config.retryable_exit_codes if code in (PARTIAL, FAILURE)]
    return {
        "max_attempts": config.max_retries + 1 if codes else 1,
        "delay": retry.node("initial_delay_seconds"),
        "max_delay": retry.node("max_delay_seconds"),
        "backoff": retry.node("backoff_multiplier"),
        "on_exit_codes": codes,
        "on_output": config.retryable_error_patterns,
    }
