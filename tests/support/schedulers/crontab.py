"""A fake crontab(1) as Debian's is: it takes a whole table or nothing. `tab` is the table, `denied` shuts us out."""

from __future__ import annotations

import re
import sys

from board import STATE, WORDS, begin, load, refuse

TAB = STATE / "tab"
LINE = re.compile(rb"\s*(#.*|[A-Za-z_]\w*\s*=.*|@[a-z]+\s+\S.*|([-*/,0-9A-Za-z]+\s+){5}\S.*)?")

begin({"-l": "list", "-": "install", "-r": "remove"}[WORDS[0]])
if load("denied", False):
    refuse("You (root) are not allowed to use this program (crontab)\nSee crontab(1) for more information")
if WORDS[0] == "-l":
    if not TAB.exists():
        refuse("no crontab for root")
    sys.stdout.buffer.write(TAB.read_bytes())
elif WORDS[0] == "-r":
    if not TAB.exists():
        refuse("no crontab for root")
    TAB.unlink()
else:
    table = sys.stdin.buffer.read()
    if table and not table.endswith(b"\n"):
        refuse("new crontab file is missing newline before EOF, can't install.")
    for number, line in enumerate(table.split(b"\n")):
        if not LINE.fullmatch(line):
            refuse(f'"-":{number}: bad minute\nerrors in crontab file, can\'t install.')
    TAB.write_bytes(table)
