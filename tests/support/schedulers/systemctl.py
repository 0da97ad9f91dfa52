"""A fake systemctl(1). `folder` is where its manager reads units, `active` lists units, `units` is what it has read."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from board import STATE, begin, load, options_and_words, refuse, save

OPTIONS, (VERB, *NAMES) = (lambda o, w: (o, w or [""]))(*options_and_words())
NEXT = 1795305600000000
NEEDED = {".timer": "[Timer]", ".service": "ExecStart="}


def folder() -> Path:
    return Path(load("folder", ""))


def read(name: str) -> dict[str, str] | None:
    """A unit as its file is now."""
    path = folder() / name
    if os.path.realpath(path) == "/dev/null":
        return {"state": "masked", "path": str(path), "text": ""}
    if not path.is_file():
        return None
    text = path.read_text()
    return {"state": "loaded" if NEEDED[path.suffix] in text else "bad-setting", "path": str(path), "text": text}


def unit(name: str) -> dict[str, str] | None:
    """As it was when it was read; one that was never needed before is read now."""
    units = load("units", {})
    if name not in units and (found := read(name)):
        save("units", {**units, name: found})
    return load("units", {}).get(name)


def link(name: str) -> Path:
    return folder() / "timers.target.wants" / name


def stamp(name: str) -> Path:
    return STATE / f"stamp-{name}"


def reload() -> None:
    save("units", {name: found for name in load("units", {}) if (found := read(name))})


def enable() -> None:
    for name in NAMES:
        found = read(name)
        if found is None:
            refuse(f"Failed to enable unit: Unit file {name} does not exist.")
        if found["state"] == "masked":
            refuse(f"Failed to enable unit: Unit file {found['path']} is masked.")
    for name in NAMES:
        link(name).parent.mkdir(exist_ok=True)
        if not link(name).is_symlink():
            link(name).symlink_to(folder() / name)
            print(f"Created symlink {link(name)} → {folder() / name}.", file=sys.stderr)
    if "--now" in OPTIONS:
        start()


def start() -> None:
    for name in NAMES:
        if unit(name)["state"] != "loaded":
            refuse(f"Failed to start {name}: Unit {name} has a bad unit file setting.")
        if "Persistent=yes" in unit(name)["text"]:
            stamp(name).touch()
    save("active", sorted({*load("active", []), *NAMES}))


def start_services() -> None:
    for name in NAMES:
        if unit(name) is None:
            refuse(f"Failed to start {name}: Unit {name} not found.", 5)
    save("started", [*load("started", []), *NAMES])


def disable() -> None:
    for name in NAMES:
        if not (folder() / name).exists() and not link(name).is_symlink():
            refuse(f"Failed to disable unit: Unit file {name} does not exist.")
        if link(name).is_symlink():
            link(name).unlink()
            print(f'Removed "{link(name)}".', file=sys.stderr)
    if link("x").parent.is_dir() and not any(link("x").parent.iterdir()):
        link("x").parent.rmdir()
    if "--now" in OPTIONS:
        save("active", [name for name in load("active", []) if name not in NAMES])


def show() -> None:
    wanted = [name for option in NAMES[:1] for name in option.split(",")]
    blocks = []
    for name in NAMES[1:]:
        found = unit(name) or {"state": "not-found", "path": ""}
        is_active, last = name in [*load("active", []), *load("running", [])], load("last", {}).get(name)
        values = {
            "Id": name,
            "LoadState": found["state"],
            "ActiveState": "active" if is_active else "inactive",
            "FragmentPath": found["path"],
            "UnitFileState": "enabled" if link(name).is_symlink() else "disabled" if found["path"] else "",
        }
        if name.endswith(".timer"):
            values["NextElapseUSecRealtime"] = "Sun 2026-11-22 00:00:00 UTC" if is_active else ""
            values["LastTriggerUSec"] = f"Sat 2026-11-21 19:16:{last // 1000000 % 60:02d} UTC" if last else ""
        blocks.append("".join(f"{key}={value}\n" for key, value in values.items() if key in wanted))
    print("\n".join(blocks), end="")


def list_timers() -> None:
    if load("version", 252) < 246:
        print("NEXT LEFT LAST PASSED UNIT ACTIVATES\n\n0 timers listed.")
        return
    last = load("last", {})
    active = [name for name in NAMES if name in load("active", [])]
    rows = [{"next": NEXT, "left": NEXT, "last": last.get(name, 0), "passed": 0, "unit": name} for name in active]
    print(json.dumps(rows))


def clean() -> None:
    for name in NAMES:
        if unit(name) is None:
            refuse(f"Failed to add reference to unit {name}: Unit {name} not found.")
        if name in load("active", []):
            refuse(f"Failed to clean unit {name}: Unit is not inactive or has pending job.")
        stamp(name).unlink(missing_ok=True)


def reset_failed() -> None:
    if missing := [name for name in NAMES if name not in load("units", {})]:
        refuse(f"Failed to reset failed state of unit {missing[0]}: Unit {missing[0]} not loaded.")


begin(VERB)
if "--version" in OPTIONS:
    print(f"systemd {load('version', 252)} (252.39-1~deb12u2)\n+PAM +AUDIT")
    sys.exit(0)
if "--user" in OPTIONS and not os.path.isdir(os.environ.get("XDG_RUNTIME_DIR", "")):
    refuse("Failed to connect to bus: No medium found")
VERBS = {
    "daemon-reload": reload,
    "enable": enable,
    "disable": disable,
    "show": show,
    "start": start_services,
    "list-timers": list_timers,
}
VERBS |= {"clean": clean, "reset-failed": reset_failed}
VERBS[VERB]()
