"""A plain call of `backfill`: read here, as a crew is started so, and half of a short backfill would be Typer's."""

from __future__ import annotations

from tetra_orchestrator.cli.running import plain_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: The plain options and the fields of `Asked` and of `Left` that each fills in.
_TEXTS = {"--config": "config"}
_FLAGS = {"--force": "force", "--no-retry": "no_retry", "--json": "as_json"}
_NUMBERS = {"--max-parallel": "max_parallel"}
_NEW_TEXTS = {**_TEXTS, "--mode": "mode", "-m": "mode", "--from": "first", "--to": "last", "--cron": "cron"}
_NEW_FLAGS = {**_FLAGS, "--newest-first": "newest_first", "--dry-run": "dry_run"}
_NEW_NUMBERS = {**_NUMBERS, "--parallel": "parallel"}
_SLICES = ("range", "day", "week", "month", "cron")
_CHOICES = {"--progress": ("progress", ("auto", "lines", "plain"))}
_NEW_CHOICES = {
    **_CHOICES,
    "--partition": ("partition", _SLICES),
    "--only": ("only", ("missing", "failed", "stale", "all")),
}
#: A crew is also told to be silent.
_CREW_NUMBERS = {**_NUMBERS, "--driver": "driver"}
_CREW = {"--progress": ("progress", ("lines", "plain", "silent", "json", "steps"))}


def quick_answer(argv: Sequence[str]) -> int | None:
    """Do what plain options ask for; None where there is any other word, which only Typer can read or explain."""
    if argv[:1] in (["work"], ["continue"]):
        return _left(argv[0], argv[1:])
    fields = plain_fields(argv, _NEW_FLAGS, _NEW_TEXTS, _NEW_NUMBERS, _NEW_CHOICES, {})
    if fields is None:
        return None
    from tetra_orchestrator.cli.backfill_start import Asked, begin

    return begin(Asked(**fields))


def _left(word: str, argv: Sequence[str]) -> int | None:
    name = argv[0] if argv and not argv[0].startswith("-") else None
    rest = argv if name is None else argv[1:]
    numbers, choices = (_CREW_NUMBERS, _CREW) if word == "work" else (_NUMBERS, _CHOICES)
    fields = plain_fields(rest, _FLAGS, _TEXTS, numbers, choices, {})
    if fields is None or (word == "work" and (name is None or "driver" not in fields)):
        return None
    from tetra_orchestrator.cli.backfill_again import Left, go_on, work

    left = Left(backfill_id=name, **fields)
    return work(left) if word == "work" else go_on(left)
