"""What becomes of alerts: each trouble is told once, told to be over once, and never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.core.alerting import Escalation, Look, Policy, advance, enabled
from tetra_orchestrator.core.alerts import Cause, Filed
from tetra_orchestrator.core.watching import Alerting, Channel

START = utc(2026, 3, 1, 20)
CHANNELS = (
    Channel("email", "email"),
    Channel("slack", "slack"),
    Channel("pager", "pagerduty"),
    Channel("quiet", "webhook", resolved=False),
    Channel("off", "webhook", enabled=False),
)
ALERTING = Alerting(CHANNELS, resolve_after_s=600.0)


def cause(subject="load", *channels, **fields):
    given = {"channels": channels or ("email", "slack"), "title": f"{subject} failed"} | fields
    return Cause("pipeline_failed", subject, "high", **given)


class Book:
    """A store's alerts, and looks at one time after the other."""

    def __init__(self, alerting=ALERTING, escalations=None):
        self.alerts = MemoryStore().alerts
        self.now = START
        self.quiet = False
        self.policy = Policy(alerting, lambda subject: self.now + timedelta(hours=1) if self.quiet else None)
        self.policy = self.policy._replace(escalations=escalations or {})

    def look(self, *causes, after=0.0, keys=None):
        """What is filed when these are found, and everything was looked at (or only `keys`)."""
        self.now += timedelta(seconds=after)
        open_ = self.alerts.open()
        looked = {alert.key for alert in open_} if keys is None else keys
        prompt = {one.key for one in self.alerts.all() if one.text == "prompt"}
        letters = {alert.id: self.alerts.deliveries(alert.id) for alert in open_}
        last = {one.key: found for one in causes if (found := self.alerts.last(one.key))}
        filed = advance(open_, Look(causes, looked, prompt), self.now, self.policy, letters, last)
        self.alerts.file(filed)
        return [(what, channel) for each in filed for channel, what, _ in each.letters]

    @property
    def open(self):
        return self.alerts.open()

    def ack(self):
        (alert,) = self.open
        self.alerts.file([Filed(alert._replace(acked_at=self.now, acked_by="anna"))])

    def deliver(self):
        """Everything that is on its way arrives."""
        sent = self.alerts.claim(self.now, self.now + timedelta(seconds=60))
        self.alerts.settle([one._replace(state="sent", sent_at=self.now) for one in sent])


# Raised once, over once


def test_a_cause_is_told_once_however_often_it_is_found_T_220():
    book = Book()
    assert book.look(cause()) == [("raised", "email"), ("raised", "slack")]
    assert [book.look(cause(), after=300) for _ in range(3)] == [[], [], []]
    assert len(book.alerts.all()) == 1


def test_what_does_not_change_is_not_written():
    book = Book()
    book.look(cause())
    book.look(cause(), after=300)
    assert book.open[0].version == 0


def test_a_cause_that_is_away_for_long_enough_is_over_and_that_is_told_once():
    book = Book()
    book.look(cause())
    assert book.look(after=60) == []
    assert book.look(after=599) == []
    assert book.look(after=1) == [("resolved", "email"), ("resolved", "slack")]
    assert book.open == []
    assert book.look(after=600) == []


def test_one_that_comes_back_before_that_is_the_same_alert_and_is_not_told_again():
    book = Book()
    book.look(cause())
    for _ in range(5):
        assert book.look(after=300) == []
        assert book.look(cause(), after=300) == []
    assert [(alert.times, alert.cleared_at) for alert in book.alerts.all()] == [(6, None)]


def test_what_nobody_has_looked_at_stays_as_it_is():
    book = Book()
    book.look(cause())
    assert book.look(after=86400, keys=()) == []
    assert [alert.cleared_at for alert in book.open] == [None]


def test_one_that_is_away_is_over_in_time_also_when_nobody_looks_again():
    book = Book()
    book.look(cause())
    book.look(after=60)
    assert book.look(after=600, keys=()) == [("resolved", "email"), ("resolved", "slack")]


def test_a_prompt_one_is_over_as_soon_as_it_is_gone():
    book = Book()
    book.look(cause(prompt=True, text="prompt"))
    assert book.look(after=1) == [("resolved", "email"), ("resolved", "slack")]


