"""`${NAME}` and `${NAME:-default}`, from the environment or the `.env` beside the file; `$${` is a literal `${`.

A value never becomes syntax: in a `shell:` line the shell itself fills it in, from the task's environment.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tetra_orchestrator.config.find import read_bytes
from tetra_orchestrator.config.masking import is_secret
from tetra_orchestrator.config.problems import Mark, Problems, Source
from tetra_orchestrator.config.secrets import declared, refuse_argument
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar, Seq, find
from tetra_orchestrator.core.template import escaped
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.yaml_tree import Node

#: What stands between the braces. It holds no further `${`, or looking for the end would be quadratic.
INSIDE = r"[^}$]*(?:\$(?!\{)[^}$]*)*"
_REFERENCE = re.compile(rf"\$\$\{{|\$\{{([A-Za-z_][A-Za-z0-9_]*)(?::-({INSIDE}))?\}}|\$\{{")
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")

MAX_TEXT = 1_000_000  # characters
QUOTED = 40
#: Sections of which nothing is needed to run, and such keys of a pipeline or schedule.
MESSAGES = (("alerting",), ("notifications",), ("monitor",))
MESSAGES_OF_ONE = (("pipelines", "data"), ("schedules", "heartbeat"))
#: Keys of a task in which `{task.key}` is filled in later.
TEMPLATES = (("args",), ("command",), ("config",), ("env",))


def variables_in(text: str) -> set[str]:
    """The variables that a text names, those with defaults included."""
    return {match[1] for match in _REFERENCE.finditer(text) if match[1]}


def interpolate(tree: Node, values: Mapping[str, str], problems: Problems) -> Node:
    """The tree with every reference filled in; those that cannot be are reported and stay."""
    return _Interpolation(tree, values, problems).walk(tree, ())


class _Interpolation:
    def __init__(self, tree: Node, values: Mapping[str, str], problems: Problems):
        self._values = values
        self._problems = problems
        self._tree = tree
        self._filled_in = 0
        self._declared = declared(tree)
        project_env, _, path = find(tree, ("env", "set"))
        self._project_env = set(project_env.entries) if isinstance(project_env, Map) and len(path) == 2 else set()

    def walk(self, node: Node, path: Path) -> Node:
        match node:
            case Map():
                entries = {k: Entry(e.mark, self.walk(e.value, (*path, k))) for k, e in node.entries.items()}
                if _is_task(path) and "shell" in node.entries:
                    self._hand_to_shell(entries, node.entries["shell"], (*path, "shell"))
                return Map(node.mark, entries)
            case Seq():
                return Seq(node.mark, [self.walk(item, (*path, i)) for i, item in enumerate(node.items)])
            case Scalar() if "${" in node.text and not (path[-1:] == ("shell",) and _is_task(path[:-1])):
                # a value from outside is as untyped as text without quotes
                return Scalar(node.mark, self._fill(node, path), True, node.text)
        return node

    def _fill(self, node: Scalar, path: Path) -> str:
        for match in _REFERENCE.finditer(node.text):
            if match[0] == "${":
                self._report_malformed(node, path, node.text[match.start() : match.start() + QUOTED])
                return node.text

        def replacement(match: re.Match[str]) -> str:
            return "${" if match[0] == "$${" else self._value(match, node, path)

        return _REFERENCE.sub(replacement, node.text)

    def _hand_to_shell(self, entries: dict[str, Entry], shell: Entry, path: Path) -> None:
        """Leave the references in the line to the shell, and put their values into the task's `env`."""
        line = shell.value
        env = entries.get("env", Entry(shell.mark, Map(shell.mark, {}))).value
        if not isinstance(line, Scalar) or not isinstance(env, Map):
            return
        variables = dict(env.entries)

        def replacement(match: re.Match[str]) -> str:
            name = match[1]
            if name in self._declared:
                refuse_argument(name, line, path, self._problems)
            elif name and name not in variables and name not in self._project_env:
                text = self._value(match, line, (*path[:-1], "env"))
                variables[name] = Entry(line.mark, Scalar(line.mark, text, True, match[0]))
            return "${" if match[0] == "$${" else match[0]

        entries["shell"] = Entry(shell.mark, Scalar(line.mark, _REFERENCE.sub(replacement, line.text), line.plain))
        if variables:
            entries["env"] = Entry(shell.mark, Map(env.mark, variables))

    def _value(self, match: re.Match[str], node: Scalar, path: Path) -> str:
        name, default = match[1], match[2]
        value = self._values.get(name)
        self._filled_in += len(value or "")
        if self._filled_in > MAX_TEXT:
            message = f"variables come to more than {MAX_TEXT:,} characters here"
            self._problems.error("too_large", node.mark, path, message, "hand over such a text in a file")
            return match[0]
        if value == "" and default is None and is_secret((), match[0], self._declared):
            message, hint = f"the secret {name} is empty", f"set it, or write ${{{name}:-}} where it may be empty"
            self._report("empty_secret", node, path, message, hint)
            return match[0]
        if value or (value is not None and default is None):
            # braces in a value must not become a {task.key}
            return escaped(value) if _is_template(path) else value
        if default is not None:
            return default
        if name in self._declared:
            return match[0]  # why it could not be had has been told
        hint = f"set it in the environment or in .env beside the file, or write ${{{name}:-default}}"
        self._report("missing_variable", node, path, f"the variable {name} is not set", hint)
        return match[0]

    def _report(self, code: str, node: Scalar, path: Path, message: str, hint: str) -> None:
        if path[:1] not in MESSAGES and path[:1] + path[2:3] not in MESSAGES_OF_ONE:
            self._problems.error(code, node.mark, path, message, hint)
        elif not self._is_off(path):
            # who cannot be told of a failure is no reason not to run
            self._problems.warning(code, node.mark, path, message, hint)

    def _is_off(self, path: Path) -> bool:
        """Whether a mapping around the place is switched off, such as a channel."""
        flags = (find(self._tree, (*path[:depth], "enabled")) for depth in range(1, len(path)))
        return any(
            isinstance(flag, Scalar) and flag.text == "false" and existing[-1:] == ("enabled",)
            for flag, _, existing in flags
        )

    def _report_malformed(self, node: Scalar, path: Path, text: str) -> None:
        message = f"{text!r} does not name a variable"
        hint = "write ${NAME} or ${NAME:-default}, or $${ for a literal ${"
        self._problems.error("bad_variable", node.mark, path, message, hint)


