"""`secrets:` of a native file: values of variables that come from a file or from a program's output."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tetra_orchestrator.config.find import read_bytes
from tetra_orchestrator.config.tenant_secrets import told
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tetra_orchestrator.config.problems import Path, Problems
    from tetra_orchestrator.config.sheet import Sheet
    from tetra_orchestrator.config.yaml_tree import Entry, Node

LIMIT_S = 30
SOURCES = ("file", "command")
BY_FILE = "check the path, which is taken from the project's root, and its rights"
BY_COMMAND = "try the command by hand in the project's root"


def with_secrets(values: Mapping[str, str], tree: Node, text: str, root: str, problems: Problems) -> Mapping[str, str]:
    """`values` under those secrets that the tree, as JSON `text`, refers to; one that cannot be had is reported.

    What has no source, or one of a wrong type, is left to the checks of the file.
    """
    found = dict(values)
    for name, entry in declared(tree).items():
        source = _source(entry.value)
        if source and (f"${{{name}}}" in text or f"${{{name}:-" in text):
            try:
                found[name] = _checked(_value(source, root))
                problems.hide(found[name])
            except (OSError, ValueError, ConfigError, subprocess.SubprocessError) as error:
                message = f"the secret {told(name)} cannot be had: {_cause(error)}"
                hint = BY_FILE if isinstance(source, Scalar) else BY_COMMAND
                problems.error("no_secret", entry.mark, ("secrets", name), message, hint)
    return found


def declared(tree: Node) -> Mapping[str, Entry]:
    """The entries of `secrets` by the variable that each gives."""
    secrets, _, existing = find(tree, ("secrets",))
    return secrets.entries if existing == ("secrets",) and isinstance(secrets, Map) else {}


def check_secrets(sheet: Sheet, variables: Collection[str]) -> None:
    """Report secrets with no source or two, and warn of those that are not among the `variables` in use."""
    tenants = sheet.document.tenants.items()
    of_tenants = [("tenants", tenant, "secrets", name) for tenant, own in tenants for name in own.secrets]
    for path in [*(("secrets", name) for name in sheet.document.secrets), *of_tenants]:
        keys, name = sheet.names(*path), path[-1]
        if not keys:
            hint = "add `file: PATH` or `command: [PROGRAM, ARGUMENT]`"
            sheet.error("no_source", path, f"'{name}' has neither 'file' nor 'command'", hint, key=True)
        elif all(key in keys for key in SOURCES):
            message = f"'{name}' has both 'file' and 'command'"
            sheet.error("two_sources", (*path, "command"), message, "keep one of the two", key=True)
        elif len(path) == len(("secrets", name)) and name not in variables:
            hint = f'give it to a task in `env: {{{name}: "${{{name}}}"}}`'
            message = f"'{name}' is given to no task: nothing here names ${{{name}}}"
            sheet.warn("unused_secret", path, message, hint, key=True)


def refuse_argument(name: str, node: Scalar, path: Path, problems: Problems) -> None:
    """Report that a command line names a declared secret."""
    message = f"{name} is a secret, and everybody on the machine can read a process's arguments"
    problems.error("secret_in_arguments", node.mark, path, message, remedy(name))


def remedy(name: str) -> str:
    """What to do with a secret instead of giving it as an argument."""
    return f'give it in `env: {{{name}: "${{{name}}}"}}` and read it there; a `shell` line reads "${name}"'


def _checked(value: str) -> str:
    if not value:
        raise ValueError("it is empty")
    if "\0" in value:
        raise ValueError("it holds a NUL character, which no program can be given")
    return value


def _source(entry: Node) -> Scalar | Seq | None:
    """The file or the command; None where there is none, or not one of its type."""
    given = entry.entries if isinstance(entry, Map) else {}
    file, command = (given[key].value if key in given else None for key in SOURCES)
    if isinstance(file, Scalar):
        return file
    words = command.items if isinstance(command, Seq) else []
    return command if words and all(isinstance(word, Scalar) for word in words) else None  # type: ignore[return-value]


def _value(source: Scalar | Seq, root: str) -> str:
    if isinstance(source, Scalar):
        return read_bytes(os.path.join(root, os.path.expanduser(source.text))).decode().rstrip("\r\n")
    argv = [item.text for item in source.items if isinstance(item, Scalar)]
    done = subprocess.run(argv, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=True)
    return done.stdout.decode().rstrip("\r\n")


def _cause(error: Exception) -> str:
    """Never what the program printed, which may be the secret."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"the command exited with code {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"the command took longer than {LIMIT_S} s"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return f"{error.where}: {error.message}" if isinstance(error, ConfigError) else str(error)
