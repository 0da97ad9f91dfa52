"""What every store must do with alerts, their letters, and runs that somebody is to hear of: one sentence, one test."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.store.history import AT, later, run, task
from contracts.stores import STORES
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.alerts import DELIVERY_STATES, UNSENT, WHATS, Alert, Delivery, Filed
from tetra_orchestrator.core.changes import RunMoved
from tetra_orchestrator.core.states import RUN_ACTIVE, RUN_TERMINAL, RunState
from tetra_orchestrator.errors import StateConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tetra_orchestrator.ports import Store

_R = RunState
HINT = "\n  hint: nothing is lost; `tetra alerts list` shows how it stands"


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


def alert(subject: str = "a", **fields: Any) -> Alert:
    """An alert that somebody is told of since `AT`."""
    code = fields.pop("code", "pipeline_failed")
    told = Alert(0, f"{code}:{subject}", code, "high", subject, f"{subject} failed", "exit 1", "tetra show", (), AT)
    return told._replace(**{"raised_at": AT, **fields})


def filed(store: Store, one: Alert, *channels: str, due: datetime = AT) -> Alert:
    """Files the alert with a letter to each of the channels; returns it as the store has it."""
    store.alerts.file([Filed(one, tuple((channel, "raised", due) for channel in channels))])
    return next(each for each in store.alerts.all() if each.key == one.key)


def ended(store: Store, run_id: str, after: RunState = _R.FAILED, at: datetime = AT, *, tells: bool = True) -> None:
    """Records a run that tells somebody, from its opening to its end."""
    started = run(run_id)._replace(tells=tells)
    store.open_run(started, [task(run_id, "a", 0)], [], "version: 1\n")
    store.record([RunMoved(run_id, _R.RUNNING, after, at, 1.0, 2)])


def untold(store: Store) -> list[str]:
    return [one.run_id for one in store.alerts.untold()]


def refused(work: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(StateConflict) as caught:
        work()
    return caught.value.code, str(caught.value)


def everything(store: Store) -> tuple[Any, ...]:
    return store.alerts.all(), store.alerts.deliveries(), untold(store), store.alerts_standing(), store.alerts.marks()


# -- runs of which somebody is to hear ----------------------------------------------------------------------------


@pytest.mark.parametrize("after", sorted(RUN_TERMINAL))
def test_a_run_that_tells_is_untold_from_its_end_on_however_it_ended(store: Store, after: RunState) -> None:
    started = run("r1")._replace(tells=True)
    store.open_run(started, [task("r1", "a", 0)], [], "version: 1\n")
    assert untold(store) == []
    store.record([RunMoved("r1", _R.RUNNING, after, later(5), 5.0, 2)])
    assert store.alerts.untold() == [store.run("r1")]
    assert store.run("r1") == started._replace(state=after, finished_at=later(5), exit_code=2, duration_s=5.0)


def test_a_run_that_waited_and_never_began_is_untold_as_well(store: Store) -> None:
    queued = run("r1")._replace(tells=True, state="queued", started_at=None)
    store.open_run(queued, [task("r1", "a", 0)], [], "version: 1\n")
    store.record([RunMoved("r1", _R.QUEUED, _R.CANCELLED, AT)])
    assert untold(store) == ["r1"]


def test_a_run_that_tells_nobody_is_never_untold(store: Store) -> None:
    ended(store, "r1", tells=False)
    assert (untold(store), store.run("r1")) == ([], store.runs()[0])
    assert not store.runs()[0].tells


def test_untold_runs_come_in_the_order_of_their_ends(store: Store) -> None:
    for run_id, seconds in (("slow", 9), ("fast", 1), ("same", 9)):
        ended(store, run_id, at=later(seconds))
    assert untold(store) == ["fast", "slow", "same"]
    assert [one.run_id for one in store.alerts.untold(2)] == ["fast", "slow"]


def test_a_run_is_told_once(store: Store) -> None:
    ended(store, "r1")
    ended(store, "r2")
    store.alerts.file([], ["r1"])
    assert untold(store) == ["r2"]
    found = store.run("r1")
    assert found is not None
    assert not found.tells


NOT_TOLD = {
    "told before": (["r1"], "r1"),
    "told twice at once": (["r2", "r2"], "r2"),
    "not over": (["r2", "goes-on"], "goes-on"),
    "telling nobody": (["silent"], "silent"),
    "unknown": (["r2", "nobody"], "nobody"),
}


@pytest.mark.parametrize("case", NOT_TOLD)
def test_a_run_that_does_not_wait_to_be_told_of_is_a_conflict_and_nothing_is_filed(store: Store, case: str) -> None:
    ended(store, "r1")
    ended(store, "r2")
    ended(store, "silent", tells=False)
    store.open_run(run("goes-on")._replace(tells=True), [task("goes-on", "a", 0)], [], "version: 1\n")
    store.alerts.file([], ["r1"])
    before = everything(store)
    told, named = NOT_TOLD[case]
    code, text = refused(lambda: store.alerts.file([Filed(alert(), (("mail", "raised", AT),))], told))
    assert text == (
        f"run {named}: somebody has been told of it already, or it is not over"
        f"\n  hint: another process has recorded something else; see `tetra show {named}`"
    )
    assert everything(store) == before


def test_an_untold_run_is_not_forgotten_before_somebody_was_told(store: Store) -> None:
    ended(store, "r1")
    store.forget("r1")
    assert untold(store) == ["r1"]
    store.alerts.file([], ["r1"])
    store.forget("r1")
    assert store.run("r1") is None


def test_a_run_that_a_terminal_state_is_refused_for_stays_as_told_as_it_was(store: Store) -> None:
    ended(store, "r1")
    store.alerts.file([], ["r1"])
    with pytest.raises(StateConflict, match="it is failed, which is final"):
        store.record([RunMoved("r1", _R.FAILED, _R.LOST, AT)])
    assert untold(store) == []


# -- filing -------------------------------------------------------------------------------------------------------


def test_an_alert_is_kept_as_it_was_filed_with_its_letters(store: Store) -> None:
    full = alert(
        channels=("mail", "slack"), run_id="r1", cleared_at=later(1), acked_at=later(2), acked_by="me",
        told_at=later(3), times=4, text="lines\nof Zürich 🙂", command="tetra logs r1",
    )  # fmt: skip
    store.alerts.file([Filed(full, (("mail", "raised", AT), ("slack", "reminded", later(7))))])
    assert store.alerts.open() == store.alerts.all() == [full._replace(id=1)] == [store.alerts.get(1)]
    assert store.alerts.deliveries() == [
        Delivery(1, 1, "mail", "raised", "pending", AT, since=AT),
        Delivery(2, 1, "slack", "reminded", "pending", later(7), since=later(7)),
    ]
    assert store.alerts.get(2) is None


@pytest.mark.parametrize("odd", ["a\udce9b", "a\0b"])
def test_what_no_database_carries_is_kept_as_an_escape(store: Store, odd: str) -> None:
    shown = {"a\udce9b": "a\\udce9b", "a\0b": "a\\x00b"}[odd]
    store.alerts.file([Filed(alert(odd, text=odd, acked_by=odd))])
    [kept] = store.alerts.open()
    assert (kept.key, kept.subject, kept.title) == (f"pipeline_failed:{shown}", shown, f"{shown} failed")
    assert (kept.text, kept.acked_by) == (shown, shown)
    store.alerts.file([Filed(kept._replace(resolved_at=AT))])
    assert store.alerts.last(f"pipeline_failed:{odd}") == store.alerts.get(kept.id)
    store.alerts.mark({odd: odd})
    assert store.alerts.marks() == {shown: shown}
    store.alerts.mark({odd: None})
    assert store.alerts.marks() == {}


def test_a_change_replaces_the_alert_and_counts_its_versions(store: Store) -> None:
    first = filed(store, alert(raised_at=None))
    store.alerts.file([Filed(first._replace(raised_at=later(9), times=2), (("mail", "raised", AT),))])
    [changed] = store.alerts.open()
    assert changed == first._replace(raised_at=later(9), times=2, version=1)
    assert [one.alert_id for one in store.alerts.deliveries(first.id)] == [first.id]


def test_an_alert_that_is_open_cannot_be_added_again(store: Store) -> None:
    filed(store, alert(), "mail")
    before = everything(store)
    again = [Filed(alert("b")), Filed(alert(), (("mail", "raised", AT),))]
    assert refused(lambda: store.alerts.file(again)) == (
        "alert_open",
        f"alert pipeline_failed:a: another process has raised it at the same time{HINT}",
    )
    assert everything(store) == before


def test_an_alert_that_somebody_has_changed_is_a_conflict_and_nothing_of_it_is_filed(store: Store) -> None:
    ended(store, "r1")
    first = filed(store, alert())
    store.alerts.file([Filed(first._replace(acked_at=AT))])
    before = everything(store)
    late = [Filed(alert("b"), (("mail", "raised", AT),)), Filed(first._replace(resolved_at=AT))]
    assert refused(lambda: store.alerts.file(late, ["r1"])) == (
        "alert_changed",
        f"alert {first.id}: another process has changed it at the same time{HINT}",
    )
    assert everything(store) == before
    assert refused(lambda: store.alerts.file([Filed(first._replace(id=99))]))[0] == "alert_changed"


def test_the_same_cause_may_be_raised_again_once_it_was_over_also_in_the_same_commit(store: Store) -> None:
    first = filed(store, alert())
    store.alerts.file([Filed(first._replace(resolved_at=later(1))), Filed(alert(seen_at=later(2)))])
    assert [(one.id, one.resolved_at) for one in store.alerts.all()] == [(2, None), (1, later(1))]
    assert [one.id for one in store.alerts.open()] == [2]


def test_an_alert_that_was_over_cannot_be_opened_beside_its_successor(store: Store) -> None:
    first = filed(store, alert(resolved_at=AT))
    filed(store, alert())
    assert refused(lambda: store.alerts.file([Filed(first._replace(resolved_at=None))]))[0] == "alert_open"


def test_a_notice_is_over_as_soon_as_it_is_filed(store: Store) -> None:
    for _ in range(2):
        filed(store, alert(resolved_at=AT), "mail")
    assert (store.alerts.open(), len(store.alerts.all()), len(store.alerts.deliveries())) == ([], 2, 2)


def test_the_last_of_a_cause_is_the_newest_that_is_over(store: Store) -> None:
    for seconds in (1, 2):
        filed(store, alert(resolved_at=later(seconds)))
    filed(store, alert("b", resolved_at=later(3)))
    filed(store, alert())
    last = store.alerts.last("pipeline_failed:a")
    assert last is not None
    assert (last.id, last.resolved_at) == (2, later(2))
    assert store.alerts.last("pipeline_failed:c") is None


def test_the_newest_alerts_come_first_and_open_ones_by_age(store: Store) -> None:
    for name in "abc":
        filed(store, alert(name))
    assert [one.subject for one in store.alerts.all(2)] == ["c", "b"]
    assert [one.subject for one in store.alerts.open()] == ["a", "b", "c"]


def test_alerts_are_open_as_far_as_somebody_was_told_and_they_are_not_over(store: Store) -> None:
    assert store.alerts_standing() == (0, 0)
    filed(store, alert("told"))
    filed(store, alert("seen", acked_at=AT))
    filed(store, alert("waits", raised_at=None))
    filed(store, alert("over", resolved_at=AT))
    assert (store.alerts_standing()[0], len(store.alerts.open())) == (2, 3)


def test_letters_are_waiting_until_they_have_gone_out_or_were_given_up(store: Store) -> None:
    filed(store, alert("a"), "mail", "slack", "pager")
    assert store.alerts_standing() == (1, 3)
    mail, slack, _ = store.alerts.claim(AT, later(30))
    assert store.alerts_standing() == (1, 3)
    store.alerts.settle([mail._replace(state="sent", sent_at=AT), slack._replace(state="given_up")])
    assert store.alerts_standing() == (1, 1)


# -- letters ------------------------------------------------------------------------------------------------------


def test_a_letter_is_claimed_once_when_it_is_due_the_oldest_first(store: Store) -> None:
    first = filed(store, alert(), "mail", "slack", due=later(60))
    filed(store, alert("b"), "mail", due=AT)
    assert [one.id for one in store.alerts.claim(later(59), later(70))] == [3]
    [one, two] = store.alerts.claim(later(60), later(75))
    assert one == Delivery(1, first.id, "mail", "raised", "sending", later(75), tries=1, since=later(60))
    assert (two.id, two.channel) == (2, "slack")
    assert store.alerts.claim(later(60), later(75)) == []


def test_no_more_than_asked_for_are_claimed(store: Store) -> None:
    filed(store, alert(), *"abc")
    assert [one.channel for one in store.alerts.claim(AT, later(1), 2)] == ["a", "b"]
    assert [one.channel for one in store.alerts.claim(AT, later(1), 2)] == ["c"]


def test_what_a_dead_sender_has_claimed_is_due_again_when_its_lease_is_over(store: Store) -> None:
    filed(store, alert(), "mail")
    store.alerts.claim(AT, later(30))
    assert store.alerts.claim(later(29), later(60)) == []
    [again] = store.alerts.claim(later(30), later(60))
    assert (again.state, again.tries, again.due_at) == ("sending", 2, later(60))


@pytest.mark.parametrize("state", ["sent", "given_up", "muted"])
def test_a_letter_that_is_settled_is_never_claimed_again(store: Store, state: str) -> None:
    filed(store, alert(), "mail")
    [claimed] = store.alerts.claim(AT, later(30))
    settled = claimed._replace(state=state, error="why", sent_at=later(1) if state == "sent" else None)
    store.alerts.settle([settled])
    assert store.alerts.deliveries() == [settled]
    assert store.alerts.deliveries(unsent=True) == store.alerts.claim(later(999), later(1000)) == []


def test_a_letter_that_did_not_arrive_is_due_later_with_what_was_wrong(store: Store) -> None:
    filed(store, alert(), "mail")
    [claimed] = store.alerts.claim(AT, later(30))
    store.alerts.settle([claimed._replace(state="pending", due_at=later(60), error="timed\0out")])
    assert store.alerts.deliveries(unsent=True) == [
        claimed._replace(state="pending", due_at=later(60), error="timed\\x00out")
    ]
    assert store.alerts.claim(later(59), later(90)) == []
    assert [one.tries for one in store.alerts.claim(later(60), later(90))] == [2]


def test_who_was_too_slow_settles_nothing_that_another_sender_has_claimed_or_settled(store: Store) -> None:
    filed(store, alert(), "mail")
    [slow] = store.alerts.claim(AT, later(30))
    [quick] = store.alerts.claim(later(30), later(60))
    store.alerts.settle([slow._replace(state="given_up", error="gave up")])
    assert store.alerts.deliveries() == [quick]
    store.alerts.settle([quick._replace(state="sent", sent_at=later(31))])
    store.alerts.settle([quick._replace(state="pending", error="too late")])
    assert [(one.state, one.error) for one in store.alerts.deliveries()] == [("sent", None)]


def test_letters_are_found_by_their_alert_and_by_whether_they_have_still_to_go_out(store: Store) -> None:
    first = filed(store, alert(), "mail", "slack")
    second = filed(store, alert("b"), "mail")
    [claimed] = store.alerts.claim(AT, later(30), 1)
    store.alerts.settle([claimed._replace(state="sent", sent_at=AT)])
    store.alerts.claim(AT, later(30), 1)

    def ids(alert_id: int | None = None, **how: bool) -> list[int]:
        return [one.id for one in store.alerts.deliveries(alert_id, **how)]

    assert (ids(), ids(first.id), ids(second.id), ids(99)) == ([1, 2, 3], [1, 2], [3], [])
    assert (ids(unsent=True), ids(first.id, unsent=True)) == ([2, 3], [2])


def test_what_a_channel_was_sent_is_counted_since_then(store: Store) -> None:
    filed(store, alert(), "mail", "mail", "mail", "slack")
    for place, one in enumerate(store.alerts.claim(AT, later(30))):
        store.alerts.settle([one._replace(state="sent", sent_at=later(place))])
    assert [store.alerts.sent_since("mail", later(seconds)) for seconds in (0, 1, 2, 3)] == [3, 2, 1, 0]
    assert store.alerts.sent_since("slack", AT) == 1


# -- what goes ----------------------------------------------------------------------------------------------------


def test_old_alerts_that_are_over_go_with_their_letters_the_oldest_first(store: Store) -> None:
    for name, seconds in (("c", 3), ("a", 1), ("b", 2)):
        filed(store, alert(name, resolved_at=later(seconds)), "mail")
    filed(store, alert("open"), "mail")
    for one in store.alerts.claim(AT, later(30)):
        store.alerts.settle([one._replace(state="sent", sent_at=AT)])
    assert [store.alerts.outdated(later(seconds)) for seconds in (1, 2, 9)] == [0, 1, 3]
    assert store.alerts.forget(later(9), 2) == 2
    assert [one.subject for one in store.alerts.all()] == ["open", "c"]
    assert [one.alert_id for one in store.alerts.deliveries()] == [1, 4]
    assert (store.alerts.forget(later(9), 2), store.alerts.forget(later(9), 2)) == (1, 0)
    assert [one.subject for one in store.alerts.all()] == ["open"]


@pytest.mark.parametrize("is_claimed", [False, True])
def test_an_alert_of_which_somebody_is_still_to_be_told_stays(store: Store, is_claimed: bool) -> None:
    filed(store, alert(resolved_at=AT), "mail")
    if is_claimed:
        store.alerts.claim(AT, later(30))
    assert (store.alerts.outdated(later(9)), store.alerts.forget(later(9), 5)) == (0, 0)
    assert len(store.alerts.deliveries()) == len(store.alerts.all()) == 1


def test_the_number_of_an_alert_is_never_given_again(store: Store) -> None:
    filed(store, alert(resolved_at=AT))
    store.alerts.forget(later(1), 1)
    assert filed(store, alert("b")).id == 2


# -- marks --------------------------------------------------------------------------------------------------------


def test_marks_replace_what_was_there_and_none_removes(store: Store) -> None:
    assert store.alerts.marks() == {}
    store.alerts.mark({"b": '{"rows": 1}', "a": "1"})
    store.alerts.mark({"b": '{"rows": 2}', "a": None, "never": None})
    assert store.alerts.marks() == {"b": '{"rows": 2}'}


# -- several at once ----------------------------------------------------------------------------------------------


def at_once(stores: list[Store], work: Callable[[Store], Any]) -> list[Any]:
    """What each has made of it, all of them having begun together."""
    start = Barrier(len(stores))

    def turn(store: Store) -> Any:
        start.wait(30)
        return work(store)

    with ThreadPoolExecutor(len(stores)) as pool:
        return list(pool.map(turn, stores))


@pytest.fixture(params=["sqlite", "postgres"])
def peers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Store]]:
    """Four processes' views of one store."""
    if request.param == "sqlite":
        stores: list[Store] = [SqliteStore(str(tmp_path / "state" / "tetra.db")) for _ in range(4)]
    else:
        url = request.getfixturevalue("postgres_url")
        from tetra_orchestrator.adapters.store.postgres import PostgresStore

        stores = [PostgresStore(url) for _ in range(4)]
    yield stores
    for each in stores:
        each.close()


