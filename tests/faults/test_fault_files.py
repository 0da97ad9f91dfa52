"""Group C, what others do to our files: a log that is moved, replaced, emptied or deleted, a folder open to others."""

from __future__ import annotations

import os

import pytest

from faults.disks import GATE, STARTED, shown


def test_fault_61_a_log_that_is_moved_away_goes_on_where_it_is_and_who_reads_it_is_told(site, observed):
    site.configure(f"""
        pipelines:
          one: {{shell: "echo before; touch ready; {GATE}; echo after"}}
    """)
    running = site.start("run")
    site.until((site.root / "ready").exists)
    (log,) = site.root.glob("logs/runs/*/one.1.log")
    follower = site.start("logs", "-p", "one", "--follow")
    assert follower.stdout.readline() == "before\n"
    log.rename(f"{log}.old")
    assert follower.stderr.readline() == f"{log} was moved or deleted\n"
    observed("the log has another name", not log.exists())
    (site.root / "open").touch()
    assert site.finish(running).returncode == 0
    assert (log.parent / f"{log.name}.old").read_text() == "before\nafter\n"
    done = site.finish(follower)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = site.run("logs", "-p", "one")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{log} was moved or deleted\n")


def test_fault_61_a_follower_tells_of_another_file_in_the_place_of_the_log(site, observed):
    site.configure(f"""
        pipelines:
          one: {{shell: "echo before; touch ready; {GATE}; echo after"}}
    """)
    running = site.start("run")
    site.until((site.root / "ready").exists)
    (log,) = site.root.glob("logs/runs/*/one.1.log")
    follower = site.start("logs", "-p", "one", "--follow")
    assert follower.stdout.readline() == "before\n"
    another = site.write("another", "something else\n")
    another.replace(log)
    assert follower.stderr.readline() == f"{log} was moved or deleted, and another file is in its place\n"
    observed("the log's name is another file's", log.read_text() == "something else\n")
    (site.root / "open").touch()
    assert site.finish(running).returncode == 0
    done = site.finish(follower)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_fault_61_a_log_that_is_emptied_is_followed_from_its_new_beginning(site, observed):
    site.configure(f"""
        pipelines:
          one: {{shell: "echo before; touch ready; {GATE}; echo after"}}
    """)
    running = site.start("run")
    site.until((site.root / "ready").exists)
    (log,) = site.root.glob("logs/runs/*/one.1.log")
    follower = site.start("logs", "-p", "one", "--follow")
    assert follower.stdout.readline() == "before\n"
    os.truncate(log, 0)
    assert follower.stderr.readline() == f"{log} was cut short\n"
    (site.root / "open").touch()
    assert site.finish(running).returncode == 0
    observed("what came later is at the beginning", log.read_text() == "after\n")
    done = site.finish(follower)
    assert (done.returncode, done.stdout, done.stderr) == (0, "after\n", "")


def test_fault_61_a_run_goes_on_when_its_own_log_is_deleted(site, observed):
    site.configure(f"pipelines: {{one: {{shell: 'touch ready; {GATE}'}}}}")
    running = site.start("run")
    site.until((site.root / "ready").exists)
    log = (site.root / "logs" / "latest").resolve()
    log.unlink()
    (site.root / "open").touch()
    assert site.finish(running).returncode == 0
    observed("the run's own log is gone", not log.exists())
    done = site.run("logs")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{log} was moved or deleted\n")
    assert site.states() == {"one": "succeeded"}


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_fault_62_a_state_folder_that_others_can_write_to_starts_nothing(site, observed, mode):
    site.configure(STARTED)
    state = site.root / "state"
    state.mkdir()
    state.chmod(mode)
    done = site.run("run")
    observed(f"state/ has mode {mode:04o}", state.stat().st_mode & 0o7777 == mode)
    assert (done.returncode, shown(done)) == (
        77,
        f"error: {state}: others can write to the state folder (mode {mode:04o})\n  hint: chmod 700 '{state}'\n",
    )
    assert not (site.root / "started").exists()


@pytest.mark.parametrize("command", ["run", "status", "show"])
def test_fault_62_a_state_folder_that_is_a_link_starts_nothing(site, observed, command):
    site.configure(STARTED)
    (site.root / "elsewhere").mkdir(mode=0o700)
    state = site.root / "state"
    state.symlink_to("elsewhere")
    done = site.run(command)
    observed("state/ is a symbolic link", state.is_symlink())
    assert (done.returncode, shown(done)) == (
        77,
        f"error: {state}: the state folder is a symbolic link\n  hint: name the folder itself in `state:`\n",
    )
    assert not (site.root / "started").exists()
