"""A cable between a program and a server, which breaks in the middle of a commit, on whichever side is asked for."""

from __future__ import annotations

import select
import socket
import threading

COMMIT = b"COMMIT\0"
#: The server has been asked and nobody hears its answer; or it is never asked.
ANSWER_LOST, NEVER_ASKED = "the answer is lost", "the server is never asked"


class Cable:
    """Listens at `port` and passes everything on to the server's, except once: at the n-th commit it breaks."""

    def __init__(self, server_port, nth, how):
        self._target = ("127.0.0.1", server_port)
        self._left = nth
        self._how = how
        self.broken = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._listener.close()

    def _listen(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near):
        with near, socket.create_connection(self._target) as far:
            while True:
                for end in select.select([near, far], [], [])[0]:
                    data = _received(end)
                    if not data:
                        return
                    if end is near and COMMIT in data and self._is_it():
                        self.broken += 1
                        if self._how == ANSWER_LOST:
                            far.sendall(data)
                            far.recv(1)  # it has answered, so it has done it
                        return
                    (far if end is near else near).sendall(data)

    def _is_it(self):
        self._left -= 1
        return self._left == 0


def _received(end):
    try:
        return end.recv(1 << 16)
    except ConnectionError:
        return b""
