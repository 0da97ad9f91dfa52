"""Asking systemd for a scope: a control group of our own, for this process and all that it starts."""

from __future__ import annotations

import os
import time

_CALL = (
    *("call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"),
    *("StartTransientUnit", "ssa(sv)a(sa(sv))"),
)
_LIMIT_S = 5.0
_PAUSE_S = 0.005


def enter_scope() -> bool:
    """Have systemd move this process to a new scope that is delegated to us; False where that cannot be had.

    Without the delegation systemd would take the groups in it for its own, and stop it all when one task is out of
    memory. What a service's unit has started stays there, since who stops the service looks for it there.
    """
    if not os.path.isdir("/run/systemd/system") or _is_in_service():
        return False
    manager = "--system" if os.geteuid() == 0 else "--user"
    name = f"tetra-{os.getpid()}.scope"
    if not _succeeds("busctl", manager, *_CALL, *_unit(name)):
        return False
    # The answer comes before we have been moved, in v1 from one hierarchy after another.
    limit = time.monotonic() + _LIMIT_S
    while not (active := _succeeds("systemctl", manager, "is-active", name)) and time.monotonic() < limit:
        time.sleep(_PAUSE_S)
    return active


def _is_in_service() -> bool:
    if "INVOCATION_ID" not in os.environ:
        return False
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        return any(line.rstrip("\n").endswith(".service") for line in file)


def _unit(name: str) -> list[str]:
    properties = [
        *("Description", "s", "tasks of tetra-orchestrator"),
        *("Delegate", "b", "true"),
        *("CollectMode", "s", "inactive-or-failed"),
        *("PIDs", "au", "1", str(os.getpid())),
    ]
    return [name, "fail", "4", *properties, "0"]


def _succeeds(*command: str) -> bool:
    import subprocess

    # Cron jobs are not told where their user's manager listens.
    environ = {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"} | os.environ
    try:
        done = subprocess.run(command, env=environ, capture_output=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
