"""A relay between a client and a server on the loopback that can cut the line at a word of the client's."""

from __future__ import annotations

import socket
import time
from threading import Thread

#: Seconds without a byte of the server's after which it has answered.
QUIET_S = 0.3


class Proxy:
    """Relays to `port`. The first time that `word` comes from a client after `cut`, the line to that client is cut:
    before the server has heard it, or with `answered` after the server has answered and before the client knows.
    """

    def __init__(self, port: int):
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._word: bytes | None = None
        self._answered = False
        self.cuts = 0
        Thread(target=self._accept, daemon=True).start()

    def cut(self, word: bytes, *, answered: bool) -> None:
        """Cut the line once, at that word."""
        self._word, self._answered = word, answered

    def close(self) -> None:
        """Take no more clients."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            Thread(target=self._up, args=(client, server), daemon=True).start()
            Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(client):
            if self._word is not None and self._word in data:
                self._word = None
                self.cuts += 1
                self._end(client, server, data if self._answered else b"")
                return
            server.sendall(data)
        _shut(server)

    def _end(self, client: socket.socket, server: socket.socket, last: bytes) -> None:
        """What the server answers is swallowed: the client's side is closed first."""
        _shut(client)
        if last:
            server.sendall(last)
            time.sleep(QUIET_S)
        _shut(server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        while data := _received(server):
            try:
                client.sendall(data)
            except OSError:
                return
        _shut(client)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