def _is_task(path: Path) -> bool:
    """True for a task, and for what a file of bindings says in the words of one."""
    if path[:1] == ("bindings",):
        return len(path) == 2
    return path[:1] == ("pipelines",) and (len(path) == 2 or (len(path) == 4 and path[2] == "tasks"))


def _is_template(path: Path) -> bool:
    """True where `{task.key}` is filled in later."""
    if path[:1] in (("modes",), ("tenants",)):
        return path[2:3] == ("env",) if path[0] == "tenants" else path[2:3] != ("params",)
    return any(_is_task(path[:depth]) and path[depth : depth + 1] in TEMPLATES for depth in (2, 4))


def read_dotenv(folder: str, problems: Problems) -> dict[str, str]:
    """The variables in `.env` in `folder`: lines `NAME=value`, `export NAME=value`, quotes around it, comments."""
    path = os.path.join(folder, ".env")
    if not os.path.lexists(path):
        return {}
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except (ConfigError, UnicodeDecodeError) as error:
        cause = error.message if isinstance(error, ConfigError) else f"cannot be read: {error}"
        problems.error("unreadable", Mark(Source(path, ()), 1, 1), (), cause, "mend or remove it")
        return {}
    return _parse_dotenv(Source(path, tuple(text.split("\n"))), problems)


def _parse_dotenv(source: Source, problems: Problems) -> dict[str, str]:
    values = {}
    for number, line in enumerate(source.lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problems.error(
                "syntax", Mark(source, number, 1), (), "this is not NAME=value", "write one variable per line"
            )
        else:
            values[match[1]] = _unquote(match[2])
    return values


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text.split(" #")[0].rstrip()
