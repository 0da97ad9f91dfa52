"""What the faults of disks and files have in common: using up what a folder can hold, and what is then said."""

from __future__ import annotations

#: What starts its task leaves a file behind, so that a test can tell that nothing was started.
STARTED = "pipelines: {one: {shell: touch started}}"
#: Lets a task go on when the file `open` is in the project's folder.
GATE = "while [ ! -e open ]; do sleep 0.05; done"


def shown(done):
    """What the command says of its failure."""
    return done.stderr[done.stderr.index("error: ") :]


def fill(folder):
    """Write into the folder until there is no room left, and say why."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError as error:
                reason = error.strerror
    return reason


def use_up_inodes(folder):
    """Make files until no more can be made, and say why."""
    for number in range(10_000):
        try:
            (folder / f"file {number}").touch()
        except OSError as error:
            return error.strerror
    return None
