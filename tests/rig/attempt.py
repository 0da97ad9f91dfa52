"""Run inside a rig: one guarded attempt, told as a JSON object. `attempt.py BOUNDS WHERE COMMAND...`

BOUNDS are fields of `Bounds` as JSON; WHERE is `here` or `scope`, for which systemd is asked first.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tetra_orchestrator.adapters.runner.limits.guard import guard
from tetra_orchestrator.adapters.runner.limits.scope import enter_scope
from tetra_orchestrator.core.facts import Bounds
from tetra_orchestrator.core.outcome import Exited, Signalled, describe
from tetra_orchestrator.ports import Launch

bounds, where, *argv = sys.argv[1:]
asked = where == "scope" and enter_scope()
launch = Launch(
    "token", tuple(argv), dict(os.environ), "/", "/tmp/attempt.log", 1.0, bounds=Bounds(**json.loads(bounds))
)
kept = guard(launch)
assert kept is not None
command, env = kept.command(launch.argv, launch.env)
code = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
outcome = kept.cause(Exited(code) if code >= 0 else Signalled(-code))
folders = [Path(entrance).parent for entrance in kept._group.entrances] if kept._group else []
accounts = [folder / "cpu.stat" for folder in folders]
told = {
    "asked": asked,
    "groups": [line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines()],
    "limits": dict(kept.limits),
    "outcome": describe(outcome),
    "note": kept.note(),
    "throttled": any(
        "nr_throttled 0" not in (f / "cpu.stat").read_text() for f in folders if (f / "cpu.stat").exists()
    ),
    "empty": kept.empty(),
}
until = time.monotonic() + 5
while kept.kill() and not kept.empty() and time.monotonic() < until:
    time.sleep(0.01)
kept.close()
print(json.dumps(told | {"left": [str(folder) for folder in folders if folder.exists()]}))
