"""Standard output that never blocks a run, through real pipes, terminals, sockets and files."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import socket
import termios
import threading
import time
from itertools import pairwise

import pytest

from tetra_orchestrator.adapters.report import outlet as module
from tetra_orchestrator.adapters.report.aftermath import Aftermath
from tetra_orchestrator.adapters.report.outlet import Outlet

LINE = "x" * 99 + "\n"
MORE_THAN_A_PIPE_HOLDS = 2000  # lines


@pytest.fixture(autouse=True)
def _no_waiting_for_ever():
    """A write that blocks fails the test instead of stopping all of them."""

    def refuse(*_):
        raise TimeoutError("something blocked")

    before = signal.signal(signal.SIGALRM, refuse)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["opened again", "poll alone"])
def pipe(request, monkeypatch):
    """(reading end, writing end), once as where a pipe can be opened again, and once as where it cannot."""
    if request.param == "poll alone":
        monkeypatch.setattr(module, "_opened_again", lambda fd: None)
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


@pytest.fixture
def terminal():
    """(the terminal's side, the program's side)."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


class Reader(threading.Thread):
    """Reads to the end of `fd`, `size` bytes at a time with a pause after each."""

    def __init__(self, fd, *, size=65536, pause_s=0.0):
        super().__init__(daemon=True)
        self.fd, self.size, self.pause_s = fd, size, pause_s
        self.data = b""
        self.start()

    def run(self):
        while chunk := os.read(self.fd, self.size):
            self.data += chunk
            time.sleep(self.pause_s)

    def lines(self, writing_end):
        """All that came, after the end."""
        os.close(writing_end)
        self.join()
        return self.data.decode().splitlines(keepends=True)


def numbered(count, width=99):
    return [f"{n:0{width}d}\n" for n in range(count)]


def put(outlet, lines):
    """Write each line and flush, as a reporter does; the number of those that were taken."""
    taken = 0
    for line in lines:
        taken += outlet.write(line) > 0
        outlet.flush()
    return taken


def test_a_pipe_that_nobody_reads_blocks_nobody_and_loses_nothing_up_to_the_limit(pipe):
    outlet = Outlet(pipe[1])
    lines = numbered(MORE_THAN_A_PIPE_HOLDS)
    assert put(outlet, lines) == len(lines)
    assert outlet.behind
    reader = Reader(pipe[0])
    outlet.close()
    assert reader.lines(pipe[1]) == lines
    assert (outlet.left_out, outlet.fault, outlet.behind) == (0, None, False)


def test_beyond_the_limit_whole_lines_are_left_out_and_their_number_stands_in_their_place(pipe):
    outlet = Outlet(pipe[1], limit=20_000)
    lines = numbered(MORE_THAN_A_PIPE_HOLDS)
    taken = put(outlet, lines)
    assert taken < len(lines)
    reader = Reader(pipe[0])
    while outlet.behind:
        outlet.flush()
    put(outlet, [LINE])
    outlet.close()
    came = reader.lines(pipe[1])
    missing = len(lines) - taken
    told = f"... {missing} lines are left out here, because nobody read them in time\n"
    assert came == [*lines[:taken], told, LINE]
    assert outlet.left_out == 0


def test_what_was_left_out_last_is_told_at_the_end(pipe):
    outlet = Outlet(pipe[1], limit=20_000)
    taken = put(outlet, numbered(MORE_THAN_A_PIPE_HOLDS))
    reader = Reader(pipe[0])
    outlet.close()
    missing = MORE_THAN_A_PIPE_HOLDS - taken
    assert reader.lines(pipe[1])[-1].startswith(f"... {missing} lines are left out here")


def test_once_lines_are_left_out_that_goes_on_until_half_of_the_buffer_is_free():
    reading, writing = os.pipe()
    outlet = Outlet(writing, limit=20_000)
    put(outlet, numbered(MORE_THAN_A_PIPE_HOLDS))
    while len(outlet._waiting) > 15_000:
        os.read(reading, 4096)
        outlet.flush()
    assert outlet.write(LINE) == 0
    while len(outlet._waiting) > 9_000:
        os.read(reading, 4096)
        outlet.flush()
    assert outlet.write(LINE) == len(LINE)
    for end in (reading, writing):
        os.close(end)


