"""Group A, how a child starts: what cannot start, and what a child finds when it does."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import subprocess
import threading

from faults.stand import TETRA
from faults.test_fault_trees import WAYS

SIZE = 200_000


def test_fault_14_a_program_that_is_missing_or_none_is_told_with_its_path_and_others_go_on(site, observed):
    site.write("plain.sh", "echo plain\n").chmod(0o644)
    site.write("lines", "echo no first line\n").chmod(0o755)
    site.write("script", "#!/no/such/interpreter\n").chmod(0o755)
    site.configure("""
        pipelines:
          missing: {command: [./missing]}
          nowhere: {command: [no-such-program]}
          shebang: {command: [./script]}
          denied: {command: [./plain.sh]}
          noexec: {command: [./lines]}
          after: {shell: echo after, depends_on: [missing]}
          other: {shell: echo other}
          further: {shell: echo further, depends_on: [other]}
    """)
    done, trace = site.traced("execve", "run")
    for name in ("ENOENT", "EACCES", "ENOEXEC"):
        observed(f"execve = {name}", re.search(rf'execve\("\./.*= -1 {name}', trace))
    assert done.returncode == 2
    states = site.states()
    assert {states.pop(name) for name in ("missing", "nowhere", "shebang", "denied", "noexec")} == {"failed"}
    assert states == {"after": "upstream_failed", "other": "succeeded", "further": "succeeded"}
    reasons = {name: task["reason"]["text"] for name, task in site.tasks().items()}
    assert reasons["missing"] == f"could not start: the program ./missing does not exist in {site.root} (ENOENT)"
    assert re.match("could not start: no program called no-such-program in PATH=.*ENOENT", reasons["nowhere"])
    assert reasons["shebang"] == (
        "could not start: the interpreter that ./script names in its first line does not exist (ENOENT)"
    )
    assert reasons["denied"] == "could not start: ./plain.sh is not executable (EACCES)"
    assert reasons["noexec"] == (
        "could not start: ./lines is not a program this machine can run; a script needs a #! line (ENOEXEC)"
    )
    for name in ("missing", "denied", "noexec"):
        assert site.outcome(name) == ("spawn_error", None, None)


def oversized(site):
    site.write(
        "talk.py", f"import os; open(os.environ['TETRA_OUTPUT'], 'w').write('{{\"text\": \"' + 'x' * {SIZE} + '\"}}')"
    )
    site.configure("""
        pipelines:
          talk: {command: [python, talk.py], outputs: {text: str}}
          hear: {command: [echo, "{talk.text}"], depends_on: [talk], retry: {max_attempts: 3}}
    """)


def test_fault_15_an_argument_that_is_too_long_is_told_with_the_size(site, observed):
    oversized(site)
    done, trace = site.traced("execve", "run")
    observed("execve = E2BIG", re.search(r"execve\(.*= -1 E2BIG", trace))
    assert done.returncode == 2
    assert site.states() == {"talk": "succeeded", "hear": "failed"}
    assert site.outcome("hear") == ("spawn_error", None, None)
    assert len(site.tasks()["hear"]["attempts"]) == 1, "trying again cannot help"
    told = re.match(r"could not start: argument list too long: (\d+) bytes .* \(E2BIG\)", site.reason("hear"))
    assert int(told[1]) > SIZE


def test_fault_15_an_argument_that_is_too_long_is_told_with_the_reference_that_made_it(site, observed):
    oversized(site)
    assert site.run("run").returncode == 2
    observed("E2BIG is recorded", "(E2BIG)" in site.reason("hear"))
    told = re.fullmatch(
        r"could not start: argument list too long: \d+ bytes .*; (\d+) bytes of it are \{talk\.text\}: "
        r"the task can read it from the file in TETRA_INPUT instead \(E2BIG\)",
        site.reason("hear"),
    )
    assert told, site.reason("hear")
    assert int(told[1]) == SIZE


def test_fault_16_a_working_folder_that_is_missing_is_not_taken_for_a_missing_program(site, observed):
    (site.root / "doomed").mkdir()
    site.configure("""
        pipelines:
          remove: {command: [rmdir, doomed]}
          inside: {shell: echo inside, cwd: doomed, depends_on: [remove]}
    """)
    done, trace = site.traced("chdir", "run")
    observed("chdir = ENOENT", re.search(r'chdir\(".*/doomed"\)\s+= -1 ENOENT', trace))
    assert done.returncode == 2
    assert site.outcome("inside") == ("spawn_error", None, None)
    folder = site.root / "doomed"
    assert site.reason("inside") == f"could not start: the working folder {folder} does not exist (ENOENT)"


MEDDLER = """
import os
print("group", os.getpgid(0) == os.getpid(), "session", os.getsid(0) == os.getpid())
try:
    os.open("/dev/tty", os.O_RDWR)