def test_of_senders_that_claim_at_once_each_letter_goes_to_one(peers: list[Store]) -> None:
    filed(peers[0], alert(), *(f"c{number}" for number in range(40)))

    def claim(store: Store) -> list[Delivery]:
        found: list[Delivery] = []
        while some := store.alerts.claim(AT, later(30), 3):
            found += some
        return found

    claimed = [one for found in at_once(peers, claim) for one in found]
    assert sorted(one.id for one in claimed) == list(range(1, 41))
    assert {one.tries for one in claimed} == {1}


def test_of_judges_that_file_one_cause_at_once_one_does_and_the_run_is_told_once(peers: list[Store]) -> None:
    ended(peers[0], "r1")

    def judge(store: Store) -> bool:
        try:
            store.alerts.file([Filed(alert(run_id="r1"), (("mail", "raised", AT),))], ["r1"])
        except StateConflict:
            return False
        return True

    assert sorted(at_once(peers, judge)) == [False, False, False, True]
    assert (len(peers[1].alerts.all()), len(peers[1].alerts.deliveries()), untold(peers[2])) == (1, 1, [])


# -- all of them alike --------------------------------------------------------------------------------------------

SUBJECTS = st.sampled_from("ab")
SPANS = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("raise"), SUBJECTS, st.lists(st.tuples(SUBJECTS, st.sampled_from(WHATS), SPANS), max_size=2)),
    st.tuples(st.just("change"), st.integers(1, 4), st.booleans(), st.integers(0, 1)),
    st.tuples(st.just("end"), st.sampled_from(sorted(RUN_TERMINAL)), SPANS, st.booleans()),
    st.tuples(st.just("tell"), st.integers(1, 3)),
    st.tuples(st.just("claim"), SPANS, SPANS, st.integers(1, 3)),
    st.tuples(st.just("settle"), st.integers(1, 4), st.sampled_from(DELIVERY_STATES), st.integers(0, 2), SPANS),
    st.tuples(st.just("forget"), SPANS, st.integers(1, 2)),
    st.tuples(st.just("mark"), SUBJECTS, st.none() | st.text(max_size=2)),
)


