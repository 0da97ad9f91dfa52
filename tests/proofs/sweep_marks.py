"""The real command line with its failpoints made visible: `sweep_marks.py FOLDER WORDS...` looks for FOLDER/NAME.

The wrappers of attempts are started the same way.
"""

import os
import runpy
import shlex
import sys

from tetra_orchestrator import failpoints


def mark(name: str) -> None:
    """What strace(1) sees of the place."""
    os.stat(f"{folder}/{name}")


folder, words = sys.argv[1], sys.argv[2:]
failpoints.hit, failpoints.armed = mark, True
again = f"{folder}/python"
if not os.path.exists(again):
    with open(os.open(again, os.O_WRONLY | os.O_CREAT, 0o700), "w") as script:
        script.write(f'#!/bin/sh\nexec {shlex.join([sys.executable, os.path.abspath(__file__), folder])} "$@"\n')
sys.executable = again
if words[:2] == ["-P", "-m"]:
    runpy.run_module(words[2], run_name="__main__", alter_sys=True)
else:
    from tetra_orchestrator.cli.main import main

    sys.argv[1:] = words
    main()
