"""What belongs to one tenant alone: its secrets, its state, its lines, its place in the queue."""

from __future__ import annotations

import json
import re
import time

TWO = """
tenants:
  acme: {{secrets: {{API_KEY: {{file: keys/acme}}}}}}
  beta: {{secrets: {{API_KEY: {{command: [cat, keys/beta]}}}}}}
pipelines:
  of_acme: {{tenant: acme, shell: {0}}}
  of_beta: {{tenant: beta, shell: {0}}}
  of_nobody: {{shell: {0}}}
modes: {{all: [of_acme, of_beta, of_nobody]}}
"""
SHOW = "'echo key $API_KEY.'"
KEYS = {"acme": "acme-canary-0815", "beta": "beta-canary-4711"}


def with_keys(site):
    for name, key in KEYS.items():
        site.write(f"keys/{name}", f"{key}\n")


def logs(site, end="1.log"):
    """The newest log of each task."""
    folder = max((site.root / "logs" / "runs").iterdir())
    return {path.name.removesuffix(f".{end}"): path.read_text() for path in folder.glob(f"*.{end}")}


def digest(site, name):
    """What the task has made of its key, which the log would mask: its letters, counted."""
    return (site.root / name).read_text().strip()


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_D_023_a_secret_of_a_tenant_is_given_to_its_tasks_and_to_no_others(site):
    with_keys(site)
    site.configure(TWO.format("'echo key $API_KEY. | tr a-z n-za-m >told.$TETRA_PIPELINE'"))
    done = site.run("run", "--mode", "all", env={"API_KEY": "what we have ourselves"})
    assert (done.returncode, done.stderr) == (0, "")
    told = {name: digest(site, f"told.of_{name}") for name in ("acme", "beta", "nobody")}
    assert told == {"acme": "xrl npzr-pnanel-0815.", "beta": "xrl orgn-pnanel-4711.", "nobody": "xrl ."}


def test_a_variable_that_is_a_secret_of_one_tenant_is_not_passed_on_by_name_either(site):
    with_keys(site)
    site.configure("env: {inherit: base, pass: [API_KEY]}" + TWO.format("'echo key $API_KEY. >told.$TETRA_PIPELINE'"))
    assert site.run("run", "--mode", "all", env={"API_KEY": "what we have ourselves"}).returncode == 0
    assert digest(site, "told.of_nobody") == "key ."


def test_D_073_a_secret_of_a_tenant_is_in_no_byte_that_we_keep_or_print(site):
    with_keys(site)
    site.configure("logs: {file: further.log, format: json}" + TWO.format(SHOW))
    done = site.run("run", "--mode", "all")
    assert done.returncode == 0, done.stderr
    assert logs(site) == {"of_acme": "key ***.\n", "of_beta": "key ***.\n", "of_nobody": "key .\n"}
    kept = [path for name in ("logs", "state") for path in (site.root / name).rglob("*") if path.is_file()]
    texts = [done.stdout.encode(), (site.root / "further.log").read_bytes(), *(path.read_bytes() for path in kept)]
    assert not any(key.encode() in text for key in KEYS.values() for text in texts)


def test_a_run_that_is_resumed_reads_the_secret_anew(site):
    with_keys(site)
    site.configure(TWO.format("'echo $API_KEY >>told; test -e pass'"))
    assert site.run("run", "--pipeline", "of_acme").returncode == 2
    site.write("keys/acme", "another-canary\n")
    site.write("pass", "")
    assert site.run("resume").returncode == 0
    assert (site.root / "told").read_text().split() == [KEYS["acme"], "another-canary"]


def test_the_file_is_shown_as_it_was_written(site):
    with_keys(site)
    site.configure(TWO.format(SHOW))
    converted = site.run("config", "convert").stdout
    assert "TENANT_" not in converted
    assert not any(key in converted for key in KEYS.values())


def test_D_074_a_secret_that_cannot_be_had_is_refused_with_its_place(site):
    site.configure(TWO.format(SHOW))
    done = site.run("run", "--mode", "all")
    assert done.returncode == 78
    first = done.stderr.splitlines()[0]
    assert re.sub(r"^.*orchestration\.yaml", "orchestration.yaml", first) == (
        f"orchestration.yaml:6:20: the secret API_KEY of the tenant 'acme' cannot be had: "
        f"{site.root}/keys/acme: cannot be read: No such file or directory"
    )


def test_a_secret_of_a_tenant_has_one_source(site):
    site.configure(
        """
        tenants: {acme: {secrets: {A: {}, B: {file: x, command: [y]}}, env: {C: "1"}}}
        pipelines: {a: {tenant: acme, shell: "true"}}
        """
    )
    errors = site.json("validate")["errors"]
    assert {error["message"] for error in errors} >= {
        "'A' has neither 'file' nor 'command'",
        "'B' has both 'file' and 'command'",
    }


def test_each_slip_in_a_secret_of_a_tenant_is_told_once_and_in_the_words_of_the_file(site):
    site.configure(
        """
        tenants: {acme: {secrets: {API-KEY: {file: k}, B: {fiel: x}, C: hidden}}}
        pipelines: {a: {tenant: acme, shell: "true"}}
        """
    )
    assert [error["message"] for error in site.json("validate")["errors"]] == [
        "'API-KEY' is not the name of a variable",
        "unknown key 'fiel'",
        "'C' must be a mapping, not text: 'hidden'",
    ]


def test_a_variable_of_a_tenant_is_plain_or_secret_and_not_both(site):
    with_keys(site)
    site.configure(TWO.replace("acme: {{secrets", "acme: {{env: {{API_KEY: x}}, secrets").format(SHOW))
    [error] = site.json("validate")["errors"]
    assert error["message"] == "the tenant 'acme' has 'API_KEY' in 'env' and in 'secrets'"
    assert error["hint"] == "keep one of the two"


