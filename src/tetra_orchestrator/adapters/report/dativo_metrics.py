"""The documented metrics of a dativo job, made of what it handed on and of its attempts."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.worker.transfer import rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.history import Attempt
    from tetra_orchestrator.core.model import Json

    Fields = Mapping[str, Json]


class Made(Record):
    """What is told when a job is over: (event, text, fields) of what came before its end, and its metrics by event."""

    seconds: float | None
    before: tuple[tuple[str, str, Fields], ...]
    families: tuple[tuple[str, Fields], ...]


def metrics_of(given: Fields, attempts: Sequence[Attempt], status: str) -> Made:
    """All metrics in their order, `metrics_complete` last; None stands for what nobody has reported.

    `given` is what the job handed on, with its metrics. API calls are told of jobs that have made some.
    """
    extracted = given.get("records_extracted", given.get("records_processed"))
    seconds = _seconds(given, attempts)
    counts = {"records_extracted": extracted}
    counts |= {name: given.get(name) for name in ("records_valid", "records_invalid", "files_written", "total_bytes")}
    pace = {"execution_time_seconds": seconds, "records_per_second": _rate(extracted, seconds)}
    families: list[tuple[str, Fields]] = [
        ("metrics_extraction", _some(counts, "records_extracted") | {"files_processed": given.get("files_processed")}),
        ("metrics_validation", _some(counts, "records_valid", "records_invalid") | {"validation_rate": _share(counts)}),
        ("metrics_writing", _some(counts, "files_written", "total_bytes") | {"file_sizes": given.get("file_sizes")}),
        *([("metrics_api", {"api_calls": given["api_calls"]})] if given.get("api_calls") else []),
        ("metrics_errors", {"errors": given.get("errors", {})}),
        ("metrics_retries", {"retry_count": len(attempts) - 1, "exit_codes": [a.exit_code for a in attempts[:-1]]}),
        ("metrics_execution", pace),
        ("metrics_complete", {"status": status, **_some(pace, "execution_time_seconds"), **counts, **pace}),
    ]
    return Made(seconds, tuple(_before(given)), tuple(families))


def _before(given: Fields) -> list[tuple[str, str, Fields]]:
    told: list[tuple[str, str, Fields]] = []
    if isinstance(names := given.get("secrets"), list) and names:
        told.append(("secrets_loaded", "the tenant's secrets are loaded", {"count": len(names), "secrets": names}))
    if given.get("infra_validated"):
        told.append(("infra_validated", "the connectors and the tenant's state are there", {}))
    return told


def _seconds(given: Fields, attempts: Sequence[Attempt]) -> float | None:
    """What the job has measured itself, else what its last attempt took."""
    own = given.get("execution_time_seconds")
    seconds = own if isinstance(own, (int, float)) else attempts[-1].duration_s
    return None if seconds is None else round(float(seconds), 3)


def _rate(records: Json, seconds: float | None) -> float | None:
    if not isinstance(records, (int, float)) or seconds is None:
        return None
    return rate(int(records), seconds)


def _share(counts: Fields) -> float | None:
    """The share of valid records."""
    all_, valid = counts["records_extracted"], counts["records_valid"]
    if not isinstance(all_, (int, float)) or not isinstance(valid, (int, float)):
        return None
    return round(valid / all_, 4) if all_ else 0.0


def _some(fields: Fields, *names: str) -> dict[str, Json]:
    return {name: fields[name] for name in names}
