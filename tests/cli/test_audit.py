"""`schedule audit`: every slot of a period with what became of it, for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from faults.clocks import wall_clock

FILE = """
    timezone: America/New_York
    pipelines: {load: {shell: "true"}}
    modes: {all: [load]}
    schedules:
      nightly: {mode: all, cron: "0 1 * * *"}
      never: {mode: all, cron: "30 1 * * *", catch_up: none}
"""
SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)  # 01:00 in New York
DAY = timedelta(days=1)


@pytest.fixture
def audited(site):
    """Two nights: nobody was there in the first, and only the nightly one was woken in the second."""
    site.env["TZ"] = "America/New_York"
    site.configure(FILE)
    with wall_clock(site) as clock:
        clock.set(SIX - 6 * DAY / 24)
        site.run("status")
        site.run("schedule", "audit")
        clock.set(SIX + DAY + timedelta(seconds=1))
        assert site.run("fire", "nightly").returncode == 0
        clock.set(SIX + DAY + timedelta(hours=2))
        yield site


def pairs(body):
    return [(row["schedule"], row["slot"], row["outcome"]) for row in body["slots"]]


ALL = [
    ("nightly", "2026-03-02T06:00:00Z", "skipped_policy"),
    ("never", "2026-03-02T06:30:00Z", "missed"),
    ("nightly", "2026-03-03T06:00:00Z", "ran"),
    ("never", "2026-03-03T06:30:00Z", "missed"),
]


def test_the_audit_publishes_every_slot_with_outcome_reason_and_run(audited):
    body = audited.json("schedule", "audit")
    assert list(body) == ["schema", "slots", "counts"]
    assert (body["schema"], body["counts"]) == (
        "tetra.schedule.audit/1",
        {"missed": 2, "ran": 1, "skipped_policy": 1},
    )
    assert pairs(body) == ALL
    first, missed, ran, _ = body["slots"]
    assert first == {
        "schedule": "nightly",
        "slot": "2026-03-02T06:00:00Z",
        "outcome": "skipped_policy",
        "reason": {"code": "superseded", "text": "the later slot 2026-03-03T06:00:00Z runs instead"},
        "run_id": None,
        "lateness_s": None,
    }
    assert missed["outcome"] == "missed"
    assert missed["reason"]["code"] in ("late_wake", "machine_off")  # by when this machine was started
    assert missed["reason"]["text"].endswith("and `catch_up: none` makes up for nothing")
    assert (ran["reason"], ran["run_id"]) == (None, audited.json("show")["run"]["run_id"])
    assert 0 <= ran["lateness_s"] < 60


def test_the_audit_for_people_shows_local_times_and_the_counts(audited):
    run_id = audited.json("show")["run"]["run_id"]
    why = "the later slot 2026-03-03T06:00:00Z runs instead"
    done = audited.run("schedule", "audit", "nightly")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split() == ["schedule", "slot", "(EST)", "outcome", "why"]
    assert [line.split(maxsplit=5) for line in done.stdout.splitlines()[2:]] == [
        ["nightly", "Mar", "02", "01:00", "skipped_policy", why],
        ["nightly", "Mar", "03", "01:00", "ran", run_id],
        [],
        ["1", "ran,", "1", "skipped_policy"],
    ]


def test_a_period_begins_and_ends_with_slots_that_count_and_a_date_is_the_machines(audited):
    def shown(*args):
        return pairs(audited.json("schedule", "audit", *args))

    assert shown("--since", "2026-03-02T06:30:00Z", "--until", "2026-03-03T06:00:00Z") == ALL[1:3]
    assert shown("--since", "2026-03-03") == ALL[2:]
    assert shown("--until", "2026-03-03T00:59:59") == ALL[:2]
    assert shown("never", "--since", "2026-03-03T01:30:00-05:00") == ALL[3:]
    assert shown("--since", "2026-04-01") == []


def test_the_audit_looks_back_a_week_unless_it_is_told(audited):
    with wall_clock(audited) as clock:
        clock.set(SIX + 8 * DAY + timedelta(minutes=15))
        assert pairs(audited.json("schedule", "audit"))[0][1] == "2026-03-03T06:30:00Z"


def test_an_audit_of_nothing_says_so(site):
    site.configure(FILE)
    done = site.run("schedule", "audit", "--until", "2026-01-01")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "no slot was due")
    assert site.json("schedule", "audit") == {"schema": "tetra.schedule.audit/1", "slots": [], "counts": {}}


def test_only_the_last_fifty_are_shown_to_people(site):
    site.configure(FILE.replace('cron: "0 1 * * *"', "every: 1s"))
    site.run("fire", "nightly")
    done = site.run("schedule", "audit", "nightly")
    total = len(site.json("schedule", "audit", "nightly")["slots"])
    assert len([line for line in done.stdout.splitlines() if line.startswith("nightly ")]) == 50
    assert 60 <= total <= 120
    hidden = next(line for line in done.stdout.splitlines() if "earlier ones" in line)
    assert hidden.endswith(" earlier ones are not shown; --until shows them, and --json all")
    assert 10 <= int(hidden.split()[0]) <= total - 50


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ("--since", "yesterday"),
            "error: --since 'yesterday' is not a time\n"
            "  hint: write an instant (2026-03-01T20:00:00Z), a date (2026-03-01) or how long ago (7d, 12h)\n",
        ),
        (
            ("--until", "25:00"),
            "error: --until '25:00' is not a time\n"
            "  hint: write an instant (2026-03-01T20:00:00Z), a date (2026-03-01) or how long ago (7d, 12h)\n",
        ),
        (
            ("weekly",),
            "error: Unknown schedule: weekly\n"
            "  hint: schedules: nightly, never; `tetra schedule prune` removes timers of schedules that are gone\n",
        ),
    ],
)
def test_what_the_audit_does_not_know_is_refused(site, args, text):
    site.configure(FILE)
    done = site.run("schedule", "audit", *args)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", text)
