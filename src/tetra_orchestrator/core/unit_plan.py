"""What is to be done about units: those that are wanted beside those that are installed.

A unit is ours to change where its marker names our project and our root, or a root that is gone, and where its text is
as we wrote it. Everything else is somebody's, and only told.
"""

from __future__ import annotations

from tetra_orchestrator.core.marker import body_digest, read_marker
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from tetra_orchestrator.core.units import UnitFile

#: What a plan says of a file: it is to be written; it is as it should be; it is somebody's; nothing wants it any more.
ADD, CHANGE, MOVED, KEEP, EDITED, FOREIGN, BUSY, ORPHAN = KINDS = (
    *("add", "change", "moved", "keep", "edited", "foreign", "busy", "orphan"),
)
#: What is written without being asked twice, and what only where somebody insists.
WRITTEN, INSISTED = (ADD, CHANGE, MOVED), (EDITED, FOREIGN)


class Action(Record):
    """What a plan says of one file: one of the kinds above, and why in `text`.

    `wanted` is False for one that no schedule asks for. `installed_as` is its name where that is written otherwise, and
    a file system that does not tell `Daily` from `daily` would take one for the other.
    """

    kind: str
    file: str
    text: str
    wanted: bool = True
    installed_as: str | None = None


class Installed(Record):
    """What is known of the installed files besides their text.

    `elsewhere` tells whether a root other than ours is still there. `busy` are the files whose run is active, and
    `disarmed` those whose timer does not wait, as somebody wanted.
    """

    files: Sequence[UnitFile]
    elsewhere: Callable[[str], bool]
    busy: Collection[str] = ()
    disarmed: Collection[str] = ()


def plan(wanted: Sequence[UnitFile], installed: Installed, project: str, root: str) -> list[Action]:
    """An action for each wanted file in order, then for each installed one that was ours and is wanted no more."""
    found = {file.name.casefold(): file for file in installed.files}
    found |= {file.name: file for file in installed.files}
    matched = {file.name: found.get(file.name) or found.get(file.name.casefold()) for file in wanted}
    actions = [_of_wanted(file, matched[file.name], installed, project, root) for file in wanted]
    known = {file.name for file in matched.values() if file}
    rest = [file for file in installed.files if file.name not in known]
    return [*actions, *_of_the_rest(rest, installed, project, root)]


def to_write(actions: Sequence[Action], *, force: bool) -> list[Action]:
    """What `apply` writes; with `force` also what somebody has edited, or what is another's."""
    kinds = (*WRITTEN, *INSISTED) if force else WRITTEN
    return [action for action in actions if action.wanted and action.kind in kinds]


def to_remove(actions: Sequence[Action], *, force: bool) -> list[Action]:
    """What nothing wants any more; with `force` also what somebody has edited."""
    kinds = (ORPHAN, EDITED) if force else (ORPHAN,)
    return [action for action in actions if not action.wanted and action.kind in kinds]


def _of_wanted(file: UnitFile, found: UnitFile | None, installed: Installed, project: str, root: str) -> Action:
    if found is None:
        return Action(ADD, file.name, "is new")
    other = found.name if found.name != file.name else None
    return _judged(file, found, installed, project, root)._replace(installed_as=other)


def _judged(file: UnitFile, found: UnitFile, installed: Installed, project: str, root: str) -> Action:
    stranger = _stranger(found, installed, project, root)
    if stranger:
        return Action(FOREIGN, file.name, stranger)
    if _is_edited(found):
        return Action(EDITED, file.name, "was edited by hand")
    if found == file:
        return Action(KEEP, file.name, "is as it should be" + _disarmed(found, installed))
    if found.name in installed.busy:
        return Action(BUSY, file.name, "has changed, but its run is active")
    gone = _gone(found, root)
    if gone:
        return Action(MOVED, file.name, f"was of the project in {gone}, which is gone" + _disarmed(found, installed))
    return Action(CHANGE, file.name, "has changed" + _disarmed(found, installed))


def _of_the_rest(files: Sequence[UnitFile], installed: Installed, project: str, root: str) -> Iterator[Action]:
    """Those that were ours; of what only has a name like ours nothing is said."""
    for file in files:
        if _stranger(file, installed, project, root):
            continue
        if file.name in installed.busy:
            yield Action(BUSY, file.name, "is wanted no more, but its run is active", wanted=False)
        elif _is_edited(file):
            yield Action(EDITED, file.name, "is wanted no more, but was edited by hand", wanted=False)
        else:
            gone = _gone(file, root)
            why = f"was of the project in {gone}, which is gone" if gone else "is wanted no more"
            yield Action(ORPHAN, file.name, why, wanted=False)


def _stranger(file: UnitFile, installed: Installed, project: str, root: str) -> str | None:
    """Why the file is not ours; None where it is."""
    marker = read_marker(file.text)
    if marker is None:
        return "is not from us"
    if marker.project != project:
        return f"is of the project {marker.project} in {marker.root}"
    if marker.root != root and installed.elsewhere(marker.root):
        return f"is of the same project in {marker.root}"
    return None


def _gone(file: UnitFile, root: str) -> str | None:
    """The root that the file was made for, where that is not ours."""
    marker = read_marker(file.text)
    return marker.root if marker and marker.root != root else None


def _is_edited(file: UnitFile) -> bool:
    marker = read_marker(file.text)
    return marker is not None and marker.digest != body_digest(file.text)


def _disarmed(file: UnitFile, installed: Installed) -> str:
    return "; its timer is disarmed" if file.name in installed.disarmed else ""
