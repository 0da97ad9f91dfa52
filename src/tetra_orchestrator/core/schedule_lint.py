"""What deserves a look in a schedule that can be used: it may be due at other times than its author expects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations, islice, pairwise, takewhile

from tetra_orchestrator.core.cron_lint import beyond_launchd, uneven_steps
from tetra_orchestrator.core.night_lint import changes_of
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.schedule import MACROS, rule_of, slots_of, zone
from tetra_orchestrator.core.spoken import duration, instant
from tetra_orchestrator.core.wall_clock import DAY, HOUR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.model import Project, Schedule

ERROR, WARNING, INFO = "error", "warning", "info"
#: So many slots show how close they can be to each other.
ENOUGH = 200
#: An outage after which all slots are made up for, and the most of them that are counted.
OUTAGE = 30 * DAY
MOST_COUNTED = 1000
AHEAD = 8 * DAY
ALWAYS = datetime.min.replace(tzinfo=UTC)
DST_HINTS = {
    "dst_gap": "`dst: {gap: skip}` leaves it out, `shift` has it due after the gap",
    "dst_fold": "`dst: {fold: first}`, `second` or `both` says when it is due",
}


class Lint(Record):
    """A finding: a stable `code`, a severity as above, the schedule, one clause of text, and what to do about it."""

    code: str
    severity: str
    schedule: str
    text: str
    hint: str | None = None


def lint(schedule: Schedule, now: datetime, local_zone: str) -> list[Lint]:
    """The findings on an enabled schedule, as of `now` (aware UTC) on a machine of this time zone.

    Raises `UsageError` for a rule that cannot be read, `ConfigError` for a zone that there is not.
    """
    if not schedule.enabled:
        return []
    found = [*_of_the_future(schedule, now), *_of_the_night(schedule, now), *_of_launchd(schedule, local_zone)]
    if schedule.cron is not None:
        found = [*_of_the_fields(schedule, now), *found]
    return [*found, *_of_distance(schedule, now)]


def overlapping_schedules(project: Project, now: datetime) -> list[Lint]:
    """A finding for each two enabled schedules that run the same pipelines within an hour in the coming 8 days."""
    enabled = [schedule for schedule in project.schedules if schedule.enabled]
    found = []
    for one, other in combinations(enabled, 2):
        theirs = project.pipelines_of(other)
        common = [name for name in project.pipelines_of(one) if name in theirs]
        clash = _nearest(_coming(one, now), _coming(other, now)) if common else None
        if clash:
            text = (
                f"'{one.name}' and '{other.name}' both run {', '.join(common)} within an hour: "
                f"at {instant(clash[0])} and {instant(clash[1])}"
            )
            hint = "disable one of the two, or leave what is common out of one"
            found.append(Lint("overlapping_schedules", WARNING, one.name, text, hint))
    return found


def _coming(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    return takewhile(lambda slot: slot <= now + AHEAD, slots_of(schedule, now))


def _nearest(ours: Iterator[datetime], theirs: Iterator[datetime]) -> tuple[datetime, datetime] | None:
    """The first of our slots, and theirs, that are at most an hour apart. Both are ascending."""
    one, other = next(ours, None), next(theirs, None)
    while one and other and abs(one - other) > HOUR:
        if one < other:
            one = next(ours, None)
        else:
            other = next(theirs, None)
    return (one, other) if one and other else None


def _of_the_future(schedule: Schedule, now: datetime) -> Iterator[Lint]:
    if next(slots_of(schedule, now), None) is not None or (schedule.cron is None and schedule.at is None):
        return
    name = schedule.name
    if schedule.at is not None and next(slots_of(schedule, ALWAYS), None) is not None:
        yield Lint("at_passed", WARNING, name, f"{schedule.at} is over: it is not due again", "remove the schedule")
    else:
        text = "it is never due: `dst` leaves out the only times at which it would be"
        yield Lint("never_due", ERROR, name, text, "write `dst: {gap: shift}`, or choose another hour")


def _of_the_fields(schedule: Schedule, now: datetime) -> Iterator[Lint]:
    rule, name = rule_of(schedule.cron or ""), schedule.name
    fields = MACROS.get(schedule.cron or "", schedule.cron or "").split()
    for text, hint in uneven_steps(fields, rule):
        yield Lint("uneven_step", WARNING, name, text, hint)
    if "*" in (fields[2], fields[4]):
        return
    dates = dict.fromkeys(f"{_local(slot, schedule):%a %Y-%m-%d}" for slot in islice(slots_of(schedule, now), ENOUGH))
    following = f"next on {', '.join(islice(dates, 3))}"
    if rule.both_days:
        text = f"both day fields must fit, as one of them begins with a star; {following}"
        yield Lint("both_day_fields", INFO, name, text, "crons other than Debian's may take either")
    else:
        text = f"either day field is enough; {following}"
        yield Lint("both_day_fields", WARNING, name, text, "for the second Friday of a month write `* * 5#2`")


def _of_the_night(schedule: Schedule, now: datetime) -> Iterator[Lint]:
    gaps, folds = changes_of(schedule, now)
    for code, found in (("dst_gap", gaps), ("dst_fold", folds)):
        if found:
            hint = DST_HINTS[code]
            if schedule.cron is not None and not rule_of(schedule.cron).fixed:
                hint = "`dst` has a say where neither minute nor hour begins with a star"
            yield Lint(code, INFO, schedule.name, f"in {schedule.timezone}, {'; '.join(found)}", hint)


def _of_launchd(schedule: Schedule, local_zone: str) -> Iterator[Lint]:
    found = list(beyond_launchd(rule_of(schedule.cron))) if schedule.cron is not None else []
    if schedule.timezone != local_zone and (schedule.cron is not None or schedule.at is not None):
        found.append(f"another time zone than {local_zone}: it starts us at each time there that it can be")
    for text in found:
        hint = "there is nothing to do: what is not due does not run"
        yield Lint("launchd_superset", INFO, schedule.name, f"launchd cannot say {text}", hint)


def _of_distance(schedule: Schedule, now: datetime) -> Iterator[Lint]:
    if schedule.cron is None and schedule.every_s is None:
        return
    if schedule.catch_up == "all" and schedule.catch_up_window_s is None and schedule.catch_up_count is None:
        yield from _of_catch_up(schedule, now)
    shortest = min((b - a for a, b in pairwise(islice(slots_of(schedule, now), ENOUGH))), default=timedelta.max)
    if timedelta(seconds=schedule.jitter_s) > shortest:
        late, interval = duration(schedule.jitter_s), duration(shortest.total_seconds())
        text = f"`jitter` can make it start {late} late, when the next slot has come: they are {interval} apart"
        yield Lint("jitter_longer_than_interval", WARNING, schedule.name, text, "lower `jitter`")


def _of_catch_up(schedule: Schedule, now: datetime) -> Iterator[Lint]:
    since = takewhile(lambda slot: slot <= now, slots_of(schedule, now - OUTAGE))
    missed = sum(1 for _ in islice(since, MOST_COUNTED))
    if missed > 1:
        number = f"{missed} or more" if missed == MOST_COUNTED else str(missed)
        text = f"`catch_up: all` has no limit: after {OUTAGE.days} days off it makes up for {number} slots"
        hint = "write `catch_up: {policy: all, window: 3d, count: 10}`"
        yield Lint("long_catch_up", WARNING, schedule.name, text, hint)


def _local(instant: datetime, schedule: Schedule) -> datetime:
    """What the clock of the schedule shows, without its zone."""
    return instant.astimezone(zone(schedule.timezone)).replace(tzinfo=None)
