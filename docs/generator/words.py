"""The pages of words that programs rely on: exit codes, events, states, findings, metrics, variables."""

from collections.abc import Mapping

from docs.generator import meanings
from docs.generator.commands import commands
from docs.generator.markdown import code, codes, page, section, table
from docs.generator.metrics import metrics
from tetra_orchestrator.cli.exit_codes import DOING, OWN
from tetra_orchestrator.cli.helping import SHORT
from tetra_orchestrator.core import events, signs
from tetra_orchestrator.core.findings import FINDINGS, HOST_CODES
from tetra_orchestrator.core.gauges import OF_HOST, OF_PIPELINE
from tetra_orchestrator.core.slots import FINAL, OPEN
from tetra_orchestrator.core.states import (
    ACTIVE,
    RESUMABLE,
    RUN_TRANSITIONS,
    TERMINAL,
    TRANSITIONS,
    RunState,
    TaskState,
)
from tetra_orchestrator.errors import Exit


def exit_codes() -> dict[str, int]:
    """Every exit code by its name."""
    return {name: value for name, value in vars(Exit).items() if name.isupper()}


def exit_codes_page() -> str:
    """The text of `docs/reference/exit-codes.md`."""
    rows = [(str(value), code(name.lower()), meanings.EXITS[name]) for name, value in exit_codes().items()]
    known = {command.name for command in commands()}
    own = [(code(f"{SHORT} {name}"), those) for name, those in OWN.items() if f"{SHORT} {name}" in known]
    return page(
        "Exit codes",
        "One table for all commands, in the manner of sysexits(3). With `--json` an error is one object on standard "
        "output, with the code as `exit`.",
        table(("code", "word", "meaning"), rows),
        section("By command", f"{_ANYWHERE} All others: {DOING}.", table(("command", "codes"), own)),
    )


_ANYWHERE = (
    "Besides these, 70 can come from every command, 69 from every one that opens the store, 73 and 77 from every one "
    "that writes."
)


def event_names() -> list[str]:
    """Every event."""
    return [value for name, value in vars(events).items() if name.isupper() and isinstance(value, str) and "." in value]


def events_page() -> str:
    """The text of `docs/reference/events.md`."""
    fields = [(code(name), meanings.EVENT_FIELDS[name]) for name in ("schema", *events.RunEvent._fields)]
    rows = [(code(name), meanings.EVENTS[name]) for name in event_names()]
    return page(
        "Events",
        "What `tetra run --json` writes, one JSON object per line. [Running](../running.md#events) tells their order, "
        "and what is promised of it.",
        section("Fields", table(("field", "content"), fields)),
        section("Names", table(("event", "when"), rows)),
    )


def states_page() -> str:
    """The text of `docs/reference/states.md`."""
    return page(
        "States",
        "Each state with its sign on a terminal, what it means, and what may come behind it. "
        "[State machines](../state_machine.md) draws the same.",
        section("Of a task in its run", table(_STATE_HEAD, [_task(state) for state in TaskState])),
        section("Of a run", table(_STATE_HEAD, [_run(state) for state in RunState])),
        section(
            "Of a slot of a schedule",
            "A slot ends in exactly one of the final outcomes: "
            "[what becomes of a slot](../schedules.md#what-becomes-of-a-slot).",
            table(("outcome", "sign", "meaning", "kind"), [_slot(word) for word in (*OPEN, *FINAL)]),
        ),
        section("Of a pipeline and its data", table(_SIGN_HEAD, _signs(signs.PIPELINES))),
        section("Of an alert", table(_SIGN_HEAD, _signs(signs.ALERTS))),
    )


_SIGN_HEAD = ("state", "sign", "meaning")
_STATE_HEAD = ("state", "sign", "meaning", "kind", "then")


def _signs(states: Mapping[str, signs.Sign]) -> list[tuple[str, str, str]]:
    return [(code(word), sign.symbol, sign.meaning) for word, sign in states.items()]


def _task(state: TaskState) -> tuple[str, ...]:
    kinds = [("active", ACTIVE), ("terminal", TERMINAL), ("done again by `resume`", RESUMABLE)]
    kind = ", ".join(word for word, states in kinds if state in states) or "waits"
    return _state(state.value, kind, [after.value for after in TRANSITIONS.get(state, {}).values()])


def _run(state: RunState) -> tuple[str, ...]:
    after = [after.value for after in RUN_TRANSITIONS.get(state, {}).values()]
    return _state(state.value, "active" if after else "terminal", after)


def _state(word: str, kind: str, after: list[str]) -> tuple[str, ...]:
    sign = signs.STATES[word]
    return code(word), sign.symbol, sign.meaning, kind, codes(after)


def _slot(word: str) -> tuple[str, ...]:
    return code(word), signs.SLOTS[word].symbol, signs.SLOTS[word].meaning, "open" if word in OPEN else "final"


def findings_page() -> str:
    """The text of `docs/reference/findings.md`."""
    rows = [
        (code(name), severity, code(gauge) if gauge else "", "host" if name in HOST_CODES else "project")
        for name, (severity, gauge) in FINDINGS.items()
    ]
    return page(
        "Findings",
        "What `tetra monitor` can find. A rule of yours that speaks of the name takes the finding's place. "
        "[When each is found](../monitor.md#what-it-finds) stands with the monitor; what `tetra doctor` finds has "
        "[a page of its own](../doctor.md).",
        table(("code", "severity", "name in rules", "of the"), rows),
    )


def metrics_page() -> str:
    """The text of `docs/reference/metrics.md`."""
    rows = [(code(one.name), codes(one.labels), one.meaning) for one in metrics()]
    return page(
        "Metrics",
        "What is measured, under which name, and where that name counts.",
        section(
            "For Prometheus",
            "What `monitor: textfile` leaves: all gauges. What is not known is left out. "
            "[How to have them collected](../monitor.md#prometheus).",
            table(("metric", "labels", "meaning"), rows),
        ),
        section("In rules, of each pipeline", _RULES, table(_GAUGE_HEAD, _gauges(OF_PIPELINE))),
        section("In rules, of the host", table(_GAUGE_HEAD, _gauges(OF_HOST))),
        section(
            "In logs of dativo's files",
            "Runs of such a file tell the events `metrics_...` of its document: "
            "[coming from dativo](../coming-from/dativo.md).",
        ),
    )


_GAUGE_HEAD = ("name", "kind", "meaning")
_RULES = "What conditions of `alerting: rules` may speak of: [who is told](../configuration.md#who-is-told)."


def _gauges(gauges: Mapping[str, tuple[str, str]]) -> list[tuple[str, str, str]]:
    return [(code(name), kind, meaning) for name, (kind, meaning) in gauges.items()]


def environment_page() -> str:
    """The text of `docs/reference/environment.md`."""
    parts = [
        section(title, about, table(("variable", "meaning"), [(code(name), text) for name, text in variables.items()]))
        for title, about, variables in meanings.VARIABLES
    ]
    return page("Environment variables", "What we read, and what is there for tasks and hooks.", *parts)
