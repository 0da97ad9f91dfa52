"""`run` on a terminal, through a real pseudo-terminal that the command's session belongs to."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import termios
import time

import pytest

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
UP = re.compile(rb"\x1b\[\d+A")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STUBBORN = "trap 'echo not yet' TERM; touch began; for n in $(seq 300); do sleep 0.1; done; touch ended"


class OnTerminal:
    """The command on a terminal of its own; `raw` is all that it was sent."""

    def __init__(self, site, *args, **env):
        self._leader, follower = pty.openpty()
        os.set_blocking(self._leader, False)
        self.raw = b""
        self.process = site.start(
            *args, stdout=follower, stderr=follower, stdin=follower, env={"TERM": "xterm", "COLUMNS": "100"} | env,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self.before = termios.tcgetattr(follower)
        os.close(follower)

    def press(self, key):
        os.write(self._leader, key)

    def read(self):
        """What was sent by now; False when the terminal has been left."""
        select.select([self._leader], [], [], 0.05)
        try:
            data = os.read(self._leader, 1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.raw += data
        return bool(data)

    def until(self, text):
        limit = time.monotonic() + 30
        while text not in self.text:
            assert time.monotonic() < limit, self.text
            assert self.read() or text in self.text, self.text

    def close(self):
        os.close(self._leader)

    def end(self):
        """The exit code."""
        while self.read():
            pass
        self.close()
        return self.process.wait(timeout=30)

    @property
    def text(self):
        return CONTROL.sub("", self.raw.decode()).replace("\r\n", "\n")

    @property
    def cursor_is_back(self):
        return self.raw.rfind(b"\x1b[?25h") > self.raw.rfind(b"\x1b[?25l") > 0


def started(site, shell):
    """A run whose first task has begun."""
    site.configure(f"""
        pipelines:
          one: {{shell: "{shell}", kill_grace: 60s}}
          two: {{shell: "true", depends_on: [one]}}
    """)
    run = OnTerminal(site, "run")
    site.until(lambda: (site.root / "began").exists())
    return run


def test_a_run_on_a_terminal_ends_with_a_line_per_task_what_failed_and_how_to_go_on(site):
    site.configure("""
        pipelines:
          one: {shell: "true"}
          two: {shell: "echo broken; exit 4", depends_on: [one]}
    """)
    run = OnTerminal(site, "run")
    assert run.end() == 2
    assert re.search(r"✓ one  succeeded", run.text)
    assert re.search(r"✗ two  failed +\d\.\d s  exited with code 4", run.text)
    run_id = site.json("history")["runs"][0]["run_id"]
    assert run.text.endswith(f"""
✗ two failed: exited with code 4
  │ broken
  full log: {site.root}/logs/runs/{run_id}/two.1.log

✗ failed after {re.search("failed after (.*):", run.text)[1]}: 1 succeeded, 1 failed
  go on       tetra resume {run_id}
  find out    tetra why {run_id}
  run's log   {os.path.realpath(site.root / "logs" / "latest")}
""")
    assert run.cursor_is_back
    assert site.lines_of_log()[-1].startswith("Look closer: tetra show ")


@pytest.mark.parametrize(
    ("args", "env"), [(("--progress", "plain"), {}), ((), {"TERM": "dumb"})], ids=["asked for", "a dumb terminal"]
)
def test_plain_lines_are_shown_where_they_are_asked_for_and_where_nothing_can_be_drawn(site, args, env):
    site.configure('pipelines: {one: {shell: "true"}}\n')
    run = OnTerminal(site, "run", *args, **env)
    assert run.end() == 0
    assert run.text == (site.root / "logs" / "latest").read_text()
    assert run.raw.decode().replace("\r\n", "\n") == run.text


def test_no_color_leaves_the_symbols_and_the_words(site):
    site.configure('pipelines: {one: {shell: "true"}}\n')
    run = OnTerminal(site, "run", NO_COLOR="1")
    assert run.end() == 0
    assert "✓ one  succeeded" in run.text
    assert not COLOUR.search(run.raw.decode())


def test_ctrl_c_ends_a_run_gracefully_and_a_second_one_at_once(site):
    run = started(site, STUBBORN)
    run.press(b"\x03")
    run.until("stopping: 1 task has 60 s to end; Ctrl-C again ends it at once")
    run.until("│ not yet")  # it goes on, and is still shown
    run.press(b"\x03")
    assert run.end() == 130
    assert re.search(r"■ cancelled after .*: interrupted by SIGINT, 2 cancelled\n", run.text)
    assert re.search(r"\n■ two +cancelled +not started\n", run.text)
    assert not (site.root / "ended").exists()
    assert run.cursor_is_back


def test_a_run_that_was_stopped_and_goes_on_is_drawn_anew_and_not_ended_by_that(site):
    run = started(site, "touch began; while ! [ -e go ]; do sleep 0.05; done")
    run.until("│ no output yet")
    run.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, run.process.pid, os.WSTOPPED | os.WNOWAIT)
    while select.select([run._leader], [], [], 0)[0]:
        run.read()
    seen = len(run.raw)
    run.process.send_signal(signal.SIGCONT)
    site.until(lambda: run.read() and b"of 2 done" in run.raw[seen:])
    assert not UP.search(run.raw[seen : run.raw.index(b"of 2 done", seen)])
    (site.root / "go").touch()
    assert run.end() == 0


def test_term_ends_it_too(site):
    run = started(site, "touch began; exec sleep 30")
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 143
    assert "interrupted by SIGTERM" in run.text
    assert run.cursor_is_back


def test_a_terminal_that_is_closed_ends_the_run_gracefully(site):
    run = started(site, "touch began; exec sleep 30")
    run.close()
    assert run.process.wait(timeout=30) == 143
    found = site.json("show")
    assert found["run"]["state"] == "cancelled"
    assert found["tasks"][1]["reason"]["text"] == "interrupted by SIGHUP"
