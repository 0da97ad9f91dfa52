"""A project that tells somebody, a world of fakes to run it in, and a courier that keeps what it is given."""

from __future__ import annotations

from datetime import timedelta

from support.worlds import Stage, project, task
from tetra_orchestrator.config.conditions import holds
from tetra_orchestrator.core.alerts import Posted
from tetra_orchestrator.core.health import Health
from tetra_orchestrator.core.watching import Alerting, AlertRule, Channel
from tetra_orchestrator.engine import alerting, outbox
from tetra_orchestrator.engine.filing import Desk

EMAIL, SLACK, PAGER = Channel("email", "email"), Channel("slack", "slack"), Channel("pagerduty", "pagerduty")
FAILURE = AlertRule("Pipeline Failure", "pipeline_status == 'failed'", "high", ("email", "slack"))


class FakeCourier:
    """Answers as it is told by channel: a `Posted` without a key, or None for silence. Takes everything else."""

    def __init__(self):
        self.answers = {}
        self.letters = []
        self.rounds = []

    def post(self, letters, within_s):
        self.rounds.append([letter.key for _, letter in letters])
        for channel, letter in letters:
            self.letters.append(letter)
            answer = self.answers.get(channel.name, Posted("", ok=True))
            if answer is not None:
                yield answer._replace(key=letter.key)

    def told(self):
        """(what, channel, title) of everything since the last call."""
        taken, self.letters = self.letters, []
        return [(one.what, one.channel, one.title) for one in taken]


class Watch(Stage):
    """A stage whose project tells, with a desk that judges and an outbox that sends."""

    def __init__(self, told, *tasks, script=None, on_failure=None, secrets=(), **fields):
        given = project(*(tasks or (task("load"),)), **fields)._replace(alerting=told)
        pipelines = tuple(one._replace(on_failure=(on_failure or {}).get(one.name)) for one in given.pipelines)
        super().__init__(given._replace(pipelines=pipelines), script)
        self.courier = FakeCourier()
        self.secrets = secrets

    def mask(self, text):
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    @property
    def desk(self):
        return Desk(self.project, self.store, holds, self.mask)

    @property
    def alerts(self):
        return self.store.alerts

    def pass_time(self, **span):
        self.clock.seconds += timedelta(**span).total_seconds()

    def judge(self):
        """Judge what has been run; what has to be said aloud."""
        return [one.text for one in alerting.judge_runs(self.desk, self.clock.now())]

    def look(self, *findings, gauges=None, host=None):
        now = self.clock.now()
        health = Health(now, "healthy", (), {}, findings, gauges or {}, host or {})
        alerting.judge_health(self.desk, health, now)

    def send(self, within_s=10.0):
        box = outbox.Outbox(self.project, self.alerts, self.courier, self.clock, self.mask)
        return outbox.send(box, within_s)

    def do(self, **fields):
        """Run, judge and send; what was told, without titles."""
        self.run(**fields)
        self.judge()
        self.send()
        return [(what, channel) for what, channel, _ in self.courier.told()]

    def letters(self):
        """(what, channel) of all letters that there are."""
        return [(one.what, one.channel) for one in self.alerts.deliveries()]


def told(*rules, channels=(EMAIL, SLACK), **fields):
    """Alerting with these channels and rules; of findings nobody is told unless the test says so."""
    return Alerting(tuple(channels), rules, **{"finding_channels": (), **fields})
