"""`config show`, `config convert`, `config diff` and `schema`."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.native_text import from_json, to_text
from tetra_orchestrator.config.read import read
from tetra_orchestrator.config.shipped import modeline
from tetra_orchestrator.errors import ConfigError

FILE = """
    title: ${TITLE:-none}
    host: {max_parallel: 2}
    defaults: {task: {timeout: 2h, retry: {max_attempts: 3, delay: 5}}}
    pipelines:
      data: {shell: 'echo ${REGION}', env: {API_KEY: literal}, retry: {delay: 1}}
      report: {command: [report, --token, abc, "${REGION}"], depends_on: [data], timeout: 1m}
    alerting: {channels: {slack: {webhook_url: "${SLACK_URL}"}}}
"""
CASES = Path(__file__).parents[1] / "cases"
CASES_ENV = {"PATH": "/usr/bin:/bin", "SLACK_WEBHOOK": "x", "PAGERDUTY_KEY": "x"}
ENV = {"REGION": "eu", "SLACK_URL": "https://hooks.example.org/T0/B0/xyz"}


@pytest.fixture
def shop(site):
    site.configure(FILE)
    site.env.update(ENV)
    return site


def origins(text):
    """What `config show` says, by path: the value and where it comes from."""
    rows = [line.rpartition("  # ") for line in text.splitlines()]
    return {head.partition(":")[0]: (head.partition(":")[2].strip(), origin) for head, _, origin in rows}


def test_show_tells_every_value_and_where_it_comes_from(shop):
    done = shop.run("config", "show")
    assert (done.returncode, done.stderr) == (0, "")
    shown = origins(done.stdout)
    place = "config/orchestration.yaml"
    expected = {
        "project": ("demo", f"{place}:2"),
        "title": ("none", f"{place}:5, default of TITLE"),
        "timezone": ("UTC", "default"),
        "state": ('"sqlite:///state/tetra.db"', "default"),
        "host.max_parallel": ("2", f"{place}:6"),
        "logs.dir": ("logs", "default"),
        "pipelines.data.timeout": ("2h", f"{place}:7"),
        "pipelines.data.retry.max_attempts": ("3", f"{place}:7"),
        "pipelines.data.retry.delay": ("1", f"{place}:9"),
        "pipelines.data.enabled": ("true", "default"),
        "pipelines.data.kill_grace": ("10", "default"),
        "pipelines.report.timeout": ("1m", f"{place}:10"),
        "pipelines.report.depends_on": ("[data]", f"{place}:10"),
    }
    assert {path: shown[path] for path in expected} == expected


def test_show_masks_what_is_secret(shop):
    text = shop.run("config", "show").stdout
    shown = origins(text)
    assert shown["pipelines.data.env.API_KEY"][0] == '"***"'
    assert shown["pipelines.report.command"] == (
        '[report, --token, "***", eu]',
        "config/orchestration.yaml:10, environment variable REGION",
    )
    assert shown["alerting.channels.slack.webhook_url"] == (
        '"***"',
        "config/orchestration.yaml:11, environment variable SLACK_URL",
    )
    assert not {"literal", "abc", "hooks.example.org"} & set(text.replace(",", " ").replace("/", " ").split())


def test_show_names_overlays_options_the_environment_and_the_dotenv_file(shop):
    shop.write("prod.yaml", "host:\n  max_parallel: 8\n")
    shop.write("config/.env", "TITLE=Shop\n")
    shop.env["LOG_DIR"] = "/tmp/elsewhere"
    shown = origins(shop.run("config", "show", "--overlay", "prod.yaml", "--set", "timezone=Europe/Paris").stdout)
    assert shown["host.max_parallel"] == ("8", "overlay prod.yaml:2")
    assert shown["timezone"] == ("Europe/Paris", "--set")
    assert shown["title"] == ("Shop", "config/orchestration.yaml:5, .env TITLE")
    assert shown["logs.dir"] == ("/tmp/elsewhere", "environment variable LOG_DIR")


def test_show_as_json_has_the_published_shape(shop):
    body = shop.json("config", "show")
    assert list(body) == ["schema", "dialect", "files", "values"]
    assert (body["schema"], body["dialect"]) == ("tetra.config.show/1", "native")
    values = {value["path"]: value for value in body["values"]}
    file = str(shop.root / "config/orchestration.yaml")
    assert values["pipelines.data.timeout"] == {
        "path": "pipelines.data.timeout",
        "value": "2h",
        "origin": {"kind": "file", "file": file, "line": 7, "variables": []},
    }
    assert values["host.max_parallel"]["value"] == 2
    assert values["alerting.channels.slack.webhook_url"]["value"] == "***"
    assert values["alerting.channels.slack.webhook_url"]["origin"]["variables"] == [
        {"name": "SLACK_URL", "source": "environment"}
    ]
    assert values["pipelines.data.enabled"]["origin"] == {
        "kind": "default",
        "file": None,
        "line": None,
        "variables": [],
    }


def test_show_refuses_a_file_with_problems_like_every_command(shop):
    shop.configure("pipelines: {data: {shell: 'true', timout: 5}}\n")
    done = shop.run("config", "show")
    assert (done.returncode, done.stdout) == (78, "")
    assert "unknown key 'timout'" in done.stderr


def test_convert_prints_native_text_with_its_origin_and_unresolved_variables(shop):
    done = shop.run("config", "convert")
    assert (done.returncode, done.stderr) == (0, "")
    head, *rest = done.stdout.splitlines()
    assert head == f"# {modeline()}"
    assert rest[0] == "# Made by `tetra config convert` from config/orchestration.yaml (native)."
    assert 'title: "${TITLE:-none}"' in rest
    assert '  data: {shell: "echo ${REGION}", env: {API_KEY: literal}, retry: {delay: 1}}' in rest


def test_convert_gives_the_same_project_and_converts_to_itself(shop):
    shop.run("config", "convert", "--out", "config/again.yaml")
    first, second = (shop.root / "config" / name for name in ("orchestration.yaml", "again.yaml"))
    one, two = (
        load_project(str(path), environ={"PATH": "/bin", **ENV}, check_modules=False) for path in (first, second)
    )
    assert two.project._replace(file="", config_hash="") == one.project._replace(file="", config_hash="")
    again = shop.run("config", "convert", "config/again.yaml").stdout.splitlines()
    assert again[2:] == second.read_text().splitlines()[2:]


def test_convert_puts_included_files_into_the_one(shop):
    shop.configure("include: [pipelines/*.yaml]\npipelines: {a: {shell: 'true'}}\n")
    shop.write("pipelines/b.yaml", "pipelines: {b: {shell: 'true', depends_on: [a]}}\n")
    assert shop.run("config", "convert", "--out", "config/one.yaml").returncode == 0
    assert "include" not in (shop.root / "config/one.yaml").read_text()
    assert shop.json("validate", "config/one.yaml")["groups"] == [["a"], ["b"]]


def test_convert_writes_over_a_file_only_by_force(shop):
    shop.write("there.yaml", "mine\n")
    done = shop.run("config", "convert", "--out", "there.yaml")
    assert (done.returncode, done.stderr) == (
        64,
        f"error: {shop.root}/there.yaml is there already\n  hint: add --force to write over it, or name another file\n",
    )
    done = shop.run("config", "convert", "--out", "there.yaml", "--force")
    assert (done.returncode, done.stdout) == (0, "wrote there.yaml; `tetra validate there.yaml` checks it\n")


def test_convert_into_a_folder_ends_with_73_and_leaves_nothing_behind(shop):
    (shop.root / "out").mkdir()
    done = shop.run("config", "convert", "--out", "out", "--force")
    assert (done.returncode, done.stderr) == (
        73,
        f"error: {shop.root}/out: cannot be written: Is a directory\n  hint: name another place\n",
    )
    assert sorted(path.name for path in shop.root.iterdir()) == ["config", "home", "out"]


def test_convert_warns_when_relative_paths_will_start_somewhere_else(shop):
    done = shop.run("config", "convert", "--out", "other/x.yaml")
    assert (done.returncode, done.stderr) == (
        0,
        f"warning: relative paths in it start at {shop.root}/other, and started at {shop.root}\n",
    )


@pytest.mark.parametrize("dialect", ["dativo", "recomart", "stages", "tauro", "tetra"])
def test_every_case_of_a_dialect_means_the_same_after_conversion(dialect, tmp_path):
    folder = Path(shutil.copytree(CASES / dialect, tmp_path / dialect))
    assert [file for file in sorted(folder.rglob("*.y*ml")) if means_the_same_after_conversion(file)]


def means_the_same_after_conversion(file):
    """False for a file that is refused, or that is no configuration of its own."""
    try:
        loaded = load_project(str(file), environ=CASES_ENV, check_modules=False)
    except ConfigError:
        return False
    converted = file.with_name("converted.yaml")
    document = from_json(read(str(file), environ=CASES_ENV).text)
    converted.write_text(to_text({**document, "include": []}), encoding="utf-8")
    again = load_project(str(converted), environ=CASES_ENV, check_modules=False)
    converted.unlink()
    both = (one.project._replace(file="", config_hash="", dialect="") for one in (loaded, again))
    assert next(both) == next(both), file
    return True


def test_diff_of_two_files_tells_what_was_added_removed_and_changed(shop):
    shop.write("new.yaml", Path(shop.root / "config/orchestration.yaml").read_text())
    new = shop.root / "new.yaml"
    changed = new.read_text().replace("timeout: 1m", "priority: 5").replace("max_parallel: 2", "max_parallel: 3")
    new.write_text(changed + "pools: {warehouse: 2}\n")
    done = shop.run("config", "diff", "config/orchestration.yaml", "new.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "~ host.max_parallel: 2 -> 3\n"
        "- pipelines.report.timeout: 1m\n"
        "+ pipelines.report.priority: 5\n"
        "+ pools: {warehouse: 2}\n"
    )


def test_diff_of_one_file_compares_it_with_the_project_s(shop):
    text = (shop.root / "config/orchestration.yaml").read_text()
    shop.write("old.yaml", text.replace("delay: 5", "delay: 9"))
    assert shop.run("config", "diff", "old.yaml").stdout == "~ defaults.task.retry.delay: 9 -> 5\n"


def test_diff_without_a_difference_says_so_and_ends_with_0(shop):
    done = shop.run("config", "diff", "config/orchestration.yaml")
    assert (done.returncode, done.stdout) == (
        0,
        "no difference between config/orchestration.yaml and config/orchestration.yaml\n",
    )


def test_diff_finds_none_between_a_file_of_another_dialect_and_what_it_was_converted_to(site):
    stages = [{"id": "a", "type": "frame_extraction", "config": {"fps": 2}}]
    site.write("flow.yaml", to_text({"name": "demo", "version": "1.0", "stages": stages}))
    assert site.run("config", "convert", "flow.yaml", "--out", "native.yaml").returncode == 0
    assert site.run("config", "diff", "flow.yaml", "native.yaml").stdout == (
        "no difference between flow.yaml and native.yaml\n"
    )


def test_diff_masks_what_is_secret(shop):
    text = (shop.root / "config/orchestration.yaml").read_text()
    shop.write("old.yaml", text.replace("API_KEY: literal", "API_KEY: other").replace("token, abc", "token, xyz"))
    assert shop.run("config", "diff", "old.yaml").stdout == (
        '~ pipelines.data.env.API_KEY: "***" -> "***"\n'
        '~ pipelines.report.command: [report, --token, "***", "${REGION}"] -> [report, --token, "***", "${REGION}"]\n'
    )


def test_diff_since_a_run_compares_with_what_that_run_had(shop):
    shop.configure("pipelines: {a: {shell: 'true'}}\n")
    assert shop.run("run").returncode == 0
    shop.configure("pipelines: {a: {shell: 'true', timeout: 5m}, b: {shell: 'true'}}\n")
    run_id = shop.json("show")["run"]["run_id"]
    for name in (run_id, "latest"):
        body = shop.json("config", "diff", "--run", name)
        assert body == {
            "schema": "tetra.config.diff/1",
            "before": f"run {run_id}",
            "after": "config/orchestration.yaml",
            "changes": [
                {"kind": "added", "path": "pipelines.a.timeout", "before": None, "after": "5m"},
                {"kind": "added", "path": "pipelines.b", "before": None, "after": {"shell": "true"}},
            ],
        }


def test_diff_of_a_run_that_there_is_not_is_told(shop):
    assert shop.run("config", "diff", "--run", "nope").stderr == (
        "error: there is no run 'nope'\n  hint: the latest are: none yet\n"
    )


def test_diff_refuses_what_is_no_mapping(shop):
    shop.write("list.yaml", "- a\n")
    done = shop.run("config", "diff", "list.yaml")
    assert (done.returncode, done.stderr) == (
        78,
        f"{shop.root}/list.yaml:1:1: the file must be a mapping, not a list\n  - a\n  ^\n",
    )


def test_config_alone_asks_for_more(shop):
    done = shop.run("config")
    assert (done.returncode, done.stderr) == (
        64,
        "error: `config` needs a command: show, convert, diff\n  hint: `tetra config --help` lists what it takes\n",
    )


@pytest.mark.parametrize("args", [[], ["a.yaml", "--run", "latest"]])
def test_diff_needs_one_of_a_file_and_a_run(shop, args):
    done = shop.run("config", "diff", *args)
    assert (done.returncode, done.stderr) == (
        64,
        "error: one of A and --run is needed\n  hint: write `config diff A B` or `config diff --run latest`\n",
    )


def test_schema_prints_the_shipped_schema_or_writes_it_over_what_is_there(site):
    shipped = files("tetra_orchestrator.config").joinpath("schema.json").read_text(encoding="utf-8")
    assert site.run("schema").stdout == shipped
    for _ in range(2):
        assert site.run("schema", "--out", "a/s.json").stdout == "wrote a/s.json\n"
    assert (site.root / "a/s.json").read_text() == shipped


def test_the_published_schema_is_the_shipped_one():
    shipped = files("tetra_orchestrator.config").joinpath("schema.json").read_text(encoding="utf-8")
    published = Path(__file__).parents[2] / "docs" / "schema.json"
    assert published.read_text(encoding="utf-8") == shipped, "`make schema` writes it anew"


@pytest.mark.parametrize(
    "command", [["config", "show"], ["config", "convert"], ["config", "diff"], ["init"], ["schema"]]
)
def test_help_has_an_example(site, command):
    assert "Example" in site.run(*command, "--help").stdout