def test_a_prompt_one_that_was_back_within_an_hour_has_to_be_away_for_a_while():
    book = Book()
    book.look(cause(prompt=True, text="prompt"))
    book.look(after=60)
    assert book.look(cause(prompt=True, text="prompt"), after=3599) == [("raised", "email"), ("raised", "slack")]
    assert book.open[0].times == 2
    assert book.look(after=60) == []
    assert book.look(after=600) == [("resolved", "email"), ("resolved", "slack")]


def test_a_prompt_one_that_is_back_after_more_than_an_hour_is_a_new_one():
    book = Book()
    book.look(cause(prompt=True, text="prompt"))
    book.look(after=60)
    book.look(cause(prompt=True, text="prompt"), after=3600)
    assert book.open[0].times == 1
    assert book.look(after=1) == [("resolved", "email"), ("resolved", "slack")]


# For how long


def test_nobody_is_told_before_it_has_lasted_for_long_enough():
    book = Book()
    assert book.look(cause(for_s=600)) == []
    assert [alert.raised_at for alert in book.open] == [None]
    assert book.look(cause(for_s=600), after=599) == []
    assert book.look(cause(for_s=600), after=1) == [("raised", "email"), ("raised", "slack")]
    assert (book.open[0].seen_at, book.open[0].raised_at) == (START, START + timedelta(seconds=600))


def test_nobody_hears_of_one_that_did_not_last():
    book = Book()
    book.look(cause(for_s=600))
    assert book.look(after=300) == []
    assert book.open == []
    assert book.look(cause(for_s=600), after=300) == []


def test_it_does_not_grow_older_while_nobody_looks():
    book = Book()
    book.look(cause(for_s=600))
    assert book.look(after=6000, keys=()) == []
    assert [alert.raised_at for alert in book.open] == [None]


# Who is told


def test_a_channel_that_is_switched_off_is_left_out_and_so_is_one_that_is_not_there_T_205_T_210():
    book = Book()
    assert book.look(cause("load", "email", "off", "fax")) == [("raised", "email")]
    assert book.open[0].channels == ("email",)


def test_a_channel_may_be_told_of_no_ends():
    book = Book()
    assert book.look(cause("load", "email", "quiet")) == [("raised", "email"), ("raised", "quiet")]
    book.look(after=1)
    assert book.look(after=600) == [("resolved", "email")]


def test_each_channel_is_told_once_however_often_it_is_named():
    assert Book().look(cause("load", "email", "email")) == [("raised", "email")]
    assert enabled(ALERTING, ("off", "fax", "slack", "slack")) == [CHANNELS[1]]


def test_of_two_causes_that_are_the_same_the_first_counts():
    book = Book()
    assert book.look(cause("load", "email"), cause("load", "slack")) == [("raised", "email")]


def test_a_notice_is_told_once_and_is_no_open_alert():
    book = Book()
    assert book.look(cause(lasting=False)) == [("notice", "email"), ("notice", "slack")]
    assert (book.open, len(book.alerts.all())) == ([], 1)


# While nobody is to be told


def test_in_a_maintenance_window_an_alert_is_there_and_nobody_hears_of_it():
    book = Book()
    book.quiet = True
    assert book.look(cause()) == []
    assert [(alert.raised_at, alert.told_at) for alert in book.open] == [(START, None)]


@pytest.mark.parametrize("found", [True, False], ids=["found again", "not looked at"])
def test_when_the_window_ends_and_the_cause_still_holds_it_is_told(found):
    book = Book()
    book.quiet = True
    book.look(cause())
    book.quiet = False
    again = book.look(cause(), after=3600) if found else book.look(after=3600, keys=())
    assert again == [("raised", "email"), ("raised", "slack")]
    assert book.look(cause(), after=60) == []


def test_what_was_over_before_the_window_ended_nobody_hears_of():
    book = Book()
    book.quiet = True
    book.look(cause())
    book.look(after=60)
    assert book.look(after=600) == []
    book.quiet = False
    assert (book.look(after=600), book.open) == ([], [])


def test_the_end_of_what_was_told_before_a_window_is_told_after_it():
    book = Book()
    book.look(cause("load", "email"))
    book.quiet = True
    book.look(after=60)
    book.look(after=600)
    (letter,) = book.alerts.deliveries(unsent=True)[1:]
    assert (letter.what, letter.due_at) == ("resolved", book.now + timedelta(hours=1))


