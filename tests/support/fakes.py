"""Ports as plain values in memory: a clock that is set, a runner that follows a script, a reporter that remembers."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tetra_orchestrator.core.facts import Usage
from tetra_orchestrator.core.outcome import Exited, Signalled
from tetra_orchestrator.errors import CannotWrite, NotNow
from tetra_orchestrator.ports import AttemptFiles, Ended, Wakeup

START = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)


class FakeClock:
    """Time passes only while somebody waits."""

    def __init__(self):
        self.seconds = 1000.0
        self.slept = 0.0
        self.skew = timedelta(0)
        self.on_wait = lambda: False

    def now(self):
        return START + timedelta(seconds=self.seconds - 1000.0) + self.skew

    def show(self, when):
        """Have it show that instant from now on."""
        self.skew += when - self.now()

    def monotonic(self):
        return self.seconds

    def elapsed(self):
        return self.seconds + self.slept

    def wait(self, fds, timeout_s):
        if self.on_wait():
            return True
        assert timeout_s is not None, "the loop would wait for ever"
        self.seconds += max(timeout_s, 0.0)
        return False


class FakeRunner:
    """Jobs end as `script(task_id, number)` says: (seconds until the end, outcome, outputs).

    Those elsewhere wait for `queued_s` before they begin.
    """

    def __init__(self, clock, workspace, script):
        self.clock = clock
        self.workspace = workspace
        self.script = script
        self.launches = []
        self.jobs = {}
        self.cancelled = []
        self.killed = []
        self.on_submit = lambda launches: None
        self.queued_s = 0.0
        self.lasted_s = None
        self.begins = {}

    def submit(self, launches):
        self.on_submit(launches)
        return [self._start(one) for one in launches]

    def _start(self, launch):
        self.launches.append(launch)
        task, number = launch.env["TETRA_TASK"], int(launch.env["TETRA_ATTEMPT"])
        seconds, outcome, outputs = self.script(task, number)
        if not isinstance(outcome, (Exited, Signalled)):
            return outcome
        handle = f"job-{len(self.launches)}"
        self.begins[handle] = self.clock.seconds + (0.0 if launch.runner == "local" else self.queued_s)
        self.jobs[handle] = (self.begins[handle] + seconds, outcome)
        self.workspace.written[launch.env["TETRA_OUTPUT"]] = outputs
        return handle

    def something_ended(self):
        return any(due <= self.clock.seconds for due, _ in self.jobs.values())

    def begun(self, handles):
        return [handle for handle in handles if self.begins[handle] <= self.clock.seconds]

    def poll(self, handles):
        ended = [h for h in handles if h in self.jobs and self.jobs[h][0] <= self.clock.seconds]
        return [Ended(handle, self.jobs.pop(handle)[1], lasted_s=self.lasted_s) for handle in ended]

    def cancel(self, handle):
        self.cancelled.append(handle)
        self.jobs[handle] = (self.clock.seconds, Signalled(15))

    def kill(self, handle):
        self.killed.append(handle)
        self.jobs[handle] = (self.clock.seconds, Signalled(9))

    def find(self, token):
        return []

    def lasting(self, handle):
        return handle

    def wakeup(self):
        due = [when for when, _ in self.jobs.values()]
        due += [when for handle, when in self.begins.items() if handle in self.jobs and when > self.clock.seconds]
        return Wakeup(None, max(min(due) - self.clock.seconds, 0.0) if due else None)

    def close(self):
        self.jobs.clear()


class FakeWorkspace:
    """Files that exist only as names; `written` maps an output file to what a task left in it.

    `checkpoints` are the pairs of run and task that have left something in that task's checkpoint folder.
    """

    def __init__(self):
        self.written = {}
        self.given = {}
        self.cleared = []
        self.sizes = {}
        self.stubborn = set()
        self.carried = []
        self.checkpoints = set()
        self.removed = []

    def prepare(self, run_id, task_id, number, given, tenant=None):
        self.given[f"{task_id}.{number}"] = given
        return self.files(run_id, task_id, number)._replace(tenant=tenant and f"/tenants/{tenant}")

    def files(self, run_id, task_id, number):
        stem = f"/{run_id}/{task_id}.{number}"
        return AttemptFiles(f"{stem}.log", f"{stem}.input", f"{stem}.output", f"/{run_id}/{task_id}", f"{stem}.record")

    def outputs(self, files):
        found = self.written.get(files.output) or {}
        if isinstance(found, Exception):
            raise found
        return found

    def carry_over(self, earlier, run_id, task=None):
        if task is None:
            self.carried.append((list(earlier), run_id))
        found = next((old for old in earlier if (old, task) in self.checkpoints), None)
        if found is not None:
            self.checkpoints.remove((found, task))
            self.checkpoints.add((run_id, task))
        return found

    def around(self, run_id):
        return ""

    def masked_outputs(self, files):
        return self.outputs(files)

    def clear(self, files):
        self.cleared.append(files.input)

    def log_path(self, run_id, task_id, number):
        return f"/{run_id}/{task_id}.{number}.log"

    def open_log(self, now):
        return "/logs/orchestrator.log"

    def size(self, run):
        return self.sizes.get(run.run_id, 1)

    def remove(self, run):
        if run.run_id in self.stubborn:
            raise CannotWrite(f"{run.run_id} stays")
        self.removed.append(run.run_id)

    def tail(self, log, limit=4096):
        return f"end of {log}\n"


class FakeStrays:
    """Files that belong to no run; those called `stuck` cannot be removed."""

    def __init__(self, *left):
        self.left = list(left)
        self.looked = None

    def find(self, runs, idle_since, logs_since):
        self.looked = [run.run_id for run in runs], idle_since, logs_since
        return list(self.left)

    def remove(self, stray):
        if stray.path.endswith("stuck"):
            raise CannotWrite(f"{stray.path} stays")
        self.left.remove(stray)


class FakeInterrupts:
    """Signals that a test sends by appending their numbers."""

    def __init__(self):
        self.numbers = []

    def fileno(self):
        return -1

    def take(self):
        taken, self.numbers = self.numbers, []
        return taken


class FakeProcesses:
    """A process table in which everybody in `alive` lives; `records` maps tokens to what wrappers have left."""

    def __init__(self, alive=("me",)):
        self.alive = set(alive)
        self.ended = []
        self.signals = []
        self.records = {}

    def own(self):
        return "me"

    def is_alive(self, identity):
        return identity in self.alive

    def signal(self, identity, number):
        self.signals.append((identity, number))
        return identity in self.alive

    def survived(self, handles):
        return {token for token in handles if token not in self.ended and token not in self.records}

    def usage(self, handles):
        return {token: Usage(1.5, 3 << 20) for token in self.survived(handles)}

    def end_trees(self, handles, grace_s):
        self.ended += handles

    def left(self, record, token):
        return self.records.get(token)


class FakeLocks:
    """Locks that only this process takes."""

    def __init__(self, taken=()):
        self.taken = set(taken)
        self.sharers = []
        self.nudged = []
        self.run_shares = FakeShares()

    @contextmanager
    def held(self, names, holder, *, shared=False):
        for name in names:
            if name in self.taken or (name in self.sharers and not shared):
                raise NotNow(f"{name} is taken")
        if shared:
            self.sharers += names
        else:
            self.taken |= set(names)
        try:
            yield
        finally:
            if shared:
                for name in names:
                    self.sharers.remove(name)
            else:
                self.taken -= set(names)

    def is_held(self, name):
        return name in self.taken or name in self.sharers

    def nudge(self, run_id):
        self.nudged.append(run_id)

    @contextmanager
    def shares(self, run_id, parent=None):
        self.run_shares.parent = parent
        with self.held([f"run-{run_id}"], run_id):
            yield self.run_shares


class FakeShares:
    """Other runs take what `others` says; `published` is what this one has taken, change by change."""

    def __init__(self):
        self.parent = None
        self.others = {}
        self.published = []

    @contextmanager
    def turn(self):
        yield self.others

    def take(self, amounts):
        if self.published[-1:] != [amounts]:
            self.published.append(amounts)

    def wakeup(self):
        return Wakeup()

    def asked(self):
        return False


class RecordingReporter:
    """Remembers the events it was given."""

    def __init__(self):
        self.events = []
        self.closed = False

    def flush(self):
        pass

    def event(self, event):
        self.events.append(event)

    def tick(self):
        pass

    def close(self):
        self.closed = True
