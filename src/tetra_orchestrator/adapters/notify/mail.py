"""Email by SMTP: one message to all recipients, over TLS where the server offers it, a password only over TLS."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import closing, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr

from tetra_orchestrator.adapters.notify.causes import cause_of
from tetra_orchestrator.adapters.notify.errand import NotDelivered
from tetra_orchestrator.adapters.notify.fitting import MAIL, cut, one_line, subject
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.adapters.notify.errand import Errand
    from tetra_orchestrator.core.watching import Channel

AUTO, STARTTLS, TLS, NONE = "auto", "starttls", "tls", "none"
#: Submission (RFC 6409), and submission over TLS from the first byte (RFC 8314).
PORT, TLS_PORT = 587, 465
#: RFC 5321, section 4.2.3: the message is larger than the server takes, whenever it is asked.
TOO_LARGE = 552
_EXCERPT = 200
# every message is 7 bit: some servers know nothing else
_POLICY = SMTP.clone(cte_type="7bit")


class Server(Record):
    """Where mails are handed over, and how: `security` is one of the words of a channel, `auto` only with STARTTLS."""

    host: str
    port: int
    security: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Refused(Record):
    """A recipient whom the server did not take the mail for, and what it said."""

    recipient: str
    code: int
    said: bytes


def deliver(errand: Errand) -> str | None:
    """Hand it over; what some recipients were refused with, None where all have it. Raises `NotDelivered`."""
    server = server_of(errand.channel)
    try:
        with closing(_session(server, errand)) as session:
            return _hand_over(session, server, errand)
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(f"{server}: {_said(error.smtp_code, error.smtp_error)}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotDelivered(f"{server}: {_cause(error)}") from None
    except UnicodeError:
        raise NotDelivered(
            f"{server}: a name, a password or an address has signs beyond ASCII, which cannot be sent"
        ) from None


def server_of(channel: Channel) -> Server:
    """The server of an email channel: `name` or `name:port`, with the defaults of what is not said."""
    host, _, port = _split(channel.smtp_server or "localhost")
    security = channel.security
    known = channel.smtp_port or (int(port) if port.isdigit() else None)
    if security == AUTO and known == TLS_PORT:
        security = TLS
    return Server(host, known or (TLS_PORT if security == TLS else PORT), security)


def _split(text: str) -> tuple[str, str, str]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, "", port.removeprefix(":")
    return text.partition(":")


def message_of(errand: Errand) -> EmailMessage:
    """The letter as a message. Its id is made of the letter's key, so that it is the same at every try."""
    channel, message = errand.channel, EmailMessage(policy=_POLICY)
    message["Subject"] = subject(errand)
    message["From"] = one_line(_sender(channel), 1000)
    message["To"] = ", ".join(one_line(each, 1000) for each in channel.recipients)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = message_id(errand)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence answers it
    message.set_content(cut(errand.letter.text, MAIL).replace("\0", "") + "\n", charset="utf-8")
    return message


def message_id(errand: Errand) -> str:
    """The same for the letter at every try, on whatever host."""
    from hashlib import sha256

    name = sha256(f"{errand.project}\0{errand.channel.name}\0{errand.letter.key}".encode()).hexdigest()
    domain = parseaddr(errand.channel.sender or "")[1].rpartition("@")[2]
    return f"<{name[:40]}@{domain or 'tetra-orchestrator'}>"


def _sender(channel: Channel) -> str:
    return channel.sender or f"tetra-orchestrator@{socket.gethostname()}"


def _session(server: Server, errand: Errand) -> smtplib.SMTP:
    """A session in which mail can be handed over."""
    channel, context = errand.channel, ssl.create_default_context()
    # our own name: to ask for it would be a question of DNS, which may hang
    own, left = socket.gethostname(), errand.left()
    if server.security == TLS:
        session: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, own, timeout=left, context=context)
    else:
        session = smtplib.SMTP(server.host, server.port, own, timeout=left)
    try:
        secret = server.security == TLS or _is_secured(session, server, context, errand)
        if channel.username and channel.password:
            if not secret:
                raise NotDelivered(f"{server}: it offers no TLS, and the password is not sent without")
            _in_time(session, errand).login(channel.username, channel.password)
    except BaseException:
        session.close()
        raise
    return session


def _is_secured(session: smtplib.SMTP, server: Server, context: ssl.SSLContext, errand: Errand) -> bool:
    """Turn to TLS where it is offered and wanted; whether it is on."""
    _in_time(session, errand).ehlo_or_helo_if_needed()
    if server.security == NONE:
        return False
    if not session.has_extn("starttls"):
        if server.security == STARTTLS:
            raise NotDelivered(f"{server}: it offers no STARTTLS")
        return False
    _in_time(session, errand).starttls(context=context)
    _in_time(session, errand).ehlo_or_helo_if_needed()
    return True


def _in_time(session: smtplib.SMTP, errand: Errand) -> smtplib.SMTP:
    if session.sock is not None:
        session.sock.settimeout(errand.left())
    return session


def _hand_over(session: smtplib.SMTP, server: Server, errand: Errand) -> str | None:
    wanted = _wanted(errand)
    sender = parseaddr(_sender(errand.channel))[1]
    code, said = _in_time(session, errand).mail(sender)
    if code != 250:
        raise NotDelivered(f"{server}: the sender {sender}: {_said(code, said)}")
    refused = _refused(session, wanted, errand)
    if len(refused) < len(wanted):
        _give(session, server, errand)
        with suppress(OSError, smtplib.SMTPException):  # it has it: how the farewell goes does not matter
            _in_time(session, errand).quit()
    return _verdict(server, wanted, refused, errand)


def _verdict(server: Server, wanted: Sequence[str], refused: Sequence[Refused], errand: Errand) -> str | None:
    """What is to be known of recipients that were refused; raises `NotDelivered` where that is for now, or of all."""
    said = "; ".join(f"{each.recipient}: {_said(each.code, each.said)}" for each in refused)
    later = tuple(each.recipient for each in refused if each.code < 500)
    others_have_it = len(refused) < len(wanted) or bool(errand.letter.only)
    if later:
        raise NotDelivered(f"{server}: {said}", left=later if others_have_it or len(later) < len(refused) else ())
    if not others_have_it:
        raise NotDelivered(f"{server}: {said or 'it has no recipients'}", hopeless=bool(refused))
    return f"{server}: {said}" if refused else None


def _wanted(errand: Errand) -> list[str]:
    """The recipients that have still to get it."""
    only = errand.letter.only
    return [each for each in errand.channel.recipients if not only or each in only]


def _give(session: smtplib.SMTP, server: Server, errand: Errand) -> None:
    try:
        code, said = _in_time(session, errand).data(message_of(errand).as_bytes())
    except smtplib.SMTPResponseException:
        raise
    except (OSError, smtplib.SMTPException) as error:
        raise NotDelivered(f"{server}: {_cause(error, sent=True)}") from None
    if code != 250:
        raise NotDelivered(f"{server}: {_said(code, said)}", hopeless=code == TOO_LARGE)


def _refused(session: smtplib.SMTP, wanted: Sequence[str], errand: Errand) -> list[Refused]:
    found = []
    for recipient in wanted:
        code, said = _in_time(session, errand).rcpt(parseaddr(recipient)[1] or recipient)
        if code not in (250, 251, 252):
            found.append(Refused(recipient, code, said))
    return found


def _said(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(f"{code} {said}", _EXCERPT)


def _cause(error: Exception, *, sent: bool = False) -> str:
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it takes no password in a way that we know"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return cause_of(error.__context__ or ConnectionResetError(), sent=sent)
    return cause_of(error, sent=sent)
