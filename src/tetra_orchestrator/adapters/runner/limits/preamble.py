"""Run as a script in an attempt's own process: enter its control groups, take on its limits, become its command.

    python -I -S preamble.py REPORT OPEN_FILES LC_CTYPE GROUP... -- COMMAND...

OPEN_FILES is 0 for no limit. LC_CTYPE is `=VALUE`, or empty where the command is to have none. GROUP is the path of a
`cgroup.procs`. What goes wrong is written to the file REPORT as an errno's name and a text, and the exit status is 127.

A shell would not do: shells drop variables, set others, and run what is no program as a script.
"""

import os
import sys


def main(words: "list[str]") -> None:
    """Does not return."""
    cut = words.index("--")
    report, open_files, locale, *groups = words[:cut]
    argv = words[cut + 1 :]
    what = "its control group cannot be entered"
    try:
        for group in groups:
            _enter(group)
        what = f"{argv[0]} cannot be started"
        _limit(int(open_files))
        _restore(locale)
        os.execvp(argv[0], argv)
    except OSError as error:
        _explain(report, what, error)
        os._exit(127)


def _enter(group: str) -> None:
    fd = os.open(group, os.O_WRONLY)
    os.write(fd, b"0")
    os.close(fd)


def _limit(open_files: int) -> None:
    if open_files:
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = open_files if most == resource.RLIM_INFINITY else min(open_files, most)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except ValueError:  # more than the system lets any process have
            return


def _restore(locale: str) -> None:
    # These are what an interpreter does to itself when it starts. (`signal` would double the time that takes.)
    import _signal  # type: ignore[import-not-found]

    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    os.environ.pop("LC_CTYPE", None)
    if locale:
        os.environ["LC_CTYPE"] = locale[1:]


def _explain(report: str, what: str, error: OSError) -> None:
    import errno

    name = errno.errorcode.get(error.errno or 0, "EIO")
    fd = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    os.write(fd, os.fsencode(f"{name} {what}: {error.strerror}"))


if __name__ == "__main__":
    main(sys.argv[1:])
