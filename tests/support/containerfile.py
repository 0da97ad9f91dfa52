"""Reads a Containerfile, and performs it without an engine, as root on Linux.

The base is not the image that the file names but a copy of this system's files, with the interpreter that runs the
tests; what a stage writes is in memory. So this shows that the instructions work and what is run, not the base.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support.components import require, require_root

#: Instructions of a text with their arguments; a line may go on after a backslash.
_INSTRUCTION = re.compile(r"^([A-Z]+)\s+((?:.*\\\n)*.*)$", re.MULTILINE)
_BASE_PATH = f"/usr/local/sbin:/usr/local/bin:{sys.prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: So that accounts of this machine are none of the image's.
_ACCOUNTS = {"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n", "shadow": "", "gshadow": ""}
_EMPTY = ("opt", "home", "project", "source", "wheels")


class Instruction(NamedTuple):
    word: str
    text: str

    @property
    def argv(self) -> list[str]:
        """As JSON, or as the words of a shell."""
        if self.text.startswith("["):
            return list(json.loads(self.text))
        return ["/bin/sh", "-c", self.text]


def read(text: str) -> list[Instruction]:
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    return [Instruction(word, re.sub(r"\\\n\s*", "", rest).strip()) for word, rest in _INSTRUCTION.findall(lines)]


def stages(text: str) -> list[list[Instruction]]:
    """Each begins with its FROM; what is before the first is left out."""
    found: list[list[Instruction]] = []
    for one in read(text):
        if one.word == "FROM":
            found.append([])
        if found:
            found[-1].append(one)
    return found


def last(instructions: list[Instruction], word: str) -> Instruction:
    return [one for one in instructions if one.word == word][-1]


class Image:
    """The last stage, performed. `visible` are folders that it sees under their own paths, as the base's."""

    def __init__(self, context: Path, disk: Path, visible: list[Path], environ: dict[str, str]) -> None:
        require_root()
        self._disk, self._context, self._visible = disk, context, visible
        self._environ = {"PATH": _BASE_PATH, "HOME": "/root", "LANG": "C.UTF-8"} | environ
        self._roots: dict[str, Path] = {}
        self._holder = self._mounted()
        self.user, self.folder = "0:0", "/"
        try:
            for stage in stages((context / "Containerfile").read_text()):
                self._perform(stage)
                self.instructions = stage
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process that keeps the mounts, and the mounts with it."""
        assert self._holder.stdin
        self._holder.stdin.close()
        self._holder.wait(30)

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the image, as its user."""
        command = [*self._entered(), *self._as_user(argv)]
        return subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=120)

    @contextmanager
    def started(self, binds: dict[Path, str], output: Path) -> Iterator[Container]:
        """What ENTRYPOINT and CMD say, as process 1, on a root that nothing can be written to but `binds` and /tmp."""
        root = self._root
        steps = [
            f"mkdir -p {root}{target}; mount --bind {shlex.quote(str(source))} {root}{target}"
            for source, target in binds.items()
        ]
        steps += [f"mount -t proc proc {root}/proc", f"mount -o remount,ro,bind {root}", 'exec "$@"']
        argv = last(self.instructions, "ENTRYPOINT").argv + last(self.instructions, "CMD").argv
        command = [*self._entered(), require("unshare"), "--mount", "--pid", "--fork", "--kill-child"]
        command += ["/bin/sh", "-ec", "\n".join(steps), "sh", *self._as_user(argv)]
        with output.open("w") as said:
            process = subprocess.Popen(command, env=self._environ, stdout=said, stderr=said, start_new_session=True)
        try:
            yield Container(self, process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(30)

    @property
    def _root(self) -> Path:
        return list(self._roots.values())[-1]

    def _entered(self) -> list[str]:
        return [require("nsenter"), f"--target={self._holder.pid}", "--mount"]

    def _as_user(self, argv: tuple[str, ...] | list[str]) -> list[str]:
        uid, _, gid = self.user.partition(":")
        change = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
        there = ["env", "--chdir", self.folder, *argv]
        return ["chroot", str(self._root), *change, "env", "-u", "HOME", *there]

    def _mounted(self) -> subprocess.Popen[str]:
        self._disk.mkdir()
        line = 'mount -t tmpfs -o mode=755 disk "$0" && echo mounted && exec cat'
        command = [require("unshare"), "--mount", "--propagation", "private", "sh", "-c", line, str(self._disk)]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert holder.stdout
        assert holder.stdout.readline() == "mounted\n"
        return holder

    def _sh(self, script: str, *arguments: object) -> None:
        command = [*self._entered(), "/bin/sh", "-ec", script, "sh", *map(str, arguments)]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"

    def _perform(self, stage: list[Instruction]) -> None:
        arguments: dict[str, str] = {}
        for one in stage:
            text = re.sub(r"\$\{(\w+)\}", lambda found: arguments.get(found[1], found[0]), one.text)
            match one.word:
                case "FROM":
                    self._from(text.split()[-1])
                case "ARG":
                    name, _, value = text.partition("=")
                    arguments[name] = value
                case "RUN":
                    self._sh('root=$1; shift; exec chroot "$root" "$@"', self._root, *one._replace(text=text).argv)
                case "COPY":
                    self._copy(text.split())
                case "WORKDIR":
                    self.folder = text
                case "USER":
                    self.user = text
                case "VOLUME" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
                    pass
                case _:
                    raise AssertionError(f"{one.word} is not known here")

    def _from(self, name: str) -> None:
        """A copy of this system's files, without what is this machine's alone."""
        self._roots[name] = root = self._disk / str(len(self._roots)) / "root"
        self._sh(
            'cd "$1"; mkdir upper work root; mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root',
            self._make(root.parent),
        )
        for folder in _EMPTY:
            self._sh('mkdir -p "$1"; mount -t tmpfs -o mode=755 empty "$1"', root / folder)
        self._sh(
            'mount -t tmpfs -o mode=1777 empty "$1/tmp"; chmod 755 "$1/root"; rm -f "$1"/usr/local/bin/tetra*', root
        )
        for path in self._visible:
            self._sh('mkdir -p "$2$1"; mount --bind "$1" "$2$1"', path, root)
        self._sh('mount --bind /dev "$1/dev"; mount --bind /proc "$1/proc"', root)
        for account, text in _ACCOUNTS.items():
            self._sh('printf %s "$2" > "$1"', root / "etc" / account, text)

    def _make(self, folder: Path) -> Path:
        self._sh('mkdir -p "$1"', folder)
        return folder

    def _copy(self, words: list[str]) -> None:
        source = self._context
        if words[0].startswith("--from="):
            source = self._roots[words.pop(0).removeprefix("--from=")]
        *names, target = words
        for name in names:
            self._sh(
                'case $3 in */) to=$2$3 ;; *) to=$(dirname "$2$3") ;; esac; mkdir -p "$to"; cp -R "$1" "$2$3"',
                source / name.lstrip("/"),
                self._root,
                target,
            )


class Container:
    """A process 1 of the image."""

    def __init__(self, image: Image, process: subprocess.Popen[bytes]) -> None:
        self._image, self._process = image, process

    @property
    def first(self) -> int | None:
        """Process 1, as seen from here; None while it is not there."""
        below = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(below[0]) if below else None

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside it, as `podman exec` does."""
        inside = [require("nsenter"), f"--target={self.first}", "--mount", "--pid"]
        command = [*inside, *self._image._as_user(argv)]
        return subprocess.run(command, env=self._image._environ, capture_output=True, text=True, timeout=120)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after that signal."""
        assert self.first
        os.kill(self.first, number)
        return self._process.wait(60)
