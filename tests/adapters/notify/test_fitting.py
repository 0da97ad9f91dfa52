"""Letters between processes, and what is made of a text that is too long for a channel."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from support.letters import alert, letter
from tetra_orchestrator.adapters.notify.errand import Errand
from tetra_orchestrator.adapters.notify.fitting import CUT, cut, one_line, short
from tetra_orchestrator.adapters.notify.parcel import document, packed, unpacked
from tetra_orchestrator.core.alerts import WHATS
from tetra_orchestrator.core.watching import SEVERITIES, Channel

TEXTS = st.text(max_size=50)
TIMES = st.none() | st.datetimes(utc(2000, 1, 1).replace(tzinfo=None), utc(2100, 1, 1).replace(tzinfo=None)).map(
    lambda when: when.replace(tzinfo=utc(2026, 1, 1).tzinfo)
)
ALERTS = st.builds(
    alert,
    st.integers(0, 10**9),
    title=TEXTS,
    text=TEXTS,
    severity=st.sampled_from(SEVERITIES),
    channels=st.lists(TEXTS, max_size=3).map(tuple),
    raised_at=TIMES,
    resolved_at=TIMES,
    acked_by=st.none() | TEXTS,
)
CHANNELS = st.builds(
    Channel,
    TEXTS,
    st.sampled_from(["email", "webhook"]),
    recipients=st.lists(TEXTS, max_size=3).map(tuple),
    headers=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    password=st.none() | TEXTS,
)


@given(CHANNELS, st.lists(ALERTS, max_size=3).map(tuple), st.sampled_from(WHATS), st.booleans())
def test_a_letter_is_the_same_on_the_other_side(channel, alerts, what, again):
    known = letter(channel, what=what, alerts=alerts, again=again)
    assert unpacked(json.loads(json.dumps(packed(channel, known)))) == (channel, known)


def test_a_document_for_others_has_neither_our_channels_nor_our_counts():
    told = document(letter(Channel("c", "webhook"), alerts=(alert(channels=("secret-name",)),)))
    assert {"channels", "version", "told_at"} & {*told["alerts"][0]} == set()
    assert "secret-name" not in json.dumps(told)


@given(st.text(), st.integers(1, 300))
def test_one_line_is_one_printable_line_and_not_too_long(text, most):
    line = one_line(text, most)
    assert line.isprintable() or line == ""
    assert len(line) <= most
    line.encode()


@given(st.text(), st.integers(1, 300))
def test_what_is_cut_begins_as_it_did_and_says_that_it_was_cut(text, most):
    shown = cut(text, most)
    assert len(shown) <= most
    if len(text) <= most:
        assert shown == text.encode("utf-8", "replace").decode()
    else:
        assert shown.endswith(CUT)


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_short_message_is_one_line_of_at_most_160_characters(title, text):
    channel = Channel("c", "sms")
    told = short(Errand(channel, letter(channel, title=title, text=text), "tetra", 0.0), 160)
    assert len(told) <= 160
    assert told.isprintable()
    assert told.startswith("[tetra]")
