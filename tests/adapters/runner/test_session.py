"""Sessions through their real worker: what passes between calls, what each has to itself, and what a death costs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tetra_orchestrator.adapters.runner.dispatch import Dispatch
from tetra_orchestrator.adapters.runner.local import LocalRunner
from tetra_orchestrator.adapters.runner.process import find, identity, is_alive, pid_of
from tetra_orchestrator.adapters.runner.session.runner import SessionRunner
from tetra_orchestrator.core.outcome import Exited, Lost, Signalled, SpawnFailed
from tetra_orchestrator.ports import Call, Launch
from tetra_orchestrator.worker import START

JOBS = """
import os, subprocess, sys, time

class Frame:
    def __init__(self, rows):
        self.rows = rows
    def __repr__(self):
        return f"Frame of {self.rows} rows"

def make(rows=3):
    return Frame(rows)

def count(frame):
    return {"rows": frame.rows, "kind": type(frame).__name__}

def same(value):
    return value

def where():
    print("here")
    names = ("MINE", "PATH", "TETRA_TASK")
    return {"pid": os.getpid(), "cwd": os.getcwd(), "env": {name: os.environ.get(name) for name in names}}

def sleep(note=None):
    print("sleeping")
    if note:
        open(note, "w").write(str(os.getpid()))
    time.sleep(60)

def spin(note):
    while True:
        try:
            open(note, "w").write(str(os.getpid()))
            while True:
                time.sleep(0.01)
        except KeyboardInterrupt:
            print("no")

def tick(note):
    open(note, "w").write(str(os.getpid()))
    while True:
        time.sleep(0.01)

def die(code):
    os._exit(code)

def fail():
    raise ConnectionError("nobody there")

def leave_a_child(note):
    child = subprocess.Popen(["sleep", "60"])
    open(note, "w").write(str(child.pid))

def fork():
    child = os.fork()
    if not child:
        sys.exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def say_goodbye(note):
    import atexit
    atexit.register(lambda: open(note, "w").write("goodbye"))

def scribble():
    for fd in range(3, 20):
        try:
            os.write(fd, b'{"call": 1}\\n[]\\nwhat\\n')
        except OSError:
            pass

def many():
    return iter([1, 2]), list(range(1000)), (1, 2), None
