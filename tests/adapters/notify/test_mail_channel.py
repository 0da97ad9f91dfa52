"""Email, against a mail server on loopback."""

from __future__ import annotations

import time

import pytest

from support.http_server import SilentServer
from support.mail_server import MailServer
from tetra_orchestrator.adapters.notify.mail import Server, server_of
from tetra_orchestrator.core.watching import Channel

LOGIN = ("robot", "a pass word")


def channel(server: MailServer, **more) -> Channel:
    known = {"recipients": ("ops@example.com",), "smtp_server": "127.0.0.1", "smtp_port": server.port, **more}
    return Channel("mail", "email", **known)


def test_R_067_R_068_R_069_R_070_T_201_one_mail_goes_to_all_recipients_from_the_sender(told):
    with MailServer() as server:
        to = ("ops@example.com", "On Call <oncall@example.org>")
        assert told(channel(server, recipients=to, sender="Robot <robot@example.com>")) is None
        (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("robot@example.com", ("ops@example.com", "oncall@example.org"))
    assert (mail.message["From"], mail.message["To"]) == ("Robot <robot@example.com>", ", ".join(to))
    assert mail.message["Subject"] == "[tetra] data failed: load ended with exit code 3"
    assert mail.text.splitlines() == ["load: exit code 3", "  disk full"]
    assert mail.message["Auto-Submitted"] == "auto-generated"


def test_T_202_without_a_sender_it_comes_from_the_program_at_this_host(told, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "worker-1")
    with MailServer() as server:
        told(channel(server))
        assert server.mails[0].sender == "tetra-orchestrator@worker-1"


@pytest.mark.parametrize(
    ("said", "server"),
    [
        ({"smtp_server": "smtp.example.com"}, Server("smtp.example.com", 587, "auto")),
        ({"smtp_server": "smtp.example.com:25"}, Server("smtp.example.com", 25, "auto")),
        ({"smtp_server": "smtp.example.com", "smtp_port": 2525}, Server("smtp.example.com", 2525, "auto")),
        ({"smtp_server": "smtp.example.com", "smtp_port": 465}, Server("smtp.example.com", 465, "tls")),
        ({"smtp_server": "smtp.example.com:465"}, Server("smtp.example.com", 465, "tls")),
        ({"smtp_server": "smtp.example.com", "security": "tls"}, Server("smtp.example.com", 465, "tls")),
        ({"smtp_server": "[::1]:2525", "security": "none"}, Server("::1", 2525, "none")),
        ({"smtp_server": "[::1]"}, Server("::1", 587, "auto")),
    ],
)
def test_R_068_the_port_is_587_unless_something_else_is_said_and_465_means_tls(said, server):
    assert server_of(Channel("mail", "email", **said)) == server


@pytest.mark.parametrize("security", ["auto", "starttls"])
def test_it_turns_to_tls_where_that_is_offered_and_logs_in_only_then(told, authority, trusted, security):
    with MailServer(tls=authority.context(), login=LOGIN) as server:
        login = {"username": LOGIN[0], "password": LOGIN[1]}
        assert told(channel(server, security=security, **login)) is None
        assert [(mail.secret, mail.user) for mail in server.mails] == [(True, "robot")]


def test_it_speaks_tls_from_the_first_byte_where_that_is_said(told, authority, trusted):
    with MailServer(tls=authority.context(), at_once=True, login=LOGIN) as server:
        assert told(channel(server, security="tls", username=LOGIN[0], password=LOGIN[1])) is None
        assert [(mail.secret, mail.user) for mail in server.mails] == [(True, "robot")]


def test_without_tls_it_sends_no_password_and_says_so(told):
    with MailServer(login=LOGIN) as server:
        for security in ("auto", "none"):
            refused = told(channel(server, security=security, username=LOGIN[0], password=LOGIN[1]))
            assert refused.cause == f"{server.address}: it offers no TLS, and the password is not sent without"
        assert server.logins == []


def test_where_starttls_is_demanded_and_not_offered_nothing_is_sent(told):
    with MailServer() as server:
        assert told(channel(server, security="starttls")).cause == f"{server.address}: it offers no STARTTLS"
        assert server.mails == []


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("127.0.0.1", "unable to get local issuer certificate"),
        ("example.org", "IP address mismatch, certificate is not valid for '127.0.0.1'."),
    ],
)
def test_a_certificate_that_is_not_trusted_or_not_the_server_s_is_refused(
    told, authority, monkeypatch, at_once, name, why
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file if name == "example.org" else "/dev/null"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with MailServer(tls=authority.context(name), at_once=at_once) as server:
        refused = told(channel(server, security="tls" if at_once else "auto"))
        assert refused.cause == (
            f"{server.address}: its certificate is not trusted ({why}); SSL_CERT_FILE may name its authority"
        )
        assert server.mails == []


def test_a_wrong_password_is_said_and_worth_another_try(told, authority, trusted):
    with MailServer(tls=authority.context(), login=LOGIN) as server:
        refused = told(channel(server, username="robot", password="another one"))
        assert refused.cause == f"{server.address}: 535 5.7.8 Authentication credentials invalid"
        assert not refused.hopeless


def test_where_some_recipients_are_refused_the_others_have_it_and_that_is_noted(told):
    with MailServer(refuses={"b@example.com": "550 5.1.1 no such user"}) as server:
        note = told(channel(server, recipients=("a@example.com", "b@example.com")))
        assert note == f"{server.address}: b@example.com: 550 5.1.1 no such user"
        assert server.mails[0].recipients == ("a@example.com",)


A, B = "a@example.com", "Bee <b@example.com>"


@pytest.mark.parametrize(
    ("replies", "hopeless", "left"),
    [
        (("550 no such user", "551 not here"), True, ()),
        (("550 no such user", "450 4.7.1 greylisted"), False, (B,)),
        (("421 4.3.0 later", "452 4.2.2 mailbox full"), False, ()),
    ],
)
def test_where_all_recipients_are_refused_it_is_hopeless_if_all_are_so_for_good(told, replies, hopeless, left):
    refuses = dict(zip(("a@example.com", "b@example.com"), replies, strict=True))
    with MailServer(refuses=refuses) as server:
        refused = told(channel(server, recipients=(A, B)))
        assert refused.cause == f"{server.address}: {A}: {replies[0]}; {B}: {replies[1]}"
        assert (refused.hopeless, refused.left) == (hopeless, left)
        assert server.mails == []


def test_a_recipient_whose_turn_comes_later_gets_it_alone_and_once(told):
    with MailServer(refuses={"b@example.com": "450 4.7.1 greylisted"}) as server:
        mail = channel(server, recipients=(A, B))
        refused = told(mail)
        assert (refused.cause, refused.left) == (f"{server.address}: {B}: 450 4.7.1 greylisted", (B,))
        assert told(mail, only=refused.left).left == (B,)
        server.refuses.clear()
        assert told(mail, only=refused.left) is None
        assert [mail.recipients for mail in server.mails] == [("a@example.com",), ("b@example.com",)]
        assert len({mail.message["Message-ID"] for mail in server.mails}) == 1


def test_where_the_last_one_is_refused_for_good_the_others_have_it(told):
    with MailServer(refuses={"b@example.com": "550 no such user"}) as server:
        note = told(channel(server, recipients=(A, B)), only=(B,))
        assert note == f"{server.address}: {B}: 550 no such user"
        assert server.mails == []


def test_who_is_no_recipient_any_more_gets_nothing(told):
    with MailServer() as server:
        assert told(channel(server, recipients=(A,)), only=(B,)) is None
        assert server.mails == []


@pytest.mark.parametrize(
    ("stage", "reply", "said", "hopeless"),
    [
        ("mail", "451 4.3.0 busy", "the sender robot@example.com: 451 4.3.0 busy", False),
        ("mail", "550 5.7.1 not yours", "the sender robot@example.com: 550 5.7.1 not yours", False),
        ("data", "451 4.3.0 disk full", "451 4.3.0 disk full", False),
        ("data", "554 5.7.1 looks like spam", "554 5.7.1 looks like spam", False),
        ("data", "552 5.3.4 too large", "552 5.3.4 too large", True),
    ],
)
def test_what_the_server_says_is_handed_on_and_only_a_size_is_hopeless(told, stage, reply, said, hopeless):
    with MailServer(refuses={stage: reply}) as server:
        refused = told(channel(server, sender="robot@example.com"))
        assert (refused.cause, refused.hopeless) == (f"{server.address}: {said}", hopeless)


@pytest.mark.parametrize(
    ("stage", "said"),
    [("ehlo", "it took too long"), ("mail", "it took too long"), ("rcpt", "it took too long"),
     ("data", "no answer: it took too long")],
)  # fmt: skip
def test_a_server_that_hangs_is_left_in_time_and_only_after_the_mail_it_may_have_arrived(told, stage, said):
    with MailServer(hangs_at=stage) as server:
        began = time.monotonic()
        refused = told(channel(server), within_s=1.5)
        assert time.monotonic() - began < 2.5
        assert refused.cause == f"{server.address}: {said}"


def test_a_server_that_hangs_after_the_password_is_left_in_time(told, authority, trusted):
    with MailServer(tls=authority.context(), login=LOGIN, hangs_at="auth") as server:
        began = time.monotonic()
        refused = told(channel(server, username=LOGIN[0], password=LOGIN[1]), within_s=1.5)
        assert time.monotonic() - began < 2.5
        assert refused.cause == f"{server.address}: it took too long"


@pytest.mark.parametrize("security", ["auto", "tls"])
def test_a_server_that_never_says_a_word_is_left_in_time(told, security):
    with SilentServer() as server:
        silent = Channel("mail", "email", recipients=("a@b.c",), smtp_server=server.address, security=security)
        began = time.monotonic()
        assert told(silent, within_s=1.5).cause == f"{server.address}: it took too long"
        assert time.monotonic() - began < 2.5


def test_the_id_of_the_mail_is_made_of_the_key_alone(told, monkeypatch):
    with MailServer() as server:
        for key, host in (("k1", "one"), ("k1", "two"), ("k2", "one")):
            monkeypatch.setattr("socket.gethostname", lambda host=host: host)
            told(channel(server), key=key, title=f"at {host}")
        first, again, other = (mail.message["Message-ID"] for mail in server.mails)
    assert first == again != other


@pytest.mark.parametrize("title", ["two\nlines", "a\r\nBcc: eve@example.com", "a\0b\x1b[2J", "ü" * 400, "\udcff", " "])
def test_whatever_the_title_holds_the_subject_is_one_line_and_there_is_no_other_header(told, title):
    with MailServer() as server:
        assert told(channel(server), title=title) is None
        (mail,) = server.mails
    assert mail.message["Bcc"] is None
    assert len(mail.message["Subject"]) <= 200
    assert mail.message["Subject"].isprintable()
    assert mail.recipients == ("ops@example.com",)


def test_a_text_beyond_ascii_arrives_and_every_byte_is_ascii(told):
    text = "Größe: 3 µm → über\n.\n..two dots\n" + "x" * 5000
    with MailServer() as server:
        told(channel(server), text=text)
        (mail,) = server.mails
    assert mail.content.isascii()
    assert mail.text.rstrip("\r\n").replace("\r\n", "\n") == text
    assert max(map(len, mail.content.split(b"\r\n"))) < 999


def test_an_address_beyond_ascii_is_an_error_and_no_crash(told):
    with MailServer() as server:
        refused = told(channel(server, recipients=("jürgen@example.com",)))
        assert refused.cause == (
            f"{server.address}: a name, a password or an address has signs beyond ASCII, which cannot be sent"
        )


def test_a_test_without_any_alert_can_be_sent(told):
    with MailServer() as server:
        assert told(channel(server), alerts=()) is None
        assert server.mails[0].message["Subject"] == "[tetra] a test"