def test_of_a_notice_in_a_window_what_went_well_is_left_out_and_what_did_not_is_told_after_it():
    """Whoever is told of every failed run so is told of that by nothing else."""
    book = Book()
    book.quiet = True
    assert book.look(cause(lasting=False)._replace(severity="low")) == []
    book.look(cause("load", "email", lasting=False))
    (letter,) = book.alerts.deliveries(unsent=True)
    assert (letter.what, letter.due_at) == ("notice", book.now + timedelta(hours=1))


# Reminders and the one who is called in the end


def test_whoever_has_not_acknowledged_is_reminded_and_whoever_has_is_not():
    book = Book(ALERTING._replace(remind_s=3600.0))
    book.look(cause("load", "email"))
    book.deliver()
    assert book.look(cause("load", "email"), after=3599) == []
    assert book.look(cause("load", "email"), after=1) == [("reminded", "email")]
    book.deliver()
    assert book.look(after=3600, keys=()) == [("reminded", "email")]
    book.deliver()
    book.ack()
    assert book.look(cause("load", "email"), after=3600) == []


def test_nobody_is_reminded_while_he_was_not_told_yet():
    book = Book(ALERTING._replace(remind_s=3600.0))
    book.look(cause("load", "email"))
    assert book.look(cause("load", "email"), after=7200) == []


def test_nobody_is_reminded_of_what_is_away():
    book = Book(ALERTING._replace(remind_s=60.0))
    book.look(cause("load", "email"))
    book.deliver()
    assert book.look(after=120) == []


ESCALATED = {"pipeline_failed:load": Escalation("pager", due=True)}
LATER = {"pipeline_failed:load": Escalation("pager", after_s=1800.0)}


def test_whoever_is_on_call_is_told_when_it_is_due_and_only_once_T_159():
    book = Book(escalations=ESCALATED)
    assert book.look(cause("load", "email")) == [("raised", "email"), ("escalated", "pager")]
    assert book.look(cause("load", "email"), after=60) == []


def test_whoever_is_on_call_hears_that_it_is_over():
    book = Book(escalations=ESCALATED)
    book.look(cause("load", "email"))
    book.look(after=60)
    assert book.look(after=600) == [("resolved", "email"), ("resolved", "pager")]


def test_who_is_told_in_the_end_is_not_told_at_the_beginning_too():
    book = Book(escalations=ESCALATED)
    assert book.look(cause("load", "email", "pager")) == [("raised", "email"), ("escalated", "pager")]


def test_whoever_is_on_call_is_told_when_nobody_has_acknowledged_in_time():
    book = Book(escalations=LATER)
    book.look(cause("load", "email"))
    assert book.look(cause("load", "email"), after=1799) == []
    assert book.look(after=1, keys=()) == [("escalated", "pager")]
    assert book.look(after=3600, keys=()) == []


def test_nobody_is_called_for_what_is_acknowledged():
    book = Book(escalations=LATER)
    book.look(cause("load", "email"))
    book.ack()
    assert book.look(cause("load", "email"), after=7200) == []


# Whatever happens

STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, 60, 299, 600, 601, 3000, 4000]),
        st.sets(st.sampled_from("abc")),
        st.booleans(),  # whether everything is looked at, or nothing
        st.booleans(),  # whether nobody is to be told
        st.booleans(),  # whether letters arrive
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(
    steps=STEPS,
    for_s=st.sampled_from([0.0, 100.0, 700.0]),
    prompt=st.booleans(),
    remind_s=st.sampled_from([None, 1000.0]),
)
def test_whatever_comes_and_goes_each_trouble_is_told_once_is_never_lost_and_is_over_only_when_it_is(
    steps, for_s, prompt, remind_s
):
    escalations = {"pipeline_failed:a": Escalation("pager", after_s=900.0)}
    book = Book(ALERTING._replace(remind_s=remind_s), escalations)
    since, away = {}, {}
    for seconds, present, looks, quiet, arrives in steps:
        book.quiet = quiet
        found = [cause(name, prompt=prompt, for_s=for_s, text="prompt" * prompt) for name in sorted(present)]
        before = {alert.subject: alert for alert in book.open}
        book.look(*(found if looks else ()), after=seconds, keys=None if looks else ())
        if arrives:
            book.deliver()
        open_ = {alert.subject: alert for alert in book.open}
        assert len(open_) == len(book.open), "one open alert for each trouble"
        for name in "abc" if looks else "":
            if name in present:
                away.pop(name, None)
                since.setdefault(name, book.now)
                assert name in open_, "what holds is not over"
                lasted = (book.now - open_[name].seen_at).total_seconds()
                assert quiet or lasted < for_s or open_[name].told_at is not None, "what holds is told"
            else:
                away.setdefault(name, book.now)
                since.pop(name, None)
        for name, alert in before.items():
            if name not in open_ and alert.raised_at is not None:
                assert name in away, "only what is away is over"
                long_enough = (book.now - away[name]).total_seconds() >= ALERTING.resolve_after_s
                assert long_enough or (prompt and alert.times == 1)
        _check_letters(book)


