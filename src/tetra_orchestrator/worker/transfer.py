"""A job of the dativo dialect on its way: what its connectors are told, and what is counted. Standard library only."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Batch = Sequence[Any]

log = logging.getLogger("dativo")


class Job:
    """The job that a connector works for.

    `position` is what the last run that was no failure left here (None before the first): a source that reads only what
    is new sets it to any value that JSON can hold. A source that calls an API may count its calls in `api_calls`.
    """

    def __init__(self, config: Mapping[str, Any]):
        """`config` is the task's."""
        self.name: str = config["job"]
        self.tenant: str = config["tenant"]
        self.asset: str = config["asset"]
        self.source_connector: str = config["source_connector"]
        self.target_connector: str = config["target_connector"]
        self.root: str = os.path.abspath(config["root"])
        self.position: Any = None
        self.api_calls = 0


class Transfer:
    """What has been read and written so far."""

    def __init__(self, job: Job, *, strict: bool):
        """With `strict`, the first bad record ends the job."""
        self.job = job
        self.strict = strict
        self.extracted = self.invalid = self.batches = 0
        self.sizes: list[int] = []
        self.secrets: list[str] = []
        self.infra_validated = False
        self.errors: Counter[str] = Counter()
        self._started = time.monotonic()

    def sift(self, batch: Batch) -> list[Any]:
        """The good records of a batch."""
        records = list(batch)
        bad = [record for record in records if isinstance(record, Exception)]
        self.batches += 1
        self.extracted += len(records)
        self.invalid += len(bad)
        for error in bad:
            self.errors[type(error).__name__] += 1
            log.debug("bad record: %s: %s", type(error).__name__, error)
        if bad:
            log.warning("%s of %s records are invalid, the first: %s", len(bad), len(records), bad[0])
        if bad and self.strict:
            raise ValueError(f"{len(bad)} of {len(records)} records are invalid, the first: {bad[0]}")
        return [record for record in records if not isinstance(record, Exception)]

    def counts(self) -> dict[str, int]:
        """The figures that the job hands on."""
        return {
            "records_extracted": self.extracted,
            "records_valid": self.extracted - self.invalid,
            "records_invalid": self.invalid,
            "files_written": len(self.sizes),
            "total_bytes": sum(self.sizes),
        }

    def metrics(self) -> dict[str, Any]:
        """All figures."""
        seconds = time.monotonic() - self._started
        return {
            **self.counts(),
            "execution_time_seconds": round(seconds, 3),
            "records_per_second": rate(self.extracted, seconds),
            "files_processed": self.batches,
            "file_sizes": self.sizes,
            "api_calls": self.job.api_calls,
            "errors": dict(self.errors),
            "secrets": self.secrets,
            "infra_validated": self.infra_validated,
        }


def rate(records: int, seconds: float) -> float:
    """Records per second, to one decimal; 0 where there were none."""
    return round(records / seconds, 1) if records and seconds else 0.0
