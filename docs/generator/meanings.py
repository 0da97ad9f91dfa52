"""What words mean of which the code has only the name. Tests see to it that none is missing, and none too many."""

EXITS = {
    "OK": "succeeded",
    "PARTIAL": "partial: something failed, and what stands in for it, or is complete of it, counts",
    "FAILED": "failed, timed out, or cancelled by somebody else",
    "USAGE": "the command line does not fit",
    "UNAVAILABLE": "the store is unavailable, damaged or too new",
    "BUG": "a fault of ours; a report was written",
    "CANNOT_WRITE": "a folder or file cannot be written",
    "NOT_NOW": "not now: already running, paused, or what it depends on is missing",
    "PERMISSION": "the operating system does not permit it",
    "CONFIG": "the configuration has problems",
    "INTERRUPTED": "interrupted by Ctrl-C",
    "TERMINATED": "interrupted by TERM",
}

EVENT_FIELDS = {
    "schema": "`tetra.run/1`",
    "event": "its name",
    "seq": "a number that counts from 1 within the run",
    "ts": "when it happened: RFC 3339, UTC, ending in `Z`",
    "run_id": "the run",
    "task": "the id of the task that it is about, else null",
    "attempt": "the number of the attempt that it is about, else null",
    "state": "the state of the task, or of the run, behind it, else null",
    "reason": "why: `{code, text}`, else null",
}

EVENTS = {
    "run.started": "the run has begun",
    "run.finished": "the run is over",
    "run.stopping": "somebody asked for the end of the run; its reason says how",
    "task.ready": "a service is ready for what depends on it",
    "task.skipped": "a task was left out on purpose, and nothing more will happen to it",
    "task.finished": "nothing more will happen to a task; without `attempt` it was never started",
    "attempt.started": "an attempt is about to be started; its reason says why now",
    "attempt.finished": "an attempt is over, and its processes are gone; its reason says how it ended",
    "retry.scheduled": "another attempt will follow; its reason says when, or what stands in",
    "task.slow": "an attempt took longer than `monitor: slow_task`",
    "recovery.step": "who is told of a failure: first of all, or as nothing has helped",
    "hook.failed": "a hook did not end well",
    "alert.raised": "behind the run: an alert because of it was raised",
    "alert.resolved": "behind the run: an alert is over because of it",
    "stream.gap": "lines were left out here for a reader that is too slow; `seq` is the last that is missing",
}

READ = {
    "PIPELINE_CONFIG": "the configuration file, or its folder; `--config` wins",
    "TETRA_HOME": "the project's root, looked at before the current folder and those above it",
    "TETRA_STATE": "where runs are remembered, instead of `state` in the file",
    "LOG_DIR": "the folder of logs, instead of `logs: dir` in the file",
    "TETRA_WAITER": "`portable`: wait for processes as where the kernel has no pidfd",
    "TETRA_FAILPOINT": "for tests of what survives: `name:nth=kill`, `stop`, `raise` or `enospc`",
    "NO_COLOR": "set to anything: no colours",
    "FORCE_COLOR": "set to anything but 0: colours without a terminal, too",
    "CLICOLOR_FORCE": "the same as FORCE_COLOR",
    "TERM": "`dumb`: no colours and nothing that moves",
    "COLUMNS": "how wide a table may be, whatever the terminal says",
    "TZ": "the time zone that `local` means, and in which times are printed",
    "PATH": "where programs and the interpreter are looked for",
    "VIRTUAL_ENV": "whose interpreter runs tasks where the file names none and there is no `.venv` beside it",
    "PYTHONPATH": "further folders of modules, behind those of `pythonpath` in the file",
    "SLURM_CONF": "the configuration of the Slurm that runners send jobs to, as for its own commands",
    "TRACEPARENT": "the trace that the run goes on with",
    "TRACESTATE": "what is passed on with TRACEPARENT",
    "LANG": "the locale, which `doctor` compares with that of a job",
    "LC_ALL": "the locale, too; it wins",
    "LC_CTYPE": "the locale of characters",
    "HOME": "where files of a user belong",
    "XDG_CONFIG_HOME": "where units of a user's systemd belong, instead of `~/.config`",
    "XDG_RUNTIME_DIR": "where the user's systemd and desktop are reached",
    "DBUS_SESSION_BUS_ADDRESS": "their address, where it is another than usual",
    "SYSTEMD_EXEC_PID": "that systemd has started us: then its journal is told",
    "JOURNAL_STREAM": "that our output is the journal itself",
    "INVOCATION_ID": "that a unit of systemd is around us",
    "TAURO_MLOPS_BACKEND": "of tauro's files: `backend` of `mlops`",
    "TAURO_MLOPS_PATH": "of tauro's files: `path` of `mlops`",
    "TAURO_MLOPS_CATALOG": "of tauro's files: `catalog` of `mlops`",
    "TAURO_MLOPS_SCHEMA": "of tauro's files: `schema` of `mlops`",
    "TAURO_MLOPS_AUTO_INIT": "of tauro's files: whether `mlops` begins by itself",
}

OF_TASKS = {
    "TETRA_HOME": "the project's root",
    "TETRA_RUN_ID": "the run",
    "TETRA_MODE": "its mode, if it has one",
    "TETRA_SLOT": "the instant at which it was due, of a run that a schedule started (RFC 3339, UTC)",
    "TETRA_PARTITION_START": "the first day of a run over a range",
    "TETRA_PARTITION_END": "the last day of a run over a range",
    "TETRA_PIPELINE": "the pipeline",
    "TETRA_TASK": "the task's id",
    "TETRA_ATTEMPT": "the number of the attempt, from 1",
    "TETRA_ATTEMPT_TOKEN": "a mark by which the attempt's processes are found again",
    "TETRA_TENANT": "its owner",
    "TETRA_TENANT_STATE": "a folder of that owner that survives runs",
    "TETRA_WORKERS": "how many workers it should use",
    "TETRA_INPUT": "a JSON file of what it is given",
    "TETRA_OUTPUT": "the file to which it appends what it hands on, one JSON object a line",
    "TETRA_CHECKPOINT": "a folder that survives attempts",
    "TETRA_FALLBACK": "`1` in a fallback",
    "TETRA_FAILED_REASON": "how the task failed for which a fallback stands in",
    "TETRA_PLUGINS": "of a task type: a JSON list of the modules that register types",
    "TRACEPARENT": "a span for the attempt",
    "TRACESTATE": "what was given to us with the trace",
}

OF_HOOKS = {
    "TETRA_HOOK": "the hook's name",
    "TETRA_RUN_STATE": "`running` at the start, then how it ended",
    "TETRA_EXIT_CODE": "the run's exit code, once it is over",
    "TETRA_FAILED_TASKS": "the ids of tasks that failed, with commas between them",
    "TETRA_LATENESS_S": "seconds by which the run began after its slot",
    "TETRA_RUN_LOG": "the path of the run's log",
}

VARIABLES = (
    ("What we read", "", READ),
    ("What a task finds", "[Running](../running.md#what-a-task-finds) tells more of each.", OF_TASKS),
    ("What a hook finds besides", "[Hooks](../recovery.md#hooks) find their run in these.", OF_HOOKS),
)

FILES = {
    "config/orchestration.yaml": "the configuration, or `orchestration.yaml`",
    "state/tetra.db": "every run, task, attempt, output and event",
    "logs/latest": "the log of the newest run",
    "logs/runs/RUN/TASK.N.log": "what attempt N of a task has printed",
}
