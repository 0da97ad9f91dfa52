"""What running attempts took at moments of the run: the lines of the file that its curves are drawn from."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

#: What the file is called, in the folder of the run's logs.
FILE = "usage.jsonl"


class Sample(Record):
    """What an attempt took up to `at` (aware UTC): `cpu_s` so far, `rss_bytes` of memory at that moment."""

    at: datetime
    task: str
    attempt: int
    cpu_s: float
    rss_bytes: int


def line(sample: Sample) -> str:
    """The sample as a line of JSON."""
    from json import dumps

    at = f"{sample.at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    return dumps({**sample._asdict(), "at": at, "cpu_s": round(sample.cpu_s, 3)}) + "\n"


def samples(lines: Iterable[str]) -> list[Sample]:
    """The samples in those lines; what is none is left out."""
    return [found for each in lines if (found := _sample(each)) is not None]


def _sample(text: str) -> Sample | None:
    from datetime import datetime
    from json import loads

    try:
        row = loads(text)
        at = datetime.fromisoformat(row["at"])
        cpu_s, rss_bytes = float(row["cpu_s"]), int(row["rss_bytes"])
        return Sample(at, str(row["task"]), int(row["attempt"]), cpu_s, rss_bytes) if at.tzinfo else None
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
