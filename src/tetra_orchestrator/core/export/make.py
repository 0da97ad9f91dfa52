"""A project as one Makefile for GNU make, from 3.81 on, and a POSIX shell."""

from __future__ import annotations

from tetra_orchestrator.core.export.job import File, Rendered, heading, remarks, seconds
from tetra_orchestrator.core.export.shell import assignment, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.export.job import Chain, Exported, Job

NAME = "Makefile"
_PATH = "/usr/local/bin:/usr/bin:/bin"
#: What every recipe begins with, as make reads it. A `timeout` ends all that a task has started. What is told to end
#: while it is being started may not hear it, so it is told once more.
_FUNCTIONS = r"""
define functions
try_newline=$$(printf '\nx'); try_newline=$${try_newline%x}; try_stopped=; \
unset MAKEFLAGS MFLAGS MAKELEVEL; \
stop() { try_stopped=yes; kill -TERM $$! 2>/dev/null; }; \
ended() { \
  if [ $$try_stopped ]; then sleep 1; stop; fi; \
  wait $$!; try_code=$$?; \
  if [ $$try_stopped ]; then sleep 1; stop; wait $$!; exit 130; fi; \
}; \
once() { \
  if command -v timeout >/dev/null; then set -- timeout -k $$try_grace $$try_limit "$$@"; fi; \
  "$$@" >>"$$try_log" 2>&1 </dev/null & ended; \
}; \
attempts() { \
  (umask 077; mkdir -p "$${try_log%/*}" && : >>"$$try_log") || exit 73; \
  trap stop HUP INT TERM; \
  for try_wait in $$try_waits end; do \
    echo "== $$(date -u +%Y-%m-%dT%H:%M:%SZ) $$try_name" >>"$$try_log"; \
    once "$$@"; \
    [ $$try_code -ne 0 ] || return 0; \
    case " $$try_codes " in "  "|*" $$try_code "*) ;; *) break ;; esac; \
    [ $$try_wait != end ] || break; \
    echo "$$try_name: exit code $$try_code, again in $$try_wait s" >&2; \
    if [ $$try_stopped ]; then exit 130; fi; \
    sleep $$try_wait & ended; \
  done; \
  echo "$$try_name: failed with exit code $$try_code, see $$try_log" >&2; \
  return $$try_code; \
}
endef"""
_ABOUT = [
    "Runs a program: `try_waits` are the seconds before each further attempt, `try_codes` the exit codes that one may",
    "follow (none: any), `try_limit` the seconds after which it is ended (0: never), and killed `try_grace` seconds",
    "later. Without timeout(1), which macOS has not got, there is no limit.",
]


def makefile(exported: Exported) -> Rendered:
    """The file: a phony target for each chain, and one for each of its tasks, whose recipes are its programs."""
    lines = [*heading(exported, _how(exported)), "", "SHELL = /bin/sh"]
    lines += [*remarks(["What does not depend on a task that fails goes on."]), "MAKEFLAGS += -k", ""]
    lines += [*_help(exported), "", *remarks(_ABOUT), *_FUNCTIONS.strip().split("\n"), ""]
    lines += [*remarks(["What every task has in its environment."]), "define environment"]
    lines += [_in_make(_environment(exported)), "endef"]
    for chain in exported.chains:
        lines += ["", *_chain(chain, exported)]
    return Rendered((File(NAME, "\n".join(lines) + "\n"),), exported.notes)


def _in_make(shell: str) -> str:
    """A line of shell as make takes it."""
    return shell.replace("$", "$$")


def _how(exported: Exported) -> list[str]:
    first, parallel = exported.chains[0].name, exported.parallel
    lines = ["", f"`make -j{parallel} {first}` runs a chain, at most {parallel} tasks at a time."]
    lines += [f"What a task prints goes to a file in {exported.logs}/make/. `make -n {first}` shows the commands."]
    if exported.wakes:
        lines += ["", "Its schedules; cron goes by the machine's time zone:"]
    for wake in exported.wakes:
        rule = wake.schedule
        when = rule.cron or (
            f"every {rule.every_s:g} s," if rule.every_s else f"at {rule.at}," if rule.at else "@reboot"
        )
        lines.append(f"- {when} make -j{parallel} {wake.chain}, in {rule.timezone}")
    return lines