def perform(store: Store, step: tuple[Any, ...], runs: int) -> Any:
    """Do it; what it answers, or how it was refused."""
    match step:
        case "raise", subject, letters:
            some = tuple((channel, what, later(due)) for channel, what, due in letters)
            return store.alerts.file([Filed(alert(subject), some)])
        case "change", number, over, behind:
            found = store.alerts.get(number) or alert()._replace(id=number)
            at = later(number) if over else None
            return store.alerts.file([Filed(found._replace(resolved_at=at, version=found.version - behind))])
        case "end", state, seconds, tells:
            return ended(store, f"r{runs}", state, later(seconds), tells=tells)
        case "tell", number:
            return store.alerts.file([], [f"r{number}"])
        case "claim", now, lease, limit:
            return store.alerts.claim(later(now), later(now + lease), limit)
        case "settle", number, state, tries, due:
            sent = later(due) if state == "sent" else None
            return store.alerts.settle([Delivery(number, 1, "a", "raised", state, later(due), tries, "e", sent)])
        case "forget", before, most:
            return store.alerts.outdated(later(before)), store.alerts.forget(later(before), most)
        case "mark", name, value:
            return store.alerts.mark({name: value})


def told(store: Store, step: tuple[Any, ...], runs: int) -> Any:
    try:
        return perform(store, step, runs)
    except StateConflict as conflict:
        return conflict.code, str(conflict)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=25))
def test_a_file_and_memory_answer_the_same_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    path = tmp_path_factory.mktemp("alike") / "state" / "tetra.db"
    with closing(SqliteStore(str(path))) as kept:
        memory = MemoryStore()
        for place, step in enumerate(steps):
            assert told(memory, step, place) == told(kept, step, place)
        assert everything(memory) == everything(kept)
        for subject in "ab":
            key = f"pipeline_failed:{subject}"
            assert memory.alerts.last(key) == kept.alerts.last(key)
            assert memory.alerts.sent_since(subject, later(2)) == kept.alerts.sent_since(subject, later(2))
        assert memory.alerts.deliveries(unsent=True) == kept.alerts.deliveries(unsent=True)


def test_the_states_are_those_that_the_tables_know() -> None:
    assert set(UNSENT) < set(DELIVERY_STATES)
    assert not RUN_ACTIVE & RUN_TERMINAL
