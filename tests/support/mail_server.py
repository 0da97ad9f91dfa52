"""A mail server on loopback (aiosmtpd) that keeps the mails it got, and refuses or hangs where it is told to.

    with MailServer() as server:
        ...  # server.port, server.mails

`tls` is a server's context, offered by STARTTLS, or with `at_once` spoken from the first byte. With `login` (user,
password) it takes mails after that only. `refuses` maps a stage (`mail`, `data`), or the address of a recipient, to
the reply that it gets; `hangs_at` is a stage (`ehlo`, `auth`, `mail`, `rcpt`, `data`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import warnings
from collections.abc import Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword


class Mail(NamedTuple):
    """One as it arrived: the addresses of the envelope, and what was in it. `secret` is whether TLS was on."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    secret: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        return self.message.get_content()


class MailServer:
    """Serves until the block ends. `logins` are the (user, password) that were tried."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        at_once: bool = False,
        login: tuple[str, str] | None = None,
        refuses: Mapping[str, str] | None = None,
        hangs_at: str | None = None,
    ) -> None:
        self.mails: list[Mail] = []
        self.logins: list[tuple[str, str]] = []
        self.sessions = 0
        self.refuses = dict(refuses or {})
        self.hangs_at = hangs_at
        self._login = login
        self._tls = {"ssl_context": tls} if at_once else {"tls_context": tls}
        self.port = 0
        self._controller: Any = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def waits_for(self, count: int, within_s: float = 10.0) -> list[Mail]:
        """The mails, once there are so many of them."""
        deadline = time.monotonic() + within_s
        while len(self.mails) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.mails) >= count, f"{len(self.mails)} mails arrived, not {count}"
        return self.mails

    def __enter__(self) -> MailServer:
        warnings.filterwarnings("ignore", module="aiosmtpd")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        options: dict[str, Any] = {"data_size_limit": 1 << 20, "ident": "loopback", **self._tls}
        if self._login is not None:
            options |= {"authenticator": self._check, "auth_required": True, "auth_require_tls": False}
        self._controller = Controller(_Handler(self), hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()
        self.sessions = 0  # starting it is one
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def _check(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        tried = (data.login.decode(), data.password.decode())
        self.logins.append(tried)
        return AuthResult(success=tried == self._login, handled=False, auth_data=tried[0])


class _Handler:
    def __init__(self, owner: MailServer) -> None:
        self._owner = owner

    async def _at(self, stage: str, refused_by: str, otherwise: str) -> str:
        if self._owner.hangs_at == stage:
            await asyncio.sleep(3600)
        return self._owner.refuses.get(refused_by, otherwise)

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, host: str, responses: list[str]) -> list[str]:
        self._owner.sessions += 1
        session.host_name = host
        await self._at("ehlo", "ehlo", "")
        return responses

    async def handle_AUTH(self, *_: object) -> object:
        return await self._at("auth", "auth", "") or MISSING

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return await self._at("mail", "mail", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        reply = await self._at("rcpt", address, "250 OK")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        reply = await self._at("data", "data", "250 OK")
        if reply.startswith("2"):
            user = session.auth_data if session.authenticated else None
            recipients = tuple(envelope.rcpt_tos)
            self._owner.mails.append(Mail(envelope.mail_from, recipients, envelope.content, _is_secret(server), user))
        return reply


def _is_secret(server: Any) -> bool:
    return server.transport.get_extra_info("ssl_object") is not None
