"""A fake `systemd-analyze verify`: it knows one bad value and one key that it does not know."""

from __future__ import annotations

import sys

from board import begin, options_and_words

_, (verb, *paths) = options_and_words()
begin(verb)
faults = 0
for path in paths:
    with open(path) as file:
        for number, line in enumerate(file, start=1):
            key, _, value = line.strip().partition("=")
            if key == "OnCalendar" and value == "bogus":
                said = f"{path}:{number}: Failed to parse calendar specification, ignoring: {value}"
            elif key == "Bogus":
                said = f"{path}:{number}: Unknown key '{key}' in section [Timer], ignoring."
            else:
                continue
            print(said, file=sys.stderr)
            faults += 1
if faults:
    print("another.service: something else is wrong on this system", file=sys.stderr)
sys.exit(1 if faults else 0)
