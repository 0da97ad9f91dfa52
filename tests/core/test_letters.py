"""Letters: which go out together, what they say, when they are tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core import letters
from tetra_orchestrator.core.alerts import Alert, Delivery, Posted
from tetra_orchestrator.core.letters import Parcel

NOW = utc(2026, 3, 1, 20)
CONFIG = " --config shop.yaml"


def alert(number=1, **fields):
    given = {
        "key": f"pipeline_failed:p{number}", "code": "pipeline_failed", "severity": "high", "subject": f"p{number}",
        "title": f"p{number} failed in weekly: exit code 3", "text": "It is known that 1 < 2.", "command": "look here",
        "channels": ("slack",), "seen_at": NOW, "raised_at": NOW, "told_at": NOW,
    }  # fmt: skip
    return Alert(number, **(given | fields))


def delivery(number, what="raised", channel="slack", **fields):
    return Delivery(number, fields.pop("alert_id", number), channel, what, "sending", NOW, **fields)


def grouped(*some, marks=None, alone=()):
    found = letters.parcels(some, marks or {}, alone, lambda one: f"key-{one.id}")
    return [(one.key, [each.id for each in one.letters], one.again) for one in found]


# Together


def test_letters_of_one_channel_that_tell_the_same_go_out_as_one():
    some = [delivery(1), delivery(2), delivery(3, channel="email"), delivery(4, "resolved")]
    assert grouped(*some) == [("key-1", [1, 2], False), ("key-3", [3], False), ("key-4", [4], False)]


def test_what_keeps_books_gets_each_by_itself():
    assert grouped(delivery(1), delivery(2), alone=["slack"]) == [("key-1", [1], False), ("key-2", [2], False)]


def test_what_went_out_together_goes_out_together_again_with_its_key_and_says_so():
    name, text = letters.marked(Parcel("key-1", "slack", "raised", [delivery(1), delivery(2)]), maybe=True)
    found = grouped(delivery(2), delivery(1), delivery(3), marks={name: text, "data:load": "[1, true]"})
    assert found == [("key-1", [1, 2], True), ("key-3", [3], False)]


def test_a_part_of_a_message_has_another_key_as_somebody_may_have_the_whole():
    name, text = letters.marked(Parcel("key-1", "slack", "raised", [delivery(1), delivery(2)]), maybe=True)
    assert grouped(delivery(1), marks={name: text}) == [("key-1-1", [1], True)]


def test_no_message_holds_more_than_a_hundred_letters():
    found = grouped(*map(delivery, range(1, 251)))
    assert [(key, len(ids)) for key, ids, _ in found] == [("key-1", 100), ("key-101", 100), ("key-201", 50)]


def test_what_has_not_arrived_for_certain_does_not_say_that_it_may_have():
    name, text = letters.marked(Parcel("key-1", "slack", "raised", [delivery(1)]), maybe=False)
    assert grouped(delivery(1), marks={name: text}) == [("key-1", [1], False)]


def test_marks_of_what_has_arrived_are_outdated_and_others_are_not_ours():
    marks = dict(letters.marked(Parcel(f"key-{n}", "slack", "raised", [delivery(n)]), maybe=True) for n in (1, 2))
    assert letters.outdated(marks | {"data:load": "x"}, [2]) == ["letter:key-1"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["raised", "resolved"])), max_size=20))
def test_every_letter_goes_out_once(kinds):
    some = [delivery(n, what, channel) for n, (channel, what) in enumerate(kinds, start=1)]
    sent = [number for _, ids, _ in grouped(*some, alone=["b"]) for number in ids]
    assert sorted(sent) == [one.id for one in some]


# What they say


def message(*alerts, what="raised", again=False):
    parcel = Parcel("key", "slack", what, [delivery(one.id, what) for one in alerts], again)
    return letters.letter(parcel, {one.id: one for one in alerts}, "shop", CONFIG)


def test_a_letter_of_one_alert_has_its_title_and_names_the_commands_to_look_closer_and_to_acknowledge():
    assert message(alert()).title == "p1 failed in weekly: exit code 3"
    assert message(alert()).text == (
        "Severity high, since 2026-03-01T20:00:00Z.\n"
        "It is known that 1 < 2.\n"
        "Look closer: look here\n"
        "\n"
        "Project shop. `tetra alerts ack 1 --config shop.yaml` says that somebody sees to it."
    )


def test_a_letter_of_several_alerts_is_a_summary_with_the_worst_severity():
    found = message(alert(1, severity="low"), alert(2, severity="critical"))
    assert (found.severity, found.title) == (
        "critical",
        "2 alerts of shop: p1 failed in weekly: exit code 3; p2 failed in weekly: exit code 3",
    )
    assert "[critical] p2 failed in weekly: exit code 3\n" in found.text


def test_a_long_summary_is_cut_to_titles():
    found = message(*(alert(n) for n in range(1, 41)))
    assert found.text.count("Look closer") == letters.IN_FULL
    assert "And 30 more:\n- p11 failed in weekly" in found.text
    assert (len(found.title), len(found.alerts)) == (200, 40)


def test_the_end_says_how_long_it_lasted_and_asks_for_nothing():
    over = alert(cleared_at=NOW + timedelta(minutes=3, seconds=5), resolved_at=NOW + timedelta(hours=1))
    found = message(over, what="resolved")
    assert found.title == "over: p1 failed in weekly: exit code 3"
    assert found.text == (
        "It is over. It began at 2026-03-01T20:00:00Z and lasted 3 min 05 s.\nLook closer: look here\n\nProject shop."
    )


@pytest.mark.parametrize(("what", "word"), [("reminded", "still: "), ("escalated", "nobody has seen to it: ")])
def test_reminders_and_calls_say_what_they_are(what, word):
    assert message(alert(), what=what).title == f"{word}p1 failed in weekly: exit code 3"


def test_one_that_may_have_arrived_says_so_first():
    assert message(alert(), again=True).text.startswith("This may have arrived before.\n\nSeverity high")


def test_one_that_came_back_says_how_often():
    assert "since 2026-03-01T20:00:00Z; it has come up 4 times." in message(alert(times=4)).text


# What became of them


def after(posted, one=None):
    (found,) = letters.settled(Parcel("key", "slack", "raised", [one or delivery(1)]), posted, NOW)
    return found


def test_what_has_arrived_is_sent():
    found = after(Posted("key", ok=True))
    assert (found.state, found.sent_at, found.error) == ("sent", NOW, None)


def test_what_has_not_is_tried_again_later_and_keeps_why():
    found = after(Posted("key", ok=False, error="slack: answered 500"), delivery(1, tries=1))
    assert (found.state, found.due_at, found.error) == ("pending", NOW + timedelta(minutes=1), "slack: answered 500")


def test_the_waits_double_up_to_an_hour_and_are_never_shorter_than_what_was_asked_for():
    assert [letters.delay_s(n) for n in (1, 2, 3, 7, 50)] == [60, 120, 240, 3600, 3600]
    assert (letters.delay_s(1, 300), letters.delay_s(3, 5), letters.delay_s(1, 1e9)) == (300, 240, 86400)


def test_what_no_try_can_help_is_given_up():
    assert after(Posted("key", ok=False, error="no such hook", hopeless=True)).state == "given_up"


@pytest.mark.parametrize(
    ("days", "tries", "state"), [(6, 150, "pending"), (7, 10, "given_up"), (8, 9, "pending"), (30, 1, "pending")]
)
def test_a_week_after_it_was_due_first_it_is_given_up_unless_the_machine_was_off(days, tries, state):
    found = after(Posted("key", ok=False, error="refused"), delivery(1, since=NOW - timedelta(days=days), tries=tries))
    assert found.state == state


def test_what_went_out_together_is_tried_again_at_the_same_time_however_often_each_was_tried():
    some = [delivery(1, tries=5, since=NOW - timedelta(days=8)), delivery(2, tries=1, since=NOW)]
    found = letters.settled(Parcel("key", "slack", "raised", some), Posted("key", ok=False), NOW)
    assert {(one.state, one.due_at) for one in found} == {("pending", NOW + timedelta(minutes=16))}


# Again, because somebody asks for it


def test_what_was_given_up_is_sent_again_unless_it_is_on_its_way():
    given_up = delivery(1)._replace(state="given_up")
    sent = delivery(2, "resolved")._replace(state="sent")
    assert letters.to_send_again([given_up, sent]) == [("slack", "raised")]
    assert letters.to_send_again([given_up, delivery(3)._replace(state="pending")]) == []


def test_where_all_have_arrived_the_newest_of_each_channel_is_sent_again():
    some = [delivery(n, what)._replace(state="sent") for n, what in ((1, "raised"), (2, "resolved"))]
    assert letters.to_send_again(some) == [("slack", "resolved")]
