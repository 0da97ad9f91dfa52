"""Reports as text: what is in them, and that they ask for nothing."""

from __future__ import annotations

import json
import re
import time
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest

from report import stories
from support import seeded
from support.builders import utc
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.core.slots import Cursor, Slot
from tetra_orchestrator.report.axis import axis, spoken
from tetra_orchestrator.report.calendar import calendar
from tetra_orchestrator.report.graph_drawing import Node, drawing
from tetra_orchestrator.report.run_parts import EXCERPTS, alerts
from tetra_orchestrator.report.run_story import Beside
from tetra_orchestrator.report.tables import PORTION, Row, table
from tetra_orchestrator.report.words import LETTERS


class Outline(HTMLParser):
    """The headings of a page, its ids, what it links to, and its visible text."""

    def __init__(self, page):
        super().__init__()
        self.headings, self.ids, self.links, self.words, self.addresses = [], [], [], [], []
        self._in = []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._in.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.addresses += [given[name] for name in ("src", "srcset", "action", "data") if name in given]
        if tag in ("h1", "h2", "h3"):
            self.headings.append([tag, ""])

    def handle_endtag(self, tag):
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data):
        if self._in and self._in[-1] in ("h1", "h2", "h3"):
            self.headings[-1][1] += data
        if self._in and self._in[-1] == "script" and data.startswith('{"pool"'):
            self.ids += [key for key, *_ in json.loads(data)["rows"] if key]
        if not {"script", "style"} & set(self._in):
            self.words.append(data)


def titles(page):
    return [title for tag, title in Outline(page).headings if tag == "h2"]


PAGES = ["good", "failed", "days", "empty", "queued", "hostile"]


@pytest.mark.parametrize("name", PAGES)
def test_a_report_links_only_to_itself_and_loads_nothing(name):
    seen = Outline(getattr(stories, name)())
    assert seen.addresses == []
    assert [link for link in seen.links if not link.startswith("#") or link[1:] not in seen.ids] == []
    assert len(seen.ids) == len(set(seen.ids))
    assert [tag for tag, _ in seen.headings][:1] == ["h1"]


