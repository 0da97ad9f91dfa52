"""The environment of a task's process: what it inherits, what the file says, and who it is."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project, Task
    from tetra_orchestrator.ports import AttemptFiles

#: What `env: {inherit: base}` keeps of our environment.
BASE_NAMES = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
#: What no task inherits: the identity of another task, and what steers our own program.
OURS = frozenset(
    f"TETRA_{name}"
    for name in (
        *("HOME", "RUN_ID", "PIPELINE", "TASK", "ATTEMPT", "ATTEMPT_TOKEN", "MODE", "SLOT", "TENANT", "WORKERS"),
        *("PARTITION_START", "PARTITION_END", "OUTPUT", "INPUT", "CHECKPOINT"),
        *("FALLBACK", "FAILED_REASON"),
        *("HOOK", "RUN_STATE", "EXIT_CODE", "FAILED_TASKS", "LATENESS_S", "RUN_LOG"),
        *("STATE", "TENANT_STATE", "FAILPOINT", "WAITER", "PLUGINS"),
    )
)
_HEX = frozenset("0123456789abcdef")
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def surroundings(
    project: Project, run: Run, environ: Mapping[str, str], python: str, *, here: bool = True
) -> dict[str, str]:
    """What all tasks of a run that use this interpreter have in common. `environ` is our own environment.

    Of that, an attempt that is not `here` inherits what the file names, and the base names: it is of this machine.
    """
    rule = project.environment
    if rule.inherit == "all" and here:
        env = {name: value for name, value in environ.items() if name not in OURS}
    else:
        env = {name: environ[name] for name in (*BASE_NAMES, *rule.passed) if name in environ}
    for name in rule.withheld:
        env.pop(name, None)
    env["PATH"] = _path(env.get("PATH") or DEFAULT_PATH, python)
    if project.pythonpath:
        inherited = [env["PYTHONPATH"]] if env.get("PYTHONPATH") else []
        env["PYTHONPATH"] = ":".join([*(resolve(project.root, p) for p in project.pythonpath), *inherited])
    # a log that is followed should show a line when it is printed, not when 8 KB are full
    env.setdefault("PYTHONUNBUFFERED", "1")
    env.update(rule.extra)
    env.update(of_run(project, run))
    given = environ.get("TRACEPARENT", "")
    env["TRACEPARENT"] = trace(run, given)
    env.pop("TRACESTATE", None)
    if "TRACESTATE" in environ and _parent(given):  # it tells more of that trace, and means nothing in another
        env["TRACESTATE"] = environ["TRACESTATE"]
    return env


def of_run(project: Project, run: Run) -> dict[str, str]:
    """What tells a process which run it belongs to."""
    env = {"TETRA_HOME": project.root, "TETRA_RUN_ID": run.run_id}
    if run.mode:
        env["TETRA_MODE"] = run.mode
    if run.slot:
        from tetra_orchestrator.core.spoken import instant

        env["TETRA_SLOT"] = instant(run.slot)
    if run.partition:
        env.update(TETRA_PARTITION_START=run.partition.start, TETRA_PARTITION_END=run.partition.end)
    return env


def of_attempt(task: Task, number: int, token: str, files: AttemptFiles) -> dict[str, str]:
    """What tells a process which attempt it is."""
    env = {
        "TETRA_PIPELINE": task.pipeline,
        "TETRA_TASK": task.id,
        "TETRA_ATTEMPT": str(number),
        "TETRA_ATTEMPT_TOKEN": token,
        "TETRA_OUTPUT": files.output,
        "TETRA_INPUT": files.input,
        "TETRA_CHECKPOINT": files.checkpoint,
    }
    if task.tenant:
        env["TETRA_TENANT"] = task.tenant
    if files.tenant:
        env["TETRA_TENANT_STATE"] = files.tenant
    if task.resources and task.resources.workers:
        env["TETRA_WORKERS"] = str(task.resources.workers)
    return env


def in_span(parent: str, token: str) -> str:
    """The trace context of the attempt with this token: its own span in the trace of `parent`."""
    version, trace, _, flags = parent.split("-")
    return f"{version}-{trace}-{token[-16:]}-{flags}"


def trace(run: Run, given: str) -> str:
    """The trace that our own caller has us in, if `given` is one, or else a new one of the run."""
    parent = _parent(given)
    if parent is not None:
        return parent
    from _blake2 import blake2b  # hashlib would load OpenSSL for it

    own = blake2b(run.run_id.encode(), digest_size=16).hexdigest()
    return f"00-{own}-{own[:16]}-01"


def _parent(given: str) -> str | None:
    """The trace context in the version that we know; None where it is none.

    See https://www.w3.org/TR/trace-context-2: version, trace, span and flags, in hexadecimal digits of lower case, and
    for a version that we do not know anything behind these. Of its flags we know two: sampled, and in our own version
    that the trace's id is random.
    """
    version, trace, span, flags = given[:2], given[3:35], given[36:52], given[53:55]
    whole = len(flags) == 2 and given[:55] == f"{version}-{trace}-{span}-{flags}"
    if not whole or not _HEX.issuperset(version + trace + span + flags) or not int(trace, 16) or not int(span, 16):
        return None
    if version == "00":
        return f"00-{trace}-{span}-{int(flags, 16) & 3:02x}" if len(given) == 55 else None
    return None if version == "ff" or given[55:56] not in ("", "-") else f"00-{trace}-{span}-{int(flags, 16) & 1:02x}"


def resolve(root: str, path: str | None) -> str:
    """The absolute path, which starts at the project's root; None is the root itself."""
    if not path:
        return root
    return path if path.startswith("/") else f"{root}/{path}"


def interpreter(root: str, python: str) -> str:
    """The program that runs Python: one with a slash is a path, any other is looked for on PATH."""
    return resolve(root, python) if "/" in python else python


def _path(path: str, python: str) -> str:
    """PATH with the task's own interpreter first, so that `command: [python, ...]` means that one."""
    folder = python.rpartition("/")[0]
    return path if not folder or folder in path.split(":") else f"{folder}:{path}"
