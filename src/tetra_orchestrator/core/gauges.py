"""The names that conditions of rules speak of, each with its kind and what it means.

A value that is not known is None. A condition that names it then neither holds nor fails.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Gauge: TypeAlias = str | float | bool | None

TEXT, NUMBER, TRUTH = "text", "number", "truth"
#: Of each pipeline: as of a run that has just ended, or of the moment the monitor looks.
OF_PIPELINE = {
    "pipeline": (TEXT, "its name"),
    "pipeline_status": (TEXT, "how its last run ended: success, partial, failed; running, never"),
    "state": (TEXT, "the same in our words: succeeded, partial, failed, timed_out, cancelled, lost"),
    "reason": (TEXT, "how the task that failed first did: exited, signalled, oom, timed_out, lost and so on"),
    "mode": (TEXT, "the mode of its last run"),
    "tenant": (TEXT, "the owner of its tasks"),
    "error_rate": (NUMBER, "the share of its last runs that failed; those that another pipeline held up do not count"),
    "failures": (NUMBER, "runs in a row that failed, up to the last"),
    "runs": (NUMBER, "how many runs `error_rate` is of"),
    "data_age_hours": (NUMBER, "how old its data is"),
    "log_age_hours": (NUMBER, "how long its newest log was not written"),
    "hours_since_run": (NUMBER, "since its last run ended"),
    "hours_since_success": (NUMBER, "since its last success"),
    "duration_minutes": (NUMBER, "how long its last run took, or the present one has taken so far"),
    "execution_time_seconds": (NUMBER, "the same in seconds"),
    "avg_duration_minutes": (NUMBER, "the mean of its last runs"),
    "slower": (NUMBER, "how many times as long as the mean the last run took, or has taken so far"),
    "records_processed": (NUMBER, "what its tasks reported of that name, in all"),
    "records_per_second": (NUMBER, "that, by the seconds it took"),
    "retry_count": (NUMBER, "attempts of its last run beyond the first of each task"),
    "cpu_seconds": (NUMBER, "processor time of its last run"),
    "peak_memory_gb": (NUMBER, "the most that a task of its last run used at a time"),
    "late_minutes": (NUMBER, "how much later than its slot the last run began"),
    "missed_slots": (NUMBER, "slots of the last seven days that were missed"),
    "running": (TRUTH, "whether it runs now"),
    "paused": (TRUTH, "whether somebody has paused it"),
}
#: Of the host.
OF_HOST = {
    "disk_free": (NUMBER, "the smallest free share of a disk that is written to, from 0 to 1"),
    "memory_free": (NUMBER, "the share of memory that is available, from 0 to 1"),
    "cpu_load": (NUMBER, "the load of the last minute by CPU"),
    "cpu_busy": (NUMBER, "the share of the processors' time that was used between two looks, from 0 to 1"),
    "open_files": (NUMBER, "the share of the system's open files that is used, from 0 to 1"),
}
GAUGES = {**OF_PIPELINE, **OF_HOST}
#: Those that are between 0 and 1, whatever happens.
SHARES = frozenset(("error_rate", "disk_free", "memory_free", "cpu_busy", "open_files"))
