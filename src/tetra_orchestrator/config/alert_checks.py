"""What the shape cannot say of who is told: names, conditions, times of quiet, and whom a failing pipeline tells."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from tetra_orchestrator.config.addresses import is_open
from tetra_orchestrator.config.calendars import check_cron, check_instant, check_zone, zone_name
from tetra_orchestrator.config.channel_checks import CHANNELS, check_channels
from tetra_orchestrator.config.name_checks import check_names
from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.yaml_tree import Scalar, find
from tetra_orchestrator.core.alerts import RULE
from tetra_orchestrator.core.findings import FINDINGS
from tetra_orchestrator.core.gauges import SHARES
from tetra_orchestrator.core.rule_text import NotUnderstood, compared, sized, tokens
from tetra_orchestrator.core.schedule import REFERENCE, slots
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.core.watching import PAGE_ON_CALL, PAGER
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema_watching import Maintenance, OnFailure, Rule
    from tetra_orchestrator.config.sheet import Sheet

RULES: Path = ("alerting", "rules")
NEVER = "never"
#: Fewer seconds than these are mostly a unit that was forgotten.
FEW_S = 60
#: What is due by the minute has a pause within this, or none.
PATIENCE = timedelta(days=8)
STATUSES = ("success", "partial", "failed", "running", NEVER)


def check_alerting(sheet: Sheet) -> None:
    """Report rules that cannot be judged, and names of what there is not; warn of what tells nobody."""
    check_channels(sheet)
    alerting, told = sheet.document.alerting, sheet.document.notifications
    _check_rules(sheet, alerting.rules)
    check_names(sheet, ("alerting", "findings", "channels"), alerting.findings.channels or (), "channel", *CHANNELS)
    for index, code in enumerate(alerting.findings.ignore):
        _check_code(sheet, ("alerting", "findings", "ignore", index), code)
    for index, window in enumerate(alerting.maintenance):
        _check_maintenance(sheet, ("alerting", "maintenance", index), window)
    for key in ("on_success", "on_failure"):
        check_names(sheet, ("notifications", key), getattr(told, key), "channel", *CHANNELS)
    for name, pipeline in sheet.document.pipelines.items():
        if pipeline.on_failure is not None:
            _warn_of_channels(sheet, ("pipelines", name, "on_failure"), pipeline.on_failure)


def _check_rules(sheet: Sheet, rules: Sequence[Rule]) -> None:
    words = _words(sheet) if rules else {}
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        path = (*RULES, index)
        check_names(sheet, (*path, "channels"), rule.channels, "channel", *CHANNELS)
        check_names(sheet, (*path, "pipelines"), rule.pipelines or (), "pipeline", "pipelines")
        _check_condition(sheet, path, rule, words)
        if rule.name in seen:
            message = f"there is a second rule '{rule.name}'"
            sheet.error("duplicate_name", (*path, "name"), message, "rename one of the two")
        seen.add(rule.name)
        _warn_of_nobody(sheet, path, rule)
        _warn_of_seconds(sheet, (*path, "for"), rule.lasting)


def _check_condition(sheet: Sheet, path: Path, rule: Rule, words: Mapping[str, Collection[str]]) -> None:
    from tetra_orchestrator.config.conditions import objection

    place = (*path, "condition")
    found = None if is_open(rule.condition) else objection(rule.condition)
    if found is not None:
        sheet.error("bad_condition", place, f"the condition of '{rule.name}' {found[0]}", found[1])
        return
    try:
        found_tokens = tokens(rule.condition)
    except NotUnderstood:
        return
    _warn_of_percent(sheet, place, rule, sized(found_tokens))
    for name, word in compared(found_tokens):
        if name in words and word not in words[name]:
            otherwise = f"it can be {listed(words[name])}" if words[name] else "the file has none"
            hint = sheet.problems.guess(word, words[name], otherwise)
            message = f"the condition of '{rule.name}' compares '{name}' with '{word}', which it never is"
            sheet.warn("never_so", place, message, hint)


def _warn_of_percent(sheet: Sheet, place: Path, rule: Rule, pairs: Iterable[tuple[str, str]]) -> None:
    for name, number in pairs:
        if name in SHARES and float(number) > 1:
            message = f"the condition of '{rule.name}' compares '{name}' with {number}, and it is a share from 0 to 1"
            sheet.warn("never_so", place, message, f"write {float(number) / 100:g} for {number} percent")


def _words(sheet: Sheet) -> dict[str, Collection[str]]:
    """What the names that stand for one of a few words can be."""
    return {
        "pipeline_status": STATUSES,
        "state": (*(state.value for state in RunState), TaskState.UPSTREAM_FAILED.value, NEVER),
        "pipeline": sheet.names("pipelines"),
        "mode": sheet.names("modes"),
        "tenant": sheet.names("tenants"),
    }


def _warn_of_nobody(sheet: Sheet, path: Path, rule: Rule) -> None:
    channels = sheet.document.alerting.channels
    if not rule.channels:
        message = f"the rule '{rule.name}' tells nobody: it has no 'channels'"
        sheet.warn("tells_nobody", path, message, f"add `channels:` with some of {listed(channels) or 'your own'}")
    elif all(name in channels and not channels[name].enabled for name in rule.channels):
        message = f"the rule '{rule.name}' tells nobody: its channels are switched off"
        sheet.warn("tells_nobody", (*path, "channels"), message, "write `enabled: true` in one of them")


def _warn_of_seconds(sheet: Sheet, path: Path, lasting: float) -> None:
    """Warn of a few seconds without a unit: minutes are meant."""
    node = find(sheet.tree, path)[0]
    if 0 < lasting < FEW_S and isinstance(node, Scalar) and node.text.isdigit():
        message = f"'for' is {lasting:g} seconds, which is over before anybody looks again"
        sheet.warn("no_unit", path, message, f"write the unit: {lasting:g}s or {lasting:g}m")


def _check_code(sheet: Sheet, path: Path, code: str) -> None:
    if code == RULE:
        sheet.error("unknown_code", path, "alerts of rules cannot be ignored", "remove the rule")
    elif code not in FINDINGS:
        hint = sheet.problems.guess(code, FINDINGS, f"codes: {listed(FINDINGS)}")
        sheet.error("unknown_code", path, f"nothing that the monitor finds is called '{code}'", hint)


def _check_maintenance(sheet: Sheet, path: Path, window: Maintenance) -> None:
    check_names(sheet, (*path, "pipelines"), window.pipelines or (), "pipeline", "pipelines")
    if window.timezone is not None:
        check_zone(sheet, (*path, "timezone"), window.timezone)
    if window.cron is not None:
        check_cron(sheet, (*path, "cron"), window.cron)
        _check_length(sheet, path, window)
    for key, text in (("from", window.since), ("to", window.until)):
        if text is not None:
            check_instant(sheet, (*path, key), text)
    if window.since is not None and window.until is not None and not _is_before(window.since, window.until):
        message = f"'{window.name}' ends before it begins"
        sheet.error("bad_value", (*path, "to"), message, "write the later of the two times in `to`")


def _check_length(sheet: Sheet, path: Path, window: Maintenance) -> None:
    """Report a time of quiet that the next one always follows at once: nobody would ever be told."""
    if window.length is not None and _follows_itself(window, timedelta(seconds=window.length)):
        message = f"'{window.name}' lasts until it begins again, so that nobody is ever told"
        sheet.error("bad_value", (*path, "length"), message, "make it shorter, or its `cron` less often")


def _follows_itself(window: Maintenance, length: timedelta) -> bool:
    try:
        for first, second in pairwise(slots(window.cron or "", zone_name(window.timezone or "UTC"), REFERENCE)):
            if length < second - first or second - REFERENCE > PATIENCE:
                return length >= second - first
    except (ValueError, ConfigError):
        pass  # told already
    return False


def _is_before(since: str, until: str) -> bool:
    try:
        return datetime.fromisoformat(since) < datetime.fromisoformat(until)
    except (ValueError, TypeError):
        return True  # told already


def _warn_of_channels(sheet: Sheet, path: Path, on_failure: OnFailure) -> None:
    """Whom a failing pipeline tells is no reason not to run it."""
    known = sheet.names(*CHANNELS)
    for index, name in enumerate(on_failure.notify):
        if name not in known:
            _warn_unknown(sheet, (*path, "notify", index), name, known)
    who = on_failure.escalate
    if who == PAGE_ON_CALL and who not in known:
        channels = sheet.document.alerting.channels.items()
        if not any(one.enabled and (one.type or name) == PAGER for name, one in channels):
            message = f"nobody is on call: no channel of type {PAGER} is switched on"
            hint = f"add one to `alerting: channels:`, or name a channel instead of {PAGE_ON_CALL}"
            sheet.warn("nobody_on_call", (*path, "escalate"), message, hint)
    elif who is not None and who not in known:
        _warn_unknown(sheet, (*path, "escalate"), who, (*known, PAGE_ON_CALL))
    elif who is None and "escalate_after" in on_failure.model_fields_set:
        message = "'escalate_after' has no effect without 'escalate'"
        sheet.warn("no_effect", (*path, "escalate_after"), message, "add `escalate:` with a channel", key=True)


def _warn_unknown(sheet: Sheet, path: Path, name: str, known: Collection[str]) -> None:
    near = sheet.problems.guess(name, known)
    hint = f"add it to `alerting: channels:`, where there is {listed(known) or 'none'}"
    sheet.warn("unknown_channel", path, f"there is no channel '{name}'", near or hint)
