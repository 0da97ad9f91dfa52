"""Who is told of what, by what the project says: which rules are looked at, which channels a failure goes to."""

from __future__ import annotations

from tetra_orchestrator.core import causes
from tetra_orchestrator.core.alerting import Escalation
from tetra_orchestrator.core.alerts import RULE
from tetra_orchestrator.core.findings import FINDINGS
from tetra_orchestrator.core.gauges import OF_HOST
from tetra_orchestrator.core.history import DAGSTER
from tetra_orchestrator.core.rule_text import names_in
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.core.watching import Alerting, OnFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tetra_orchestrator.core.gauges import Gauge
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.watching import AlertRule

#: What the subject of a rule is called that speaks only of the host.
HOST = "host"
FINDING_OF = {TaskState.FAILED.value: causes.FAILED, TaskState.PARTIAL.value: causes.PARTIAL}


class Told:
    """Who is told, by the project."""

    def __init__(self, project: Project):
        self.project = project
        self.alerting = project.alerting or Alerting()

    def rules(self, subject: str) -> list[AlertRule]:
        """The rules that are looked at for a pipeline, or for the `HOST`: those that speak of nothing else."""
        return [rule for rule in self.alerting.rules if _is_for(rule, subject)]

    def keys_of_rules(self) -> set[str]:
        """The keys of all alerts that there can be of rules."""
        subjects = [HOST, *(pipeline.name for pipeline in self.project.pipelines)]
        return {key_of(rule, subject) for subject in subjects for rule in self.rules(subject)}

    def of_finding(self, code: str, pipeline: str | None) -> tuple[str, ...]:
        """Who is told of a finding: nobody where a rule of the user's speaks of it, or he wants to hear nothing."""
        alerting = self.alerting
        replaced = any(speaks_of(rule, code) and _covers(rule, pipeline) for rule in alerting.rules)
        return () if replaced else self._of_code(code)

    def _of_code(self, code: str) -> tuple[str, ...]:
        alerting = self.alerting
        if code in alerting.ignored:
            return ()
        named = alerting.finding_channels
        return tuple(one.name for one in alerting.channels if one.enabled) if named is None else named

    def of_failure(self, pipeline: str, state: str, *, by_rule: bool) -> tuple[str, ...]:
        """Who is told that a pipeline has failed or is partial, beside those whom a rule tells that holds (`by_rule`).

        A rule that speaks of how runs end and does not hold silences no failure: it may be about another end. Each is
        told once of a run, so nobody by a finding who is told how every run has failed.
        """
        failed = state == TaskState.FAILED
        named = self.on_failure(pipeline).notify if failed else ()
        code = FINDING_OF[state]
        others = (() if by_rule else self._of_code(code)) if failed else self.of_finding(code, pipeline)
        return tuple(dict.fromkeys([*named, *(name for name in others if name not in self.alerting.on_failure)]))

    def of_end(self, run: Run) -> tuple[str, ...]:
        """Who is told how a run has ended; somebody wanted it who has cancelled one."""
        if run.state == RunState.SUCCEEDED:
            return () if run.trigger == DAGSTER else self.alerting.on_success  # one task is no success of the whole
        return () if run.state == RunState.CANCELLED else self.alerting.on_failure

    def on_failure(self, pipeline: str) -> OnFailure:
        """What is done when the pipeline fails."""
        found = self.project.pipeline(pipeline)
        return found.on_failure if found and found.on_failure else OnFailure()

    def escalations(
        self, failed: Mapping[str, Mapping[str, Gauge]], keys: Collection[str]
    ) -> tuple[dict[str, Escalation], list[str]]:
        """Who is told in the end of which pipeline, by the key of its alert, and what has to be said aloud where there
        is nobody. `failed` are the pipelines that have just failed, with what is measured of them; `keys` those of
        alerts that there are."""
        found, warnings = {}, []
        for pipeline in self.project.pipelines:
            rule = pipeline.on_failure
            if rule is None or rule.escalate is None:
                continue
            times = float(failed.get(pipeline.name, {}).get("failures") or 1)
            # a time alone does not mean: after one failure or that time
            by_count = rule.escalate_failures > 1 or rule.escalate_s is None
            due = pipeline.name in failed and by_count and times >= rule.escalate_failures
            channel, key = self.alerting.on_call(rule.escalate), self._stands_for(pipeline.name, keys)
            if channel is not None and key is not None:
                found[key] = Escalation(channel.name, due, rule.escalate_s)
            elif channel is None and due:
                text = (
                    f"{pipeline.name} failed, and nobody is on call: {rule.escalate} is no channel that is switched on"
                )
                warnings.append(text)
        return found, warnings

    def _stands_for(self, pipeline: str, keys: Collection[str]) -> str | None:
        """The key of the alert that the pipeline has failed: that of the user's first rule about that, or ours."""
        rules = [key_of(rule, pipeline) for rule in self.rules(pipeline) if speaks_of(rule, causes.FAILED)]
        return next((key for key in (*rules, f"{causes.FAILED}:{pipeline}") if key in keys), None)

    def pipeline_of(self, subject: str) -> str | None:
        """The pipeline that something is about; None where it is about the host or several of them."""
        names = {pipeline.name for pipeline in self.project.pipelines}
        heads = (subject, subject.partition("/")[0], subject.partition(".")[0])
        return next((head for head in heads if head in names), None)

    def is_prompt(self, key: str) -> bool:
        """Whether an alert is over as soon as its cause is gone."""
        code, _, subject = key.partition(":")
        if code != RULE:
            return code in causes.PROMPT
        name = subject.partition("/")[2]
        return any(rule.name == name and causes.is_of_runs(rule) for rule in self.alerting.rules)


def key_of(rule: AlertRule, subject: str) -> str:
    """The key of the alert that the rule raises for a pipeline or the host."""
    return f"{RULE}:{subject}/{rule.name}"


def speaks_of(rule: AlertRule, code: str) -> bool:
    """Whether a rule speaks of what a finding is about."""
    return FINDINGS.get(code, ("", None))[1] in names_in(rule.condition)


def _is_for(rule: AlertRule, subject: str) -> bool:
    of_host = names_in(rule.condition) <= OF_HOST.keys()
    return of_host if subject == HOST else not of_host and _covers(rule, subject)


def _covers(rule: AlertRule, pipeline: str | None) -> bool:
    return rule.pipelines is None or pipeline in rule.pipelines
