"""Keeping secrets out of what is shown and stored of an attempt; its log is masked by the runner."""

from __future__ import annotations

from tetra_orchestrator.core.outcome import LimitExceeded, Lost, OutputsInvalid, SpawnFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.outcome import Outcome

MASK = "***"


def given_secrets(secrets: tuple[str, ...], texts: Iterable[str]) -> tuple[bytes, ...]:
    """Those of the secrets that occur in what a process is given."""
    everything = "\0".join(texts)
    return tuple(each.encode(errors="surrogateescape") for each in secrets if each in everything)


def without_secrets(outcome: Outcome, secrets: Iterable[str]) -> Outcome:
    """The outcome with `***` for each secret that its text quotes, be it as it is or as `repr` writes it."""
    if not isinstance(outcome, SpawnFailed | OutputsInvalid | LimitExceeded | Lost):
        return outcome
    return outcome._replace(text=_masked(outcome.text, secrets))


def masked(outputs: Mapping[str, Json], secrets: Iterable[str]) -> dict[str, Json]:
    """The outputs as they may be stored: `***` for each secret in a text of theirs, however deep."""
    return {_masked(name, secrets): _without(value, secrets) for name, value in outputs.items()}


def _without(value: Json, secrets: Iterable[str]) -> Json:
    if isinstance(value, str):
        return _masked(value, secrets)
    if isinstance(value, list):
        return [_without(item, secrets) for item in value]
    return masked(value, secrets) if isinstance(value, dict) else value


def _masked(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        for form in (secret, repr(secret)[1:-1]):
            text = text.replace(form, MASK)
    return text
