"""The outbox: every letter arrives once, or somebody knows why not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.alerting import EMAIL, PAGER, SLACK, Watch, told
from support.worlds import fail_first
from tetra_orchestrator.core.alerts import Posted
from tetra_orchestrator.core.findings import Finding
from tetra_orchestrator.core.watching import OnFailure
from tetra_orchestrator.engine import outbox
from tetra_orchestrator.engine.outbox import LEASE
from tetra_orchestrator.errors import NotNow, StoreError

DISK = Finding("disk_low", "warning", "/", "5% of the disk are free")
CPU = Finding("cpu_high", "warning", "cpu", "the load is 9")
REFUSED = Posted("", ok=False, error="slack: connection refused")


def watch_of(*channels, **fields):
    return Watch(told(channels=channels or (SLACK,), finding_channels=None, **fields))


def states(watch):
    return [(one.what, one.channel, one.state, one.tries) for one in watch.alerts.deliveries()]


def test_several_alerts_at_once_are_one_message_by_each_channel():
    watch = watch_of(SLACK, EMAIL)
    watch.look(DISK, CPU)
    watch.send()
    title = "2 alerts of tetra: 5% of the disk are free; the load is 9"
    assert watch.courier.told() == [("raised", "slack", title), ("raised", "email", title)]
    watch.send()
    assert watch.courier.told() == []


def test_pagerduty_keeps_books_and_gets_each_alert_by_itself():
    watch = watch_of(PAGER)
    watch.look(DISK, CPU)
    watch.send()
    assert [title for _, _, title in watch.courier.told()] == ["5% of the disk are free", "the load is 9"]


def test_a_channel_that_does_not_answer_keeps_no_other_from_being_told():
    watch = watch_of(SLACK, EMAIL)
    watch.courier.answers["slack"] = None
    watch.look(DISK)
    watch.send()
    assert states(watch) == [("raised", "slack", "pending", 1), ("raised", "email", "sent", 1)]
    assert watch.alerts.deliveries()[0].error == "no answer within 10 s"


def test_what_has_not_arrived_is_tried_again_after_growing_waits_as_the_same_message():
    watch = watch_of()
    watch.courier.answers["slack"] = REFUSED
    watch.look(DISK)
    for minutes in (0, 1, 2, 4, 8):
        watch.pass_time(minutes=minutes)
        watch.send()
    keys = [key for round_ in watch.courier.rounds for key in round_]
    assert (len(keys), len(set(keys))) == (5, 1)


def test_nothing_is_tried_before_its_time():
    watch = watch_of()
    watch.courier.answers["slack"] = REFUSED
    watch.look(DISK)
    watch.send()
    watch.pass_time(seconds=59)
    watch.send()
    assert len(watch.courier.rounds) == 1


def test_a_server_that_asks_for_more_time_gets_it():
    watch = watch_of()
    watch.courier.answers["slack"] = REFUSED._replace(retry_after_s=300.0)
    watch.look(DISK)
    watch.send()
    (letter,) = watch.alerts.deliveries()
    assert letter.due_at == watch.clock.now() + timedelta(minutes=5)


def test_what_was_refused_for_certain_says_nothing_of_having_arrived_and_what_was_not_does():
    watch = watch_of(SLACK, EMAIL)
    watch.courier.answers = {"slack": REFUSED, "email": None}
    watch.look(DISK)
    for _ in range(3):
        watch.send()
        watch.pass_time(minutes=5)
    again = [(one.channel, one.again) for one in watch.courier.letters]
    assert again == [
        ("slack", False),
        ("email", False),
        ("slack", False),
        ("email", True),
        ("slack", False),
        ("email", True),
    ]


def test_a_message_keeps_its_letters_when_more_alerts_have_come_meanwhile():
    watch = watch_of()
    watch.courier.answers["slack"] = None
    watch.look(DISK)
    watch.send()
    watch.look(DISK, CPU)
    watch.courier.answers = {}
    watch.pass_time(minutes=1)
    watch.send()
    assert watch.courier.told()[1:] == [
        ("raised", "slack", "5% of the disk are free"),
        ("raised", "slack", "the load is 9"),
    ]
    assert watch.alerts.marks() == {}


def test_that_it_is_over_waits_until_it_was_told_that_it_began():
    watch = watch_of()
    watch.courier.answers["slack"] = REFUSED
    watch.look(DISK)
    watch.send()
    watch.look()
    watch.pass_time(minutes=10)
    watch.look()
    watch.send()
    assert [what for what, _, _ in watch.courier.told()] == ["raised", "raised"]
    watch.courier.answers = {}
    watch.pass_time(minutes=5)
    watch.send()
    assert [what for what, _, _ in watch.courier.told()] == ["raised", "resolved"]
    assert [letter.state for letter in watch.alerts.deliveries()] == ["sent", "sent"]


def test_beginning_and_end_are_handed_over_one_after_the_other():
    watch = watch_of()
    watch.look(DISK)
    watch.look()
    watch.pass_time(minutes=10)
    watch.look()
    watch.send()
    assert [len(round_) for round_ in watch.courier.rounds] == [1, 1]
    assert [what for what, _, _ in watch.courier.told()] == ["raised", "resolved"]


def test_that_something_is_over_which_has_come_back_before_anybody_was_told_is_not_told():
    watch = watch_of(PAGER)
    failed = Finding("data_not_moved", "warning", "load.table", "it is as it was")
    watch.look(failed)
    watch.send()
    watch.courier.answers["pagerduty"] = REFUSED
    for findings in ((), (failed,)):
        watch.pass_time(minutes=1)
        watch.look(*findings)
        watch.send()
    watch.courier.told()
    watch.courier.answers = {}
    watch.pass_time(hours=1)
    watch.send()
    assert [what for what, _, _ in watch.courier.told()] == ["raised"], "the incident would be closed"
    ended = watch.alerts.deliveries()[1]
    assert (ended.what, ended.state, ended.error) == ("resolved", "muted", "it has come back since")
    watch.look()
    watch.pass_time(minutes=10)
    watch.look()
    watch.send()
    assert [what for what, _, _ in watch.courier.told()] == ["resolved"]


# What is over its share


def test_what_is_over_a_channel_s_share_of_the_hour_waits_and_is_then_told_together():
    watch = watch_of(rate=2)
    for number in range(5):
        watch.look(*(Finding("endpoint_down", "critical", f"http://{n}", f"{n} is down") for n in range(number + 1)))
        watch.send()
    assert len(watch.courier.told()) == 2
    assert watch.alerts.deliveries()[-1].error == "waits: 2 letters an hour have gone out by this channel"
    watch.pass_time(hours=1, minutes=1)
    watch.send()
    assert watch.courier.told() == [("raised", "slack", "3 alerts of tetra: 2 is down; 3 is down; 4 is down")]


def test_the_share_of_one_channel_is_not_that_of_another():
    watch = watch_of(SLACK, EMAIL, rate=1)
    watch.look(DISK)
    watch.send()
    watch.courier.told()
    watch.project = watch.project._replace(alerting=watch.project.alerting._replace(rate=2))
    watch.look(DISK, CPU)
    watch.send()
    assert [channel for _, channel, _ in watch.courier.told()] == ["slack", "email"]


def test_no_more_than_the_share_goes_out_at_once_to_who_gets_each_by_itself():
    watch = watch_of(PAGER, rate=2)
    watch.look(*(Finding("endpoint_down", "critical", f"http://{n}", f"{n} is down") for n in range(5)))
    watch.send()
    assert len(watch.courier.told()) == 2


# Clocks and old alerts


def test_what_a_clock_that_was_ahead_has_put_off_is_tried_when_it_is_right_again():
    watch = watch_of()
    watch.courier.answers["slack"] = REFUSED
    watch.pass_time(days=400)
    watch.look(DISK)
    watch.send()
    watch.pass_time(days=-400)
    watch.courier.answers = {}
    watch.send()
    assert states(watch) == [("raised", "slack", "sent", 2)]


def test_a_letter_has_a_week_of_its_own_however_old_the_alert_is():
    watch = Watch(
        told(channels=(SLACK, PAGER), finding_channels=("slack",)),
        script=fail_first(99, "load"),
        on_failure={"load": OnFailure(escalate="pagerduty", escalate_s=86400.0 * 8)},
    )
    watch.do()
    watch.pass_time(days=8)
    watch.courier.answers["pagerduty"] = REFUSED
    watch.do()
    assert states(watch) == [("raised", "slack", "sent", 1), ("escalated", "pagerduty", "pending", 1)]


# What never arrives


def test_102_all_channels_dead_for_a_week_keep_one_letter_for_each_alert_channel_and_what():
    watch = watch_of(SLACK, EMAIL, remind_s=3600.0)
    watch.courier.answers = {"slack": REFUSED, "email": None}
    for hour in range(24 * 7 + 2):
        present = [DISK] if hour < 100 else []
        watch.look(*present)
        watch.send()
        watch.pass_time(hours=1)
    kinds = [(one.what, one.channel) for one in watch.alerts.deliveries()]
    assert kinds == [("raised", "slack"), ("raised", "email"), ("resolved", "slack"), ("resolved", "email")]
    assert {one.state for one in watch.alerts.deliveries()[:2]} == {"given_up"}
    assert watch.alerts.deliveries()[0].tries < 24 * 7 + 20


def test_what_can_never_arrive_is_given_up_at_once():
    watch = watch_of()
    watch.courier.answers["slack"] = REFUSED._replace(hopeless=True)
    watch.look(DISK)
    watch.send()
    assert states(watch) == [("raised", "slack", "given_up", 1)]
    assert watch.alerts.marks() == {}


@pytest.mark.parametrize(
    ("channels", "state", "error"),
    [
        ((SLACK._replace(enabled=False),), "muted", "the channel is switched off"),
        ((), "given_up", "there is no channel 'slack' any more"),
    ],
)
def test_a_channel_that_is_gone_is_said(channels, state, error):
    watch = watch_of()
    watch.look(DISK)
    watch.project = watch.project._replace(alerting=watch.project.alerting._replace(channels=channels))
    watch.send()
    (letter,) = watch.alerts.deliveries()
    assert (letter.state, letter.error, watch.courier.letters) == (state, error, [])


# Whoever dies in between


def test_a_letter_whose_sender_has_died_is_somebody_else_s_after_the_lease():
    watch = watch_of()
    watch.look(DISK, CPU)

    def die(letters, within_s):
        watch.courier.rounds.append([letter.key for _, letter in letters])
        raise KeyboardInterrupt

    watch.courier.post, post = die, watch.courier.post
    with pytest.raises(KeyboardInterrupt):
        watch.send()
    watch.courier.post = post
    watch.send()
    assert len(watch.courier.rounds) == 1
    watch.pass_time(seconds=LEASE.total_seconds())
    watch.send()
    assert [one.again for one in watch.courier.letters] == [True]
    assert watch.courier.rounds[0] == watch.courier.rounds[1]


def test_two_senders_at_once_send_each_letter_once():
    watch = watch_of(SLACK, EMAIL)
    watch.look(DISK, CPU)
    first = watch.courier.post

    def meanwhile(letters, within_s):
        watch.courier.post = first
        watch.send()  # another command, while this one is at work
        return first(letters, within_s)

    watch.courier.post = meanwhile
    watch.send()
    assert len(watch.courier.told()) == 2


def test_a_store_that_fails_while_it_is_sent_leaves_the_rest_to_the_next_command():
    watch = watch_of(SLACK, EMAIL)
    watch.look(DISK)
    settle = watch.alerts.settle

    def fail(letters):
        raise StoreError("the disk is full")

    watch.alerts.settle = fail
    with pytest.raises(StoreError):
        watch.send()
    watch.alerts.settle = settle
    watch.pass_time(minutes=2)
    watch.send()
    assert {one.state for one in watch.alerts.deliveries()} == {"sent"}


def test_it_is_over_when_time_is_up():
    watch = watch_of()
    watch.look(DISK)
    watch.send(within_s=0.0)
    assert (watch.courier.rounds, states(watch)) == ([], [("raised", "slack", "pending", 0)])


# Again, because somebody asks for it


def resend(watch, *ids):
    box = outbox.Outbox(watch.project, watch.alerts, watch.courier, watch.clock, watch.mask)
    return [(one.channel, one.what, one.posted.ok) for one in outbox.resend(box, ids, 10.0)]


def test_what_was_given_up_is_sent_anew():
    watch = watch_of()
    watch.courier.answers["slack"] = REFUSED._replace(hopeless=True)
    watch.look(DISK)
    watch.send()
    watch.courier.answers = {}
    assert resend(watch, 1) == [("slack", "raised", True)]
    assert [state for *_, state, _ in states(watch)] == ["given_up", "sent"]


def test_what_waits_for_its_next_try_is_tried_now():
    watch = watch_of()
    watch.courier.answers["slack"] = REFUSED
    watch.look(DISK)
    watch.send()
    watch.courier.answers = {}
    assert resend(watch, 1) == [("slack", "raised", True)]
    assert len(watch.alerts.deliveries()) == 1


def test_while_another_command_sends_nothing_is_sent_again():
    watch = watch_of()
    watch.look(DISK)
    watch.alerts.claim(watch.clock.now(), watch.clock.now() + LEASE)
    with pytest.raises(NotNow, match="another command is sending letters"):
        resend(watch, 1)


# Secrets


def test_no_secret_is_in_a_letter_nor_in_an_error_that_is_kept():
    watch = watch_of()
    watch.secrets = ("hunter22",)
    watch.courier.answers["slack"] = Posted("", ok=False, error="slack: 404 for /hook/hunter22")
    watch.look(DISK._replace(text="the disk of hunter22 is full"))
    watch.send()
    assert watch.alerts.deliveries()[0].error == "slack: 404 for /hook/***"
    assert "hunter22" not in repr(watch.courier.letters)


def test_a_secret_that_has_become_one_since_is_masked_before_it_is_sent():
    watch = watch_of()
    watch.look(DISK._replace(text="the disk of hunter22 is full"))
    watch.secrets = ("hunter22",)
    watch.send()
    assert "hunter22" not in repr(watch.courier.letters)