# -- state and logs ---------------------------------------------------------------------------------------------------


def test_D_024_D_075_each_tenant_has_a_folder_of_state_that_survives_its_runs(site):
    site.configure(
        """
        tenants: {acme: {}, beta: {}}
        pipelines:
          one: {tenant: acme, shell: 'echo "$TETRA_RUN_ID" >>"$TETRA_TENANT_STATE/seen"'}
          two: {tenant: beta, shell: 'echo "$TETRA_RUN_ID" >>"$TETRA_TENANT_STATE/seen"'}
          three: {shell: 'test -z "$TETRA_TENANT_STATE"'}
        modes: {all: [one, two, three]}
        """
    )
    for _ in range(2):
        assert site.run("run", "--mode", "all", env={"TETRA_TENANT_STATE": "/elsewhere"}).returncode == 0
    folder = site.root / "state" / "tenants"
    assert {path.name: len((path / "seen").read_text().split()) for path in folder.iterdir()} == {"acme": 2, "beta": 2}
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o700"}


def test_each_tenants_lines_stand_apart(site):
    site.configure(
        """
        logs: {file: "logs/tenants/{tenant}/run.log", format: json}
        tenants: {acme: {}, beta: {}}
        pipelines: {one: {tenant: acme, shell: "true"}, two: {tenant: beta, shell: "true"}, three: {shell: "true"}}
        modes: {all: [one, two, three], alone: [one]}
        """
    )
    assert site.run("run", "--mode", "all").returncode == 0
    found = {path.parent.name: path.read_text().splitlines() for path in site.root.glob("logs/tenants/*/run.log")}
    whose = {name: {json.loads(line).get("tenant_id") for line in lines} for name, lines in found.items()}
    assert whose == {"acme": {"acme"}, "beta": {"beta"}, "shared": {None}}
    assert "two" not in "".join(found["acme"])
    assert site.run("run", "--mode", "alone").returncode == 0
    types = [json.loads(line)["event_type"] for line in (site.root / "logs/tenants/acme/run.log").open()]
    assert types[-1] == "run_finished"  # of a run that is all theirs, the run too


# -- tags and queue ---------------------------------------------------------------------------------------------------


def test_D_142_D_146_the_tag_of_the_tenant_is_automatic_and_no_other_takes_its_place(site):
    site.configure(
        """
        tenants: {acme: {}}
        pipelines: {a: {tenant: acme, tags: {tenant: x, team: data}, shell: "true"}}
        """
    )
    [warning] = site.json("validate")["warnings"]
    assert warning["message"] == "the tag 'tenant' is automatic and stays 'acme'"
    assert site.run("run").returncode == 0
    [run] = site.json("history")["runs"]
    assert run["tags"] == ["team=data", "tenant=acme"]


def test_D_163_status_shows_limit_running_and_waiting_of_a_tenant(site):
    site.configure(
        """
        tenants: {acme: {concurrency: 1}, beta: {}}
        pipelines:
          a: {tenant: acme, shell: "echo >started; while test ! -e go; do sleep 0.02; done"}
          b: {tenant: acme, shell: "true"}
          c: {tenant: acme, shell: "true"}
          d: {tenant: beta, shell: "true", depends_on: [a]}
        modes: {all: [a, b, c, d]}
        """
    )
    assert site.json("status")["tenants"] == []
    running = site.start("run", "--mode", "all")
    site.until(lambda: (site.root / "started").exists())
    acme = {"tenant": "acme", "limit": 1, "running": 1, "queued": 2}
    beta = {"tenant": "beta", "limit": 1, "running": 0, "queued": 0}
    assert site.until(lambda: (found := site.json("status")["tenants"]) and found[0]["running"] and found) == [
        acme,
        beta,
    ]
    assert "\ntenant acme: 1 of at most 1 run, 2 wait\n" in site.run("status").stdout
    site.write("go", "")
    assert running.wait(30) == 0
    assert site.json("status")["tenants"] == []


def test_D_154_a_second_run_of_a_tenant_waits_for_the_first(site):
    site.configure(
        """
        tenants: {acme: {}}
        pipelines:
          a: {tenant: acme, shell: "date +%s.%N >>a; sleep 0.7; date +%s.%N >>a"}
          b: {tenant: acme, shell: "date +%s.%N >b"}
        """
    )
    first = site.start("run", "--pipeline", "a")
    site.until(lambda: (site.root / "a").exists())
    assert site.run("run", "--pipeline", "b").returncode == 0
    assert first.wait(30) == 0
    assert float((site.root / "b").read_text()) >= float((site.root / "a").read_text().split()[1])


def test_D_155_a_killed_run_frees_its_tenant(site):
    site.configure(
        """
        tenants: {acme: {}}
        pipelines: {a: {tenant: acme, shell: "echo >a; sleep 60"}, b: {tenant: acme, shell: "echo >b"}}
        """
    )
    first = site.start("run", "--pipeline", "a")
    site.until(lambda: (site.root / "a").exists())
    first.kill()
    first.wait()
    began = time.monotonic()
    assert site.run("run", "--pipeline", "b").returncode == 0
    assert time.monotonic() - began < 20


def test_D_153_those_that_wait_for_a_tenant_run_in_their_order_and_none_is_lost(site):
    tasks = "\n".join(f"  t{n}: {{tenant: acme, shell: 'echo t{n} >>order'}}" for n in range(5))
    site.configure(f"tenants: {{acme: {{}}}}\npipelines:\n{tasks}\nmodes: {{all: [t0, t1, t2, t3, t4]}}\n")
    assert site.run("run", "--mode", "all").returncode == 0
    assert (site.root / "order").read_text().split() == [f"t{n}" for n in range(5)]
