"""The one list of commands, without what any of them needs."""

from __future__ import annotations

#: Every command by the section of `--help` that has it: a module of the same name (`_` for `-`) that holds `command`,
#: or an `app`.
SECTIONS = {
    "Run": ("run", "plan", "resume", "retry", "backfill", "cancel"),
    "Look": ("status", "history", "list", "show", "why", "logs", "report"),
    "Schedules": ("schedule", "start", "stop", "pause", "unpause", "why-not", "fire"),
    "Watch": ("monitor", "alerts", "doctor"),
    "Configuration": ("init", "validate", "graph", "config", "schema", "export"),
    "Store": ("prune", "cache", "state"),
    "Other": ("completion", "version"),
}
COMMANDS = tuple(name for names in SECTIONS.values() for name in names)