except OSError as error:
    print("tty", error.errno)
try:
    os.setpgid(0, os.getppid())
except OSError as error:
    print("setpgid", error.errno)
print("tty" if any(map(os.isatty, range(3))) else "no tty", os.environ.get("TERM"))
"""


def on_a_terminal(site, *args):
    """The exit code of the command with a terminal as its three streams, and what it showed there."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [*TETRA, *args], stdin=theirs, stdout=theirs, stderr=theirs, cwd=site.root, start_new_session=True,
        env={**site.env, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    shown = bytearray()
    reader = threading.Thread(target=read_all, args=(ours, shown))
    reader.start()
    code = running.wait(timeout=60)
    reader.join(timeout=10)
    os.close(ours)
    return code, bytes(shown)


def read_all(fd, into):
    try:
        while block := os.read(fd, 65536):
            into += block
    except OSError:  # a terminal whose other side is closed
        return


def test_fault_17_a_child_has_no_terminal_to_meddle_with(site, observed):
    site.write("meddler.py", MEDDLER)
    site.configure("""
        pipelines:
          one: {command: [python, meddler.py], env: {TERM: xterm}}
          two: {shell: exit 3, depends_on: [one]}
    """)
    code, shown = on_a_terminal(site, "run")
    seen, log = site.states(), site.log("one")
    observed("open(/dev/tty) = ENXIO, setpgid = EPERM", b"tty 6\n" in log and b"setpgid 1\n" in log)
    assert log == b"group True session True\ntty 6\nsetpgid 1\nno tty xterm\n"
    done = site.run("run", start_new_session=True)
    assert (code, seen) == (done.returncode, site.states()) == (2, {"one": "succeeded", "two": "failed"})
    assert b"\x1b[" in shown, "a terminal gets the live view"
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x1b" not in (site.root / "logs" / "latest").read_text()


def test_fault_22_half_an_output_of_a_failed_attempt_is_never_handed_on(site, observed):
    site.write(
        "work.sh",
        """
        ls "$TETRA_OUTPUT" >&2 && exit 9
        echo "{\\"rows\\": $TETRA_ATTEMPT, \\"only_$TETRA_ATTEMPT\\": 1}" >"$TETRA_OUTPUT"
        [ "$TETRA_ATTEMPT" = 2 ] || { printf '{"rows": 99' >>"$TETRA_OUTPUT"; exit 1; }
        """,
    )
    site.configure("""
        pipelines:
          work: {command: [sh, work.sh], outputs: {rows: int}, retry: {max_attempts: 2, delay: 0s}}
          use: {command: [echo, "{work.rows}"], depends_on: [work]}
    """)
    assert site.run("run").returncode == 0
    (first,) = site.root.glob("state/attempts/*/work.1.output.jsonl")
    observed("the first attempt's file ends in the middle of an object", first.read_text().endswith('{"rows": 99'))
    assert site.tasks()["work"]["outputs"] == {"rows": 2, "only_2": 1}
    assert site.log("use") == b"2\n"
    assert b"No such file" in site.log("work", 2), "the second attempt found nothing of the first"


def test_fault_22_outputs_of_a_task_that_failed_are_never_handed_on(site, observed):
    site.write("work.sh", """echo '{"rows": 7}' >"$TETRA_OUTPUT"; exit 1\n""")
    site.configure("""
        pipelines:
          work: {command: [sh, work.sh], outputs: {rows: int}}
          use: {command: [echo, "{work.rows}"], depends_on: [work]}
    """)
    assert site.run("run").returncode == 2
    (left,) = site.root.glob("state/attempts/*/work.1.output.jsonl")
    observed("a whole object in the file of an attempt that exited with 1", left.read_text() == '{"rows": 7}\n')
    assert site.states() == {"work": "failed", "use": "upstream_failed"}
    assert site.outcome("work") == ("exited", 1, None)
    assert site.tasks()["work"]["outputs"] == {}


@WAYS
def test_fault_23_a_child_has_its_three_descriptors_and_no_other(site, observed, way):
    site.configure(f"""
        pipelines:
          one: {{shell: "ls /proc/$$/fd; touch listed; while [ ! -e seen ]; do sleep 0.05; done", {way}}}
    """)
    leaked = os.open(site.root, os.O_RDONLY)
    high = fcntl.fcntl(leaked, fcntl.F_DUPFD, 200)  # a worker of many tests may hold lower ones itself
    running = site.start("run", pass_fds=[high])
    os.close(leaked)
    os.close(high)
    site.until((site.root / "listed").exists)
    ours = os.listdir(f"/proc/{running.pid}/fd")
    (site.root / "seen").touch()
    observed("our own process has the leaked descriptor among others", str(high) in ours and len(ours) > 5)
    assert site.finish(running).returncode == 0
    assert site.log("one").split() == [b"0", b"1", b"2"]