def _check_letters(book):
    by_id = {alert.id: alert for alert in book.alerts.all(1000)}
    told = {}
    for letter in book.alerts.deliveries():
        told.setdefault((letter.alert_id, letter.channel), []).append(letter.what)
    for (alert_id, _), whats in told.items():
        assert all(whats.count(what) <= 1 for what in ("raised", "escalated", "resolved"))
        assert whats[0] in ("raised", "escalated"), "an end is told to whom the beginning was told"
        assert "resolved" not in whats or (whats[-1] == "resolved" and by_id[alert_id].resolved_at)
    for alert in by_id.values():
        if alert.resolved_at is not None and alert.told_at is not None:
            assert all("resolved" in told[alert.id, channel] for channel in alert.channels if channel != "quiet")


# What was judged while somebody looked, and clocks that were wrong


def looked(book, *causes, at, keys=()):
    """What is filed of a look that was taken at an earlier time."""
    last = {one.key: found for one in causes if (found := book.alerts.last(one.key))}
    filed = advance(book.open, Look(causes, keys, at=at), book.now, book.policy, last=last)
    book.alerts.file(filed)
    return [(what, channel) for each in filed for channel, what, _ in each.letters]


def test_a_look_that_is_older_than_the_alert_does_not_end_it():
    book = Book()
    before = book.now
    book.look(cause(), after=5)
    book.now += timedelta(seconds=5)
    assert looked(book, at=before, keys=["pipeline_failed:load"]) == []
    assert [one.cleared_at for one in book.open] == [None]


def test_a_look_that_is_older_than_the_end_of_an_alert_does_not_raise_it_again():
    book = Book()
    book.look(cause(text="prompt"))
    before = book.now
    assert book.look(after=5) == [("resolved", "email"), ("resolved", "slack")]
    book.now += timedelta(seconds=5)
    assert looked(book, cause(), at=before) == []
    assert looked(book, cause(), at=book.now) == [("raised", "email"), ("raised", "slack")]


def test_what_a_clock_that_was_ahead_has_noted_holds_nothing_up():
    book = Book()
    book.look(cause("a"), after=86400 * 400)
    book.look(cause("b", for_s=60.0))
    book.now -= timedelta(days=400)
    book.look(cause("b", for_s=60.0))
    assert {one.cleared_at for one in book.open if one.subject == "a"} <= {book.now}
    assert book.look(cause("b", for_s=60.0), after=600) == [
        ("raised", "email"), ("raised", "slack"), ("resolved", "email"), ("resolved", "slack"),
    ]  # fmt: skip


def test_what_a_look_knows_of_a_failure_does_not_take_the_place_of_what_its_run_has_told():
    book = Book()
    book.look(cause(text="The end of its log: disk full", run_id="r1"))
    book.look(cause(text="it failed"))
    assert [(one.text, one.run_id) for one in book.open] == [("The end of its log: disk full", "r1")]
    book.look(cause(text="another end", run_id="r2"))
    assert [(one.text, one.run_id) for one in book.open] == [("another end", "r2")]


def test_a_channel_that_is_dead_keeps_no_other_from_being_reminded():
    book = Book(ALERTING._replace(remind_s=3600.0))
    book.look(cause())
    (email, _) = book.alerts.claim(book.now, book.now + timedelta(minutes=1))
    book.alerts.settle([email._replace(state="sent", sent_at=book.now)])
    assert book.look(cause(), after=3600) == [("reminded", "email")]
