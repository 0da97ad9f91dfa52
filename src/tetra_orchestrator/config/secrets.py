"""`secrets:` of a native file: values of variables that come from a file or from a program's output."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tetra_orchestrator.config.find import read_bytes
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config.problems import Path, Problems
    from tetra_orchestrator.config.yaml_tree import Entry, Node

LIMIT_S = 30


def with_secrets(values: Mapping[str, str], tree: Node, text: str, root: str, problems: Problems) -> Mapping[str, str]:
    """`values` under those secrets that the tree, as JSON `text`, refers to; one that cannot be had is reported."""
    found = dict(values)
    for name, entry in declared(tree).items():
        if f"${{{name}}}" in text or f"${{{name}:-" in text:
            try:
                found[name] = _checked(_value(entry.value, root))
                problems.hide(found[name])
            except (OSError, ValueError, ConfigError, subprocess.SubprocessError) as error:
                message = f"the secret {name} cannot be had: {_cause(error)}"
                problems.error("no_secret", entry.mark, ("secrets", name), message, "try its source by hand")
    return found


def declared(tree: Node) -> Mapping[str, Entry]:
    """The entries of `secrets` by the variable that each gives."""
    secrets, _, existing = find(tree, ("secrets",))
    return secrets.entries if existing == ("secrets",) and isinstance(secrets, Map) else {}


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


def _value(source: Node, root: str) -> str:
    file = find(source, ("file",))[0]
    command = find(source, ("command",))[0]
    if isinstance(file, Scalar):
        return read_bytes(os.path.join(root, os.path.expanduser(file.text))).decode().rstrip("\r\n")
    if not isinstance(command, Seq):
        raise ValueError("it has neither `file` nor `command`")
    argv = [item.text for item in command.items if isinstance(item, Scalar)]
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
    return error.message if isinstance(error, ConfigError) else str(error)
