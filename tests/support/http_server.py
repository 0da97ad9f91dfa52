"""An HTTP server on loopback that answers as it is told, plays Slack, PagerDuty or any webhook, and keeps what it got.

    with HttpServer(Reply(500), Reply(200, b"ok")) as server:
        ...  # server.url, server.requests

The replies are given in turn, the last of them from then on. `Reply.acts` is what else may happen instead:
`hang` (never answers), `hang_in_reply` (after the head), `reset`, `drip` (a byte in a while), `flood` (10 MB).
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

FLOOD = 10 * 1024 * 1024
PATIENCE_S = 60.0


class Reply(NamedTuple):
    """What one request gets."""

    status: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = ()
    acts: str = "reply"


class Received(NamedTuple):
    """A request as it arrived; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HttpServer:
    """Serves until the block ends; with a `tls` context by https. `port` 0 is any that is free."""

    def __init__(self, *replies: Reply, tls: Any = None, port: int = 0) -> None:
        self._replies = list(replies or (Reply(),))
        self._over = threading.Event()
        self._guard = threading.Lock()
        self.requests: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"

    def answers(self, *replies: Reply) -> None:
        """From now on, these."""
        self._replies = list(replies)

    def waits_for(self, count: int, within_s: float = 10.0) -> list[Received]:
        """The requests, once there are so many of them."""
        deadline = time.monotonic() + within_s
        while len(self.requests) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.requests) >= count, f"{len(self.requests)} requests arrived, not {count}"
        return self.requests

    def take(self, received: Received) -> Reply:
        with self._guard:
            self.requests.append(received)
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def pause(self, seconds: float = PATIENCE_S) -> bool:
        """Wait, but not beyond the end of the server; True at that."""
        return self._over.wait(seconds)

    def __enter__(self) -> HttpServer:
        serve = {"poll_interval": 0.02}
        threading.Thread(target=self._server.serve_forever, kwargs=serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


class SilentServer:
    """Accepts connections and never says a word: what hangs in a handshake, a greeting or a reply."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        try:
            while True:
                self._open.append(self._socket.accept()[0])
        except OSError:
            return

    def __enter__(self) -> SilentServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        for each in self._open:
            each.close()


def closed_port() -> int:
    """A port of loopback at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _handler_of(server: HttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.take(Received(self.command, self.path, headers, body))
            getattr(self, f"_{reply.acts}")(reply)

        do_GET = do_POST = do_PUT = do_HEAD = _any

        def _head(self, reply: Reply, length: int) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def _reply(self, reply: Reply) -> None:
            self._head(reply, len(reply.body))
            self.wfile.write(reply.body)

        def _hang(self, reply: Reply) -> None:
            server.pause()

        def _hang_in_reply(self, reply: Reply) -> None:
            self._head(reply, 100)
            server.pause()

        def _reset(self, reply: Reply) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def _drip(self, reply: Reply) -> None:
            self._head(reply, 10_000)
            while not server.pause(0.1):
                self.wfile.write(b".")

        def _flood(self, reply: Reply) -> None:
            self._head(reply, FLOOD)
            for _ in range(FLOOD // 65536):
                self.wfile.write(b"x" * 65536)

        def log_message(self, *_: object) -> None:
            return

    return Handler
