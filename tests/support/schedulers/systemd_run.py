"""A fake systemd-run(1) that really starts what it is given, with what systemd does to a command line."""

from __future__ import annotations

import re
import subprocess

from board import WORDS, begin, refuse

begin("systemd-run")
end = WORDS.index("--")
options = [word.partition("=")[::2] for word in WORDS[:end]]
command = WORDS[end + 1 :]
env = dict(value.split("=", 1) for key, value in options if key == "--setenv")
given = dict(value.split("=", 1) for key, value in options if key == "--property")
places = {key: value for key, value in options if key == "--working-directory"}


def filled(word: str) -> str:
    return re.sub(r"\$(\$|\{(\w+)\}|(\w+))", lambda f: "$" if f[1] == "$" else env.get(f[2] or f[3], ""), word)


with open(given["StandardOutput"].removeprefix("append:"), "ab") as log:
    try:
        subprocess.Popen(
            [command[0], *map(filled, command[1:])],
            env=env,
            cwd=places["--working-directory"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    except OSError:
        refuse(f"Failed to find executable {command[0]}: No such file or directory")
