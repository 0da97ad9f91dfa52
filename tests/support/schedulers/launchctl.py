"""A fake launchctl(1). `loaded` maps labels to what was read and when they leave; `old` makes it that of 10.9."""

from __future__ import annotations

import os
import plistlib
import stat
import sys
import time
from pathlib import Path

from board import WORDS, begin, load, refuse, save

VERB, *REST = WORDS
#: `bootout` comes back before the job has gone.
LEAVES_S = 0.15


def loaded() -> dict[str, dict[str, object]]:
    now = time.time()
    found = {label: job for label, job in load("loaded", {}).items() if now < job["until"]}
    save("loaded", found)
    return found


def keep(label: str, job: dict[str, object] | None) -> None:
    save("loaded", {each: was for each, was in loaded().items() if each != label} | ({label: job} if job else {}))


def read(path: str) -> tuple[str, dict[str, object]]:
    data = Path(path).read_bytes()
    return plistlib.loads(data)["Label"], {"path": path, "text": data.decode(), "until": 1e12}


def bootstrap() -> None:
    _, path = REST
    if not os.path.exists(path):
        refuse("Bootstrap failed: 5: Input/output error", 5)
    if os.stat(path).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        refuse("Bootstrap failed: 122: Path had bad ownership/permissions", 122)
    label, job = read(path)
    if label in loaded() or load("disabled", {}).get(label):
        refuse("Bootstrap failed: 5: Input/output error", 5)
    keep(label, job)


def bootout() -> None:
    label = REST[0].rpartition("/")[2]
    if label not in loaded():
        refuse("Boot-out failed: 3: No such process", 3)
    save("running", [each for each in load("running", []) if each != label])
    if load("stays", False):
        return
    keep(label, loaded()[label] | {"until": time.time() + LEAVES_S})


def kickstart() -> None:
    label = REST[0].rpartition("/")[2]
    if label not in loaded():
        refuse(f'Could not find service "{label}" in domain for user gui: {os.geteuid()}', 113)
    save("started", [*load("started", []), label])


def printed() -> None:
    domain, _, label = REST[0].rpartition("/")
    if domain in ("", "gui", "user"):
        if REST[0] not in load("domains", [f"gui/{os.geteuid()}", "system"]):
            refuse("Domain does not support specified action", 125)
        print(f"{REST[0]} = {{\n}}")
        return
    if label not in loaded():
        refuse(f'Bad request.\nCould not find service "{label}" in domain for user gui: {os.geteuid()}', 113)
    state = "running" if label in load("running", []) else "not running"
    print(f"{REST[0]} = {{\n\tactive count = 0\n\tpath = {loaded()[label]['path']}\n\ttype = LaunchAgent")
    print(f"\tstate = {state}\n\n\tprogram = /bin/sh\n\truns = 3\n\tlast exit code = 0\n")
    print('\tevent triggers = {\n\t\tcalendar => {\n\t\t\tstate = running\n\t\t\t"Hour" => 19\n\t\t}\n\t}\n}')


def print_disabled() -> None:
    print("\n\tdisabled services = {")
    for label, is_disabled in load("disabled", {}).items():
        print(f'\t\t"{label}" => {"disabled" if is_disabled else "enabled"}')
    print("\t}\n\tlogin item associations = {\n\t}")


def enable() -> None:
    save("disabled", load("disabled", {}) | {REST[0].rpartition("/")[2]: VERB == "disable"})


def old_load() -> None:
    label, job = read(REST[-1])
    keep(label, job)


def old_unload() -> None:
    keep(read(REST[-1])[0], None)


def old_list() -> None:
    if REST[0] not in loaded():
        refuse(f"launchctl list returned unknown response\nCould not find service {REST[0]}")
    pid = '\t"PID" = 71;\n' if REST[0] in load("running", []) else ""
    print(f'{{\n\t"Label" = "{REST[0]}";\n{pid}\t"LastExitStatus" = 0;\n}};')


begin(VERB)
NEW = {"bootstrap": bootstrap, "bootout": bootout, "print": printed, "print-disabled": print_disabled}
NEW |= {"enable": enable, "disable": enable, "kickstart": kickstart}
OLD = {"load": old_load, "unload": old_unload, "list": old_list, "start": kickstart}
verbs = OLD if load("old", False) else NEW
if VERB not in verbs:
    refuse(f'launchctl: unknown subcommand "{VERB}"' if load("old", False) else f"Unrecognized subcommand: {VERB}")
sys.exit(verbs[VERB]())
