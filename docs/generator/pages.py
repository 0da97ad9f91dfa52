"""Which page has which text."""

from pathlib import Path

from docs.generator import words
from docs.generator.commands import commands_page
from docs.generator.keys import keys_page

DOCS = Path(__file__).parents[1]

#: What writes each page, by its path below `docs`.
PAGES = {
    "reference/keys.md": keys_page,
    "reference/commands.md": commands_page,
    "reference/exit-codes.md": words.exit_codes_page,
    "reference/states.md": words.states_page,
    "reference/events.md": words.events_page,
    "reference/findings.md": words.findings_page,
    "reference/metrics.md": words.metrics_page,
    "reference/environment.md": words.environment_page,
}