@pytest.mark.parametrize("name", PAGES)
def test_nothing_but_our_own_style_and_script_is_allowed(name):
    page = getattr(stories, name)()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert re.sub(r"sha256-[\w+/=]{44}", "HASH", policy[1]) == (
        "default-src 'none'; style-src 'HASH' 'HASH'; script-src 'HASH'; base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r'\sstyle="|\son\w+="', page)


def test_a_failed_run_is_told_from_what_went_wrong_to_its_alerts():
    assert titles(stories.failed()) == [
        "What went wrong",
        "Timeline",
        "Graph",
        "Tasks, critical path and slack",
        "Resources",
        "Log excerpts",
        "Configuration since the last success",
        "Alerts of this run",
        "Earlier runs",
    ]
    text = Outline(stories.failed()).text
    assert (
        "✗ failed features : it got no more memory: its log says `MemoryError: cannot allocate 2.1 GB`"
        " (exit code 1 in attempt 2) ( its log )"
    ) in text
    assert "2 more did not run because of that. Go on where it ended: tetra resume 20261119T020000Z-nightl" in text
    assert "The last success before was run 20261118T020000Z-nightl ." in text
    assert "~ pipelines.features.timeout: 5m -> 2m" in text
    assert "4 min 25 s of the run's 4 min 25 s." in text


def test_days_are_told_from_the_calendar_to_each_run():
    page = stories.days()
    assert titles(page) == [
        *("Calendar of slots", "Pipelines", "Durations", "Alerts", "Failures", "Slowest tasks", "Due next", "Runs"),
    ]
    text = Outline(page).text
    assert "30 ✓ succeeded , 2 ✗ failed" in text
    assert "succeeded, of those over 94%" in text
    assert text.count("cannot allocate 2.1 GB` (exit code 1 in attempt 2)") == 2
    assert "nightly ✗ missed 2026-11-03 02:00:00" in text or "the machine was off then" in text
    assert "1 unusual, the last with 30 min 18 s" in text


def test_days_in_which_nothing_happened_say_so_and_how_to_begin():
    text = Outline(stories.empty()).text
    assert "Nothing ran in this time. tetra run --mode MODE starts something." in text
    assert "No slot of a schedule was due." in text
    assert "Nobody had to be told of anything." in text


def test_the_end_of_a_log_of_a_megabyte_is_shown_and_said_to_be_cut():
    text = Outline(stories.hostile()).text
    assert text.count("Cut: only the last part of what is stored is shown.") == 1
    assert len(max(re.findall(r"<pre[^>]*>(.*?)</pre>", stories.hostile(), re.S), key=len)) < 3 * LETTERS


def test_what_a_page_holds_as_data_cannot_end_its_script():
    rows = [Row((f"{number} </script><!--<script>",), "failed", f"k{number}") for number in range(PORTION + 2)]
    page = table("k", "Rows", ("name",), rows)
    data = re.search(r'<script type="application/json">(.*?)</script>', page, re.S)
    assert data
    assert "<" not in data[1]
    found = json.loads(data[1])
    assert [key for key, *_ in found["rows"]] == ["k200", "k201"]
    assert found["pool"][0] == "200 &lt;/script&gt;&lt;!--&lt;script&gt;"


def test_a_run_of_more_tasks_than_can_be_drawn_shows_its_pipelines():
    store = MemoryStore()
    tries = {f"{name}.t{number}": [seeded.Try(1.0)] for name in ("load", "join") for number in range(200)}
    run = stories.Run("20261122T070000Z-folded", "demo", "full", "manual", "running", "0" * 16, stories.NOW)
    seeded.write_run(store, run, tries)
    graph = {name: ("load.t0",) if name.startswith("join") else () for name in tries}
    text = Outline(stories.of_run(store, store.run(run.run_id) or run, Beside("Demo", graph))).text
    assert "There are 400 tasks; drawn are their 2 pipelines." in text
    assert "200 tasks" in text


def test_without_its_graph_a_run_is_told_all_the_same():
    store = MemoryStore()
    seeded.month(store, stories.NOW)
    text = Outline(stories.of_run(store, store.runs(limit=1)[0], Beside("Demo"))).text
    assert "What this run's tasks depended on is not known any more." in text
    assert "Without the graph, neither the critical path nor slack is known." in text


@pytest.mark.parametrize(
    ("seconds", "step", "parts"),
    [(0.0, "0.1 s", 1), (2.0, "0.5 s", 4), (87.0, "15 s", 6), (5400.0, "15 min", 6), (1e7, "28 d", 5)],
)
def test_an_axis_has_at_most_six_round_steps(seconds, step, parts):
    found = axis(seconds)
    assert (spoken(found.step_s), found.parts) == (step, parts)
    assert found.end_s >= seconds


def test_what_a_sign_means_is_said_once_and_a_success_is_not_explained():
    text = Outline(stories.failed()).text
    assert "✓ has succeeded − was not run, as what it depends on has not succeeded ✗ has failed" in text
    assert "extract ◆ on the critical path ✓ succeeded 1 45 s 0.0 s clean" in text


def test_the_parameters_of_a_run_are_told_without_its_secrets():
    store = MemoryStore()
    run = stories.Run("20261122T070000Z-params", "demo", "full", "manual", "running", "0" * 16, stories.NOW)
    seeded.write_run(store, run._replace(params={"day": "monday", "key": None}), {"load": [seeded.Try(1.0)]})
    page = stories.of_run(store, store.run(run.run_id) or run, Beside("Demo", {"load": ()}))
    assert "parameters day=monday, key=***" in Outline(page).text
    assert "Graph" not in titles(page)  # one task has none


def test_a_run_that_still_runs_counts_for_neither_success_nor_failure():
    store = MemoryStore()
    seeded.many_runs(store, stories.NOW, 3)
    run = stories.Run("20261122T075900Z-active", "demo", "poll", "manual", "running", "0" * 16, stories.NOW)
    store.open_run(run, [], [], "{}")
    text = Outline(stories.of_days(store)).text
    assert "3 ✓ succeeded , 1 ▶ running" in text
    assert "succeeded, of those over 100%" in text
    assert "Mode poll 3 of 3 succeeded" in text


def test_runs_of_single_pipelines_have_durations_of_their_own():
    store = MemoryStore()
    for second in range(2):
        run_id = f"20261122T07000{second}Z-single"
        run = stories.Run(run_id, "demo", None, "manual", "running", "0" * 16, stories.NOW)
        seeded.write_run(store, run, {"load": [seeded.Try(1.0)]})
    text = Outline(stories.of_days(store)).text
    assert "Runs without a mode 2 of 2 succeeded" in text
    assert "load, no mode" in text


def test_an_alert_stands_as_in_the_list_of_alerts():
    store = MemoryStore()
    seeded.alert(store, stories.NOW, "disk_full", "the disk is full", None)
    seen = store.alerts.all(1)[0]._replace(acked_at=stories.NOW, acked_by="kim <b>")
    over = seen._replace(resolved_at=stories.NOW)
    text = Outline(alerts([over, seen])).text
    assert re.findall("the disk is full (.*?) high", text) == [
        "◐ acknowledged by kim <b>",
        "✓ over since 2026-11-22 08:00:00 UTC",
    ]


def test_runs_that_slots_tell_of_and_that_are_not_kept_are_counted():
    store = MemoryStore()
    seeded.many_runs(store, stories.NOW, 5)
    for run in store.runs()[-2:]:
        store.forget(run.run_id)
    text = Outline(stories.of_days(store)).text
    assert "2 runs of slots are not kept any more, and count for nothing below the calendar." in text
    assert "runs 3 succeeded" in text


def test_a_run_of_a_slot_that_never_began_is_not_one_that_is_gone():
    store = MemoryStore()
    slot = Slot("poll", stories.NOW, "queued", stories.NOW, run_id="20261122T080000Z-queued")
    store.ledger.settle(None, Cursor("poll", "* * * * *", stories.NOW, stories.NOW), [slot])
    assert "not kept any more" not in stories.of_days(store)


def test_of_very_many_slots_that_did_not_run_the_newest_are_told_and_all_are_counted():
    slots = [Slot("poll", utc(2026, 11, 21) + timedelta(minutes=at), "missed", stories.NOW) for at in range(501)]
    page = calendar(slots, date(2026, 11, 21), date(2026, 11, 21))
    assert "The 501 that did not run on time, the newest 500 of them" in page
    assert "2026-11-21 08:20:00" in page
    assert "2026-11-21 00:00:00" not in page


def test_no_fault_links_to_a_log_that_is_not_shown():
    store = MemoryStore()
    run = stories.Run("20261122T070000Z-stubbn", "demo", "full", "manual", "running", "0" * 16, stories.NOW)
    tail = "no answer"
    tries = {"poll": [seeded.Try(1.0, 1, tail=tail)] * EXCERPTS, "push": [seeded.Try(1.0, 1, tail=tail)]}
    seeded.write_run(store, run, tries)
    seen = Outline(stories.of_run(store, store.run(run.run_id) or run, Beside("Demo")))
    assert [link for link in seen.links if link[1:] not in seen.ids] == []


@pytest.fixture
def in_berlin():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_a_day_is_one_of_the_machine_also_where_its_clock_is_set_back():
    hours = [utc(2026, 10, 24, 23), utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30), utc(2026, 10, 25, 23)]
    slots = [Slot("hourly", at, "ran", at) for at in hours]
    page = calendar(slots, date(2026, 10, 24), date(2026, 10, 26))
    assert re.findall(r'title="([^"]*)"', page) == ["2026-10-25: 3 ran", "2026-10-26: 1 ran"]


def test_the_zone_of_days_is_said():
    text = Outline(stories.days()).text
    assert "Days are those of the machine that wrote this (UTC), whatever the zone of a schedule; slots count" in text


@pytest.mark.parametrize(("columns", "says"), [(7, False), (8, True)])
def test_a_graph_of_few_columns_fits_into_the_page_and_one_of_many_says_that_it_scrolls(columns, says):
    graph = {f"t{at}": (f"t{at - 1}",) if at else () for at in range(columns)}
    nodes = {name: Node(name, "succeeded", 1.0, None) for name in graph}
    page = drawing("Graph", graph, nodes)
    assert (f'class="graph c{columns}"' in page, "scroll it sideways" in page) == (not says, says)
    assert page.count('marker-end="url(#arrow)"') == columns - 1 or page.count("url(#arrow-critical)") == columns - 1