@pytest.mark.parametrize("size", [100, 3000])
def test_a_reader_that_is_slow_but_reads_all_gets_all(pipe, size):
    outlet = Outlet(pipe[1], patience_s=0.5)
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)
    lines = numbered(2 * 4096 // 100 + size * 40 // 100)
    put(outlet, lines)
    reader = Reader(pipe[0], size=size, pause_s=0.03)
    began = time.monotonic()
    outlet.close()
    assert time.monotonic() - began > 0.5  # longer than a reader that takes nothing is waited for
    assert reader.lines(pipe[1]) == lines
    assert outlet.left_out == 0


def test_a_reader_that_takes_nothing_is_given_up_and_has_no_torn_line(pipe):
    outlet = Outlet(pipe[1], patience_s=0.2)
    lines = numbered(MORE_THAN_A_PIPE_HOLDS, width=130)
    put(outlet, lines)
    outlet.close()
    came = Reader(pipe[0]).lines(pipe[1])
    assert 100 < len(came) < len(lines)
    assert came == lines[: len(came)]
    assert outlet.left_out == len(lines) - len(came)


def test_a_reader_that_has_gone_is_a_fault_and_no_exception(pipe):
    outlet = Outlet(pipe[1])
    put(outlet, [LINE])
    os.close(pipe[0])
    assert put(outlet, [LINE, LINE]) == 1  # the first finds it out
    assert isinstance(outlet.fault, BrokenPipeError)
    assert not outlet.behind
    outlet.close()


def test_the_descriptor_that_others_share_stays_blocking(pipe, terminal):
    for fd in (pipe[1], terminal[1]):
        outlet = Outlet(fd)
        assert os.get_blocking(fd)
        outlet.close()
        assert os.get_blocking(fd)
        os.fstat(fd)  # and open


def test_a_closed_outlet_leaves_no_descriptor_behind(terminal):
    before = os.listdir("/dev/fd")
    outlet = Outlet(terminal[1])
    outlet.close()
    outlet.close()
    assert len(os.listdir("/dev/fd")) == len(before)


def test_a_terminal_that_is_stopped_blocks_nobody_and_shows_all_when_it_goes_on(terminal):
    leader, follower = terminal
    outlet = Outlet(follower)
    termios.tcflow(follower, termios.TCOOFF)  # as Ctrl-S does
    lines = numbered(300)
    assert put(outlet, lines) == len(lines)
    assert outlet.behind
    termios.tcflow(follower, termios.TCOON)
    seen = threading.Thread(target=outlet.close)
    data = b""
    seen.start()
    while len(data) < sum(map(len, lines)) + len(lines):
        data += os.read(leader, 65536)
    seen.join()
    assert data.decode().replace("\r\n", "\n") == "".join(lines)


def test_a_terminal_whose_window_hangs_blocks_nobody(terminal):
    outlet = Outlet(terminal[1], patience_s=0.1)
    assert put(outlet, numbered(20_000)) == 20_000
    assert outlet.behind
    outlet.close()
    assert outlet.left_out > 0


def test_a_socket_that_nobody_reads_blocks_nobody():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outlet = Outlet(ours.fileno(), patience_s=0.1)
        assert put(outlet, numbered(20_000)) == 20_000
        assert outlet.behind
        outlet.close()


def test_a_file_gets_everything_behind_what_is_in_it(tmp_path):
    path = tmp_path / "out"
    path.write_text("before\n")
    with path.open("a") as file, Outlet(file.fileno()) as outlet:
        assert put(outlet, numbered(1000)) == 1000
        assert not outlet.behind
        assert not outlet.isatty()
    assert path.read_text() == "before\n" + "".join(numbered(1000))


def test_a_line_that_is_longer_than_a_pipe_takes_at_once_comes_whole(pipe):
    outlet = Outlet(pipe[1])
    lines = ["short\n", "y" * 300_000 + "\n", "short\n"]
    put(outlet, lines)
    reader = Reader(pipe[0])
    outlet.close()
    assert reader.lines(pipe[1]) == lines


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_a_fault_and_what_is_missing_is_counted():
    with open("/dev/full", "w") as full:
        outlet = Outlet(full.fileno())
        put(outlet, [LINE] * 3)
        outlet.close()
    assert outlet.fault.strerror == "No space left on device"
    assert outlet.left_out == 3


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "✓ \\udcff"), ("iso8859-1", "\\u2713 \\udcff"), ("ascii", "\\u2713 \\udcff")]
)
def test_what_the_encoding_lacks_is_escaped(encoding, shown, tmp_path):
    with (tmp_path / "out").open("wb") as file, Outlet(file.fileno(), encoding=encoding) as outlet:
        put(outlet, ["✓ \udcff\n"])
    assert (tmp_path / "out").read_text(encoding=encoding) == shown + "\n"


@pytest.fixture
def signals():
    """The handlers of a process that has none of its own, and afterwards those that there were."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.getsignal(each) for each in numbers}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_reader_is_waited_for_ends_the_waiting_and_nothing_else(pipe, signals, number):
    outlet = Outlet(pipe[1], patience_s=25)
    put(outlet, numbered(MORE_THAN_A_PIPE_HOLDS))
    with Aftermath(outlet):
        outlet.settled = True
        threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
        outlet.close()
    assert outlet.left_out > 0
    os.kill(os.getpid(), number)  # nor does one after that


def test_before_a_run_is_over_signals_do_what_they_always_do(pipe, signals):
    with pytest.raises(KeyboardInterrupt), Aftermath(Outlet(pipe[1])):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with Aftermath(Outlet(pipe[1])):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as nohup(1) left it
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_is_handed_on_at_once_is_never_more_than_a_pipe_takes_at_once(monkeypatch, pipe):
    sizes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: (sizes.append(len(data)), write(fd, data))[1])
    outlet = Outlet(pipe[1])
    put(outlet, ["z" * 10_000 + "\n", *numbered(100)])
    assert max(sizes) <= module.select.PIPE_BUF
    assert all(a > 0 for a, _ in pairwise(sizes))
