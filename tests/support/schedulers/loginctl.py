"""A fake loginctl(1). `linger` maps the users that logind knows to `yes` or `no`."""

from __future__ import annotations

from board import begin, load, options_and_words, refuse

_, words = options_and_words()
begin(words[0])
known = load("linger", {})
if words[1] not in known:
    refuse(f"Failed to get user: User ID {words[1]} is not logged in or lingering")
print(known[words[1]])