def _help(exported: Exported) -> Iterator[str]:
    """The target of a bare `make`: it starts nothing."""
    names = [chain.name for chain in exported.chains]
    target = "help" + "_" * ("help" in names)
    yield f".PHONY: {target}"
    yield f"{target}:"
    yield f"\t@echo 'make {' | '.join(names)}'"


def _environment(exported: Exported) -> str:
    around = exported.around
    words = ["env"]
    if around.inherited is not None:
        kept = [name for name in around.inherited if name not in around.withheld]
        words += ["-i", *(f'${{{name}+{name}="${name}"}}' for name in kept)]
    else:
        words += [f"-u {name}" for name in around.withheld]
    words.append(_path(exported.path))
    if around.pythonpath:
        words.append(assignment("PYTHONPATH", ":".join(around.pythonpath)) + '"${PYTHONPATH:+:$PYTHONPATH}"')
    words.append('PYTHONUNBUFFERED="${PYTHONUNBUFFERED-1}"')
    words += [assignment(name, value) for name, value in around.env]
    words += [f'{name}="${name}"' for name in around.demanded]
    return " ".join(words)


def _path(folder: str) -> str:
    inherited = f'"${{PATH:-{_PATH}}}"'
    return f"PATH={word(folder + ':')}{inherited}" if folder else f"PATH={inherited}"


def _chain(chain: Chain, exported: Exported) -> Iterator[str]:
    targets = [f"{chain.name}/{job.id}" for job in chain.jobs]
    yield from remarks([f"{chain.name}: {chain.about}" if chain.about else chain.name])
    yield f".PHONY: {' '.join([chain.name, *targets])}"
    yield f"{chain.name}: {' '.join(targets)}".rstrip()
    for job in chain.jobs:
        yield ""
        yield f"{chain.name}/{job.id}: {' '.join(f'{chain.name}/{name}' for name in job.needs)}".rstrip()
        lines = ["@$(functions);", *_recipe(job, chain, exported)]
        yield from (f"\t{line} \\" for line in lines[:-1])
        yield f"\t{lines[-1]}"


def _recipe(job: Job, chain: Chain, exported: Exported) -> Iterator[str]:
    """The lines of the recipe behind the functions, as make takes them."""
    before, after = _before(job, chain, exported), _tolerance(job)
    program = " ".join([*_own(job, exported), *map(word, _argv(job))])
    yield from map(_in_make, before)
    yield f"cd {_in_make(word(job.cwd))} && attempts $(environment)"
    yield from map(_in_make, [program, after] if after else [program])


def _before(job: Job, chain: Chain, exported: Exported) -> Iterator[str]:
    if chain.dates:
        usage = f"give it as make {chain.name} START=2020-01-01 END=2020-12-31"
        yield f': "${{START:?{usage}}}" "${{END:?{usage}}}";'
    for name in (*exported.around.demanded, *job.demanded):
        yield f': "${{{name}:?is a secret, which is not in the Makefile, set it in the environment}}";'
    name = f"{chain.name}/{job.id}"
    yield f"try_name={name}; try_log={word(f'{exported.logs}/make/{name}.log')};"
    waits, codes = " ".join(map(seconds, job.waits)), " ".join(map(str, job.retry_codes))
    limits = f"try_limit={seconds(job.timeout_s or 0)}; try_grace={seconds(job.grace_s)};"
    yield f"try_waits='{waits}'; try_codes='{codes}'; {limits}"


def _own(job: Job, exported: Exported) -> Iterator[str]:
    """The variables of one task alone."""
    if job.path != exported.path:
        yield _path(job.path)
    yield from (assignment(name, value) for name, value in job.env)
    yield from (f'{name}="${name}"' for name in job.demanded)


def _argv(job: Job) -> tuple[str, ...]:
    """The program with its arguments, behind env(1), for which a word with an equals sign is a variable."""
    return ("sh", "-c", 'exec "$0" "$@"', *job.argv) if "=" in job.argv[0] else job.argv


def _tolerance(job: Job) -> str:
    """What follows a failure after which the chain goes on."""
    if not job.tolerated:
        return ""
    said = '{ echo "$try_name: what depends on it goes on all the same" >&2; }'
    if None in job.tolerated:
        return f"|| {said}"
    return f"|| case $try_code in {'|'.join(map(str, job.tolerated))}) {said} ;; *) exit $try_code ;; esac"
