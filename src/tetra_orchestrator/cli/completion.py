"""`completion`: the script that has a shell ask us what may follow on TAB."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tetra_orchestrator.errors import Exit

Shell = Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]


def command(shell: Shell) -> int:
    """Print the script that completes words on TAB.

    Besides commands and options it completes the names of the project in the current folder. For good, have the shell's
    own file ask for it:

    bash, in ~/.bashrc: `eval "$(tetra completion bash)"`

    zsh, in ~/.zshrc: `source <(tetra completion zsh)`

    fish, in ~/.config/fish/config.fish: `tetra completion fish | source`

    Examples: `completion bash`, `completion zsh`, `completion fish`.
    """
    print((Path(__file__).parent / "completions" / f"tetra.{shell}").read_text(encoding="utf-8"), end="")
    return Exit.OK