"""


class Desk:
    """Submits calls and waits for them as the loop does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes = LocalRunner()
        self.runner = SessionRunner(self.processes)
        self.count = 0
        self.launches: dict[str, Launch] = {}
        (folder / "jobs.py").write_text(JOBS)

    def launch(
        self,
        function: str,
        *reads: str,
        session: str = "s",
        threads: int = 1,
        grace_s: float = 0.2,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        inputs: list[Any] | None = None,
        writes: tuple[str, ...] = (),
        limit: int = 10_000,
        **config: Any,
    ) -> Launch:
        self.count += 1
        stem = f"{self.folder}/{self.count}"
        token = f"token-{os.getpid()}-{id(self)}-{self.count}"
        given = {"config": config, "reads": reads, "inputs": inputs or reads, "writes": writes, "output_limit": limit}
        Path(f"{stem}.input").write_text(json.dumps(given))
        files = {"TETRA_INPUT": f"{stem}.input", "TETRA_OUTPUT": f"{stem}.output"}
        own = {**(env or {}), **files, "TETRA_ATTEMPT_TOKEN": token, "TETRA_TASK": function}
        call = Call(session, threads, f"jobs.{function}", own, cwd or str(self.folder))
        whole = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
        argv = (sys.executable, START, "session")
        return Launch(token, argv, whole, str(self.folder), f"{stem}.log", grace_s, call)

    def start(self, *arguments: Any, **options: Any) -> str:
        launch = self.launch(*arguments, **options)
        (handle,) = self.runner.submit([launch])
        assert isinstance(handle, str), handle
        self.launches[handle] = launch
        return handle

    def end(self, handle: str, within_s: float = 5.0) -> Any:
        limit = time.monotonic() + within_s
        while not (ended := self.runner.poll([handle])):
            assert time.monotonic() < limit, f"still running: {handle}"
            time.sleep(0.002)
        return ended[0].outcome

    def run(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """The outputs of a call that has to succeed."""
        handle = self.start(*arguments, **options)
        assert self.end(handle) == Exited(0), self.log(handle)
        return self.outputs(handle)

    def written(self, name: str) -> int:
        """The number that a function wrote into a file of ours."""
        path = self.folder / name
        return int(eventually(lambda: self.runner.poll([]) == [] and path.exists() and path.read_text()))

    def outputs(self, handle: str) -> dict[str, Any]:
        assert (call := self.launches[handle].call)
        path = Path(call.env["TETRA_OUTPUT"])
        return json.loads(path.read_text()) if path.exists() else {}

    def log(self, handle: str) -> str:
        return Path(self.launches[handle].log).read_text()


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.runner.close()
    desk.processes.close()
    assert [each for launch in desk.launches.values() for each in find(launch.token)] == []


def eventually(condition, within_s: float = 5.0):
    limit = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < limit, "it did not come true"
        time.sleep(0.005)
    return value


# What passes between calls


def test_objects_that_are_not_json_pass_between_calls_and_are_described_outside(desk: Desk) -> None:
    described = {"frame": {"type": "Frame", "repr": "Frame of 5 rows", "session": "s"}}
    assert desk.run("make", rows=5, writes=("frame",)) == described
    assert desk.run("count", "frame") == {"rows": 5, "kind": "Frame"}


def test_without_writes_values_are_kept_under_the_names_of_the_outputs(desk: Desk) -> None:
    desk.run("make")
    assert desk.run("same", "result") == {"result": {"type": "Frame", "repr": "Frame of 3 rows", "session": "s"}}
    desk.run("count", "result")
    assert desk.run("same", "kind") == {"result": "Frame"}


def test_what_is_json_goes_out_and_what_is_not_or_too_much_of_it_is_described(desk: Desk) -> None:
    outputs = desk.run("many", writes=("iterator", "long", "pair", "nothing"), limit=1000)
    assert re.fullmatch(r"<list_iterator object at 0x\w+>", outputs["iterator"].pop("repr"))
    assert outputs == {
        "iterator": {"type": "list_iterator", "session": "s"},
        "long": {"type": "list", "repr": "[0, 1, 2, 3, 4, 5, ...]", "session": "s"},
        "pair": [1, 2],
        "nothing": None,
    }
    assert desk.run("same", "long", limit=10_000) == {"result": list(range(1000))}


def test_a_data_set_that_is_not_in_the_worker_is_what_the_task_was_given_of_it(desk: Desk) -> None:
    assert desk.run("same", "table", inputs=[[1, 2]]) == {"result": [1, 2]}
    assert desk.run("same", "prices.csv") == {"result": "prices.csv"}


def test_sessions_have_a_worker_and_data_sets_each(desk: Desk) -> None:
    first, second, third = (desk.run("where", session=name)["pid"] for name in ("one", "two", "one"))
    assert first == third != second
    desk.run("make", session="one", writes=("frame",))
    assert desk.run("same", "frame", session="two") == {"result": "frame"}


# What a call has to itself


def test_a_call_has_its_own_log_environment_and_folder(desk: Desk, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    first = desk.start("where", cwd=str(inside), env={"MINE": "1", "PATH": "/mine"})
    second = desk.start("where")
    assert (desk.end(first), desk.end(second)) == (Exited(0), Exited(0))
    one, two = desk.outputs(first), desk.outputs(second)
    assert one["pid"] == two["pid"]
    assert (one["cwd"], two["cwd"]) == (str(inside), str(tmp_path))
    assert one["env"] == {"MINE": "1", "PATH": "/mine", "TETRA_TASK": "where"}
    assert two["env"] == {"MINE": None, "PATH": os.environ["PATH"], "TETRA_TASK": "where"}
    assert (desk.log(first), desk.log(second)) == ("here\n", "here\n")


def test_a_call_that_fails_leaves_the_worker_to_the_others(desk: Desk) -> None:
    desk.run("make", writes=("frame",))
    failed = desk.start("fail")
    assert desk.end(failed) == Exited(1)
    assert desk.log(failed).splitlines()[-1] == "ConnectionError: nobody there"
    assert desk.outputs(failed)["error_class"] == "ConnectionError"
    assert desk.run("count", "frame")["rows"] == 3


def test_a_cancelled_call_is_interrupted_where_it_is_and_the_worker_goes_on(desk: Desk, tmp_path: Path) -> None:
    desk.run("make", writes=("frame",))
    sleeping = desk.start("sleep", note=str(tmp_path / "note"), grace_s=30.0)
    desk.written("note")
    desk.runner.cancel(sleeping)
    assert desk.end(sleeping) == Exited(130)
    assert desk.log(sleeping).splitlines()[-1] == "KeyboardInterrupt: cancelled"
    assert desk.run("count", "frame")["rows"] == 3


def test_a_call_that_is_cancelled_while_it_waits_never_begins(desk: Desk) -> None:
    running, waiting = desk.start("sleep", grace_s=30.0), desk.start("sleep")
    desk.runner.cancel(waiting)
    assert desk.end(waiting) == Signalled(signal.SIGTERM)
    assert desk.log(waiting) == ""
    assert desk.runner.poll([running]) == []


def test_calls_wait_for_their_turn(desk: Desk, tmp_path: Path) -> None:
    first, second = desk.start("sleep", grace_s=30.0), desk.start("sleep", note=str(tmp_path / "note"), grace_s=30.0)
    eventually(lambda: "sleeping" in desk.log(first))
    assert desk.runner.poll([first, second]) == []
    assert desk.log(second) == ""
    desk.runner.cancel(first)
    assert desk.end(first) == Exited(130)
    desk.written("note")


def test_a_fork_that_exits_does_not_end_the_worker(desk: Desk) -> None:
    assert desk.run("fork") == {"result": 3}
    assert desk.run("make", writes=("frame",))


def test_what_a_function_writes_into_our_pipe_ends_no_call(desk: Desk) -> None:
    desk.run("scribble")
    assert desk.run("same", "x") == {"result": "x"}


def test_more_calls_than_the_pipe_takes_are_all_performed(desk: Desk) -> None:
    began = time.monotonic()
    handles = [desk.start("same", "x", threads=20, env={"BIG": "x" * 30_000}) for _ in range(20)]
    assert time.monotonic() - began < 1.0
    assert [desk.end(handle) for handle in handles] == [Exited(0)] * 20


# What a death costs


def test_the_worker_s_death_loses_its_open_call_and_nothing_that_had_ended(desk: Desk, tmp_path: Path) -> None:
    done = desk.start("make", writes=("frame",))
    lost = desk.start("sleep", note=str(tmp_path / "note"))
    described = {"type": "Frame", "repr": "Frame of 3 rows", "session": "s"}
    waiting = desk.start("count", "frame", inputs=[described])
    fresh = desk.start("make", rows=1, writes=("frame",))
    after = desk.start("count", "frame", inputs=[described])
    os.kill(desk.written("note"), signal.SIGKILL)
    assert desk.end(lost) == Lost("the worker of session 's' has ended: killed by signal 9 (KILL)")
    assert desk.end(done) == Exited(0)
    assert desk.end(waiting) == Exited(1)
    assert desk.log(waiting) == (
        "LookupError: the data set 'frame' is gone: it was a Frame in an earlier worker of the session 's', which has "
        "ended; run the task that writes it again\n"
    )
    assert (desk.end(fresh), desk.end(after)) == (Exited(0), Exited(0))
    assert desk.outputs(after)["rows"] == 1


def test_a_function_that_ends_the_process_loses_its_call(desk: Desk) -> None:
    assert desk.end(desk.start("die", code=5)) == Lost("the worker of session 's' has ended: exited with code 5")
    assert desk.run("where")


def test_a_call_that_does_not_yield_within_its_grace_ends_the_worker(desk: Desk, tmp_path: Path) -> None:
    pid = desk.run("where")["pid"]
    stubborn = desk.start("spin", note=str(tmp_path / "note"), grace_s=1.0)
    assert desk.written("note") == pid
    began = time.monotonic()
    desk.runner.cancel(stubborn)
    assert desk.end(stubborn) == Signalled(signal.SIGKILL)
    assert 1.0 <= time.monotonic() - began < 10
    assert "no\n" in desk.log(stubborn)
    assert desk.run("where")["pid"] != pid


def test_an_interpreter_that_is_missing_is_told_like_any_missing_program(desk: Desk) -> None:
    launch = desk.launch("where")._replace(argv=("/nowhere/python", START, "session"))
    assert desk.runner.submit([launch]) == [SpawnFailed("ENOENT", "the program /nowhere/python does not exist")]


# Several calls at a time


def test_with_threads_calls_run_side_by_side_with_a_log_each(desk: Desk, tmp_path: Path) -> None:
    names = ["one", "two"]
    handles = [desk.start("tick", threads=2, note=str(tmp_path / name), grace_s=30.0) for name in names]
    third = desk.start("where", threads=2)
    assert desk.written("one") == desk.written("two")
    assert desk.runner.poll([third]) == []
    desk.runner.cancel(handles[0])
    assert desk.end(handles[0]) == Exited(130)
    assert desk.log(handles[0]).splitlines()[-1] == "KeyboardInterrupt"
    assert desk.end(third) == Exited(0)
    assert (desk.log(third), desk.log(handles[1])) == ("here\n", "")
    assert desk.runner.poll([handles[1]]) == []


def test_with_threads_a_stubborn_call_costs_the_others_their_worker(desk: Desk, tmp_path: Path) -> None:
    stubborn = desk.start("spin", threads=2, note=str(tmp_path / "one"))
    other = desk.start("tick", threads=2, note=str(tmp_path / "two"))
    assert desk.written("one") == desk.written("two")
    desk.runner.cancel(stubborn)
    assert desk.end(stubborn) == Signalled(signal.SIGKILL)
    assert desk.end(other) == Lost("the worker of session 's' has ended: another call in it was killed")


def test_with_threads_objects_pass_between_calls_too(desk: Desk) -> None:
    desk.run("make", threads=2, writes=("frame",))
    assert desk.run("count", "frame", threads=2) == {"rows": 3, "kind": "Frame"}


# What is left behind


def test_an_idle_worker_ends_by_itself_and_says_goodbye(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    pid = desk.run("where")["pid"]
    desk.run("say_goodbye", note=str(tmp_path / "note"))
    desk.runner.close()
    desk.processes.close()
    assert (tmp_path / "note").read_text() == "goodbye"
    assert identity(pid) is None


def test_what_calls_started_ends_with_the_session_and_not_before(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.run("leave_a_child", note=str(tmp_path / "note"))
    child = identity(desk.written("note"))
    assert child is not None
    desk.run("where")
    assert is_alive(child)
    desk.runner.close()
    desk.processes.close()
    assert not is_alive(child)


OWNER = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from adapters.runner.test_session import Desk
desk = Desk(Path({folder!r}))
print(desk.run("where")["pid"], flush=True)
if {busy!r}:
    desk.start("spin", note={folder!r} + "/note")
time.sleep(60)
"""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_worker_does_not_outlive_its_owner(tmp_path: Path, busy: bool) -> None:
    script = OWNER.format(path=sys.path, folder=str(tmp_path), busy=busy)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        worker = identity(int(owner.stdout.readline()))
        assert worker is not None
        if busy:
            eventually((tmp_path / "note").exists)
        owner.kill()
    eventually(lambda: not is_alive(worker))


# Together with processes


def test_calls_and_processes_are_answered_in_order(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    runner = Dispatch(desk.processes)
    process = desk.launch("where")._replace(argv=("true",), call=None)
    launches = [process._replace(token="t1"), desk.launch("where"), process._replace(token="t2", argv=("false",))]
    first, call, second = handles = runner.submit(launches)
    outcomes: dict[str, Any] = {}
    limit = time.monotonic() + 5
    while len(outcomes) < 3 and time.monotonic() < limit:
        outcomes |= {each.handle: each.outcome for each in runner.poll([str(handle) for handle in handles])}
    runner.close()
    assert outcomes == {first: Exited(0), call: Exited(0), second: Exited(1)}
    assert isinstance(call, str)
    assert pid_of(call) > 0
