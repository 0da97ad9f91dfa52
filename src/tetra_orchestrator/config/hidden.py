"""The values that a configuration was given and that nothing may show: by declaration, by name, or by their place.

`masking` judges names and places. Here the values are collected as variables give them, and never leave by `repr`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.interpolate import variables_in
from tetra_orchestrator.config.masking import is_secret
from tetra_orchestrator.config.problems import SHORTEST
from tetra_orchestrator.config.secrets import refuse_argument, remedy
from tetra_orchestrator.config.yaml_tree import Scalar, Seq, find, scalars

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from tetra_orchestrator.config.problems import Path, Problems
    from tetra_orchestrator.config.yaml_tree import Node

#: Keys of a task that become arguments of a process as they are.
ARGUMENTS = ("command", "args", "module")
#: Keys of a mode that hold no arguments.
NO_ARGUMENTS = ("params", "run", "partition", "description")


class Secrets(tuple[str, ...]):
    """Secret values, long enough to be masked wherever they turn up. Shown, they are their number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} secrets>"


class Hidden:
    """Collects the secret values of one configuration; `declared` are the variables that its `secrets` give."""

    def __init__(self, problems: Problems):
        self.declared: Collection[str] = ()
        self._problems = problems
        self._values: dict[str, str] = {}

    def values(self) -> Secrets:
        """All that were found."""
        return Secrets(dict.fromkeys(value for value in self._values.values() if len(value) >= SHORTEST))

    def note_names(self, tree: Node, values: Mapping[str, str]) -> None:
        """Collect what variables that are secret by name have given to the filled tree of a user's file."""
        for node, path in _given(tree):
            self._note(node, path, values, ())

    def note_places(self, tree: Node, values: Mapping[str, str]) -> None:
        """Collect what variables have given to places that are secret in the native tree.

        A secret among the arguments of a process is reported: other users of the machine can read them.
        """
        for node, path in _given(tree):
            self._note(node, path, values, () if path[:1] == ("secrets",) else path)
            if _is_argument(path):
                self._check_argument(node, path)

    def note_passed(self, tree: Node, environ: Mapping[str, str]) -> None:
        """Collect the secrets among the variables that the native tree passes on."""
        passed, _, existing = find(tree, ("env", "pass"))
        for index, item in enumerate(passed.items if existing == ("env", "pass") and isinstance(passed, Seq) else ()):
            if isinstance(item, Scalar) and item.text in environ and is_secret((), f"${{{item.text}}}"):
                self._add(item.text, environ[item.text], item, ("env", "pass", index))

    def _note(self, node: Scalar, path: Path, values: Mapping[str, str], place: Path) -> None:
        for name in sorted(variables_in(node.raw or "")):
            if values.get(name) and is_secret(place, f"${{{name}}}", self.declared):
                self._add(name, values[name], node, path)

    def _add(self, name: str, value: str, node: Scalar, path: Path) -> None:
        if name in self._values:
            return
        self._values[name] = value
        self._problems.hide(value)
        if len(value) < SHORTEST:
            message = f"the value of {name} is too short to be masked in logs"
            hint = f"give it at least {SHORTEST} characters, or have no task print it"
            self._problems.warning("short_secret", node.mark, path, message, hint)

    def _check_argument(self, node: Scalar, path: Path) -> None:
        for name in sorted(variables_in(node.raw or "")):
            if name in self.declared:
                refuse_argument(name, node, path, self._problems)
            elif is_secret((), f"${{{name}}}"):
                message = f"{name} looks like a secret, and everybody on the machine can read a process's arguments"
                self._problems.warning("secret_in_arguments", node.mark, path, message, remedy(name))


def passed_secrets(names: Iterable[str], environ: Mapping[str, str]) -> Secrets:
    """The values of those of the inherited variables that are secret by name."""
    found = (environ[name] for name in names if name in environ and is_secret((), f"${{{name}}}"))
    return Secrets(dict.fromkeys(value for value in found if len(value) >= SHORTEST))


def _given(tree: Node) -> Iterator[tuple[Scalar, Path]]:
    """Every text that variables were filled into, and its path."""
    return ((node, path) for node, path in scalars(tree) if node.raw is not None)


def _is_argument(path: Path) -> bool:
    match path:
        case ("pipelines", _, "tasks", _, key, *_) | ("pipelines", _, key, *_):
            return key in ARGUMENTS
        case ("modes", _, key, _, *_):
            return key not in NO_ARGUMENTS
    return False
