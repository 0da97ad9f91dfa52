"""The outbox with the real courier, against servers that are out of order for a while."""

from __future__ import annotations

from support.alerting import Watch, told
from support.http_server import HttpServer, Reply
from support.mail_server import MailServer
from tetra_orchestrator.adapters.notify.courier import ChildCourier
from tetra_orchestrator.adapters.runner.output.encodings import forms
from tetra_orchestrator.core.findings import Finding
from tetra_orchestrator.core.watching import Channel

DISK = Finding("disk_low", "warning", "/", "5% of the disk are free")
A, B = "a@example.com", "b@example.com"


def watch_of(channel: Channel) -> Watch:
    watch = Watch(told(channels=(channel,), finding_channels=None))
    watch.courier = ChildCourier("tetra", forms)
    watch.look(DISK)
    return watch


def states(watch: Watch) -> list[tuple[str, int, str | None]]:
    return [(one.state, one.tries, one.error) for one in watch.alerts.deliveries()]


def test_a_recipient_whose_server_says_later_gets_the_mail_once_and_the_others_do_not_get_it_again():
    with MailServer(refuses={B: "450 4.7.1 greylisted"}) as server:
        watch = watch_of(Channel("mail", "email", recipients=(A, B), smtp_server=server.address))
        watch.send()
        assert states(watch) == [("pending", 1, f"mail: {server.address}: {B}: 450 4.7.1 greylisted")]
        for minutes in (1, 2):
            watch.pass_time(minutes=minutes)
            watch.send()
            server.refuses.clear()
        assert states(watch) == [("sent", 3, None)]
        assert [mail.recipients for mail in server.mails] == [(A,), (B,)]
        assert all("may have arrived before" not in mail.text for mail in server.mails)
        assert watch.alerts.marks() == {}


def test_a_recipient_that_there_is_not_does_not_keep_the_letter_from_being_sent():
    with MailServer(refuses={B: "550 5.1.1 no such user"}) as server:
        watch = watch_of(Channel("mail", "email", recipients=(A, B), smtp_server=server.address))
        watch.send()
        assert states(watch) == [("sent", 1, f"mail: {server.address}: {B}: 550 5.1.1 no such user")]


def test_after_a_reply_that_never_came_the_same_key_comes_again_and_says_so():
    with HttpServer(Reply(acts="reset"), Reply(503), Reply()) as server:
        watch = watch_of(Channel("hook", "webhook", url=server.url))
        for minutes in (1, 2, 4):
            watch.send()
            watch.pass_time(minutes=minutes)
        assert states(watch) == [("sent", 3, None)]
        assert len({one.headers["idempotency-key"] for one in server.requests}) == 1
        assert [one.json["again"] for one in server.requests] == [False, True, True]


def test_what_was_refused_before_it_could_arrive_says_nothing_of_the_kind():
    with HttpServer(Reply(503), Reply()) as server:
        watch = watch_of(Channel("hook", "webhook", url=server.url))
        for _ in range(2):
            watch.send()
            watch.pass_time(minutes=2)
        assert [one.json["again"] for one in server.requests] == [False, False]
