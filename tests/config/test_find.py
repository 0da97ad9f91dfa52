from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tetra_orchestrator.config.find import find_config, project_root, read_bytes
from tetra_orchestrator.errors import ConfigError


def make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("version: 1\n")
    return str(path)


def refusal(path: str) -> str:
    start = time.perf_counter()
    with pytest.raises(ConfigError) as caught:
        read_bytes(path)
    assert time.perf_counter() - start < 1
    assert caught.value.exit_code == 78
    return str(caught.value)


def test_a_named_file_wins(tmp_path: Path) -> None:
    make(tmp_path / "orchestration.yaml")
    environ = {"PIPELINE_CONFIG": "env.yaml", "TETRA_HOME": "/home"}
    assert find_config("sub/x.yaml", environ, str(tmp_path)) == str(tmp_path / "sub/x.yaml")
    assert find_config(None, environ, str(tmp_path)) == str(tmp_path / "env.yaml")


def test_the_home_folder_is_looked_into_before_the_current_one(tmp_path: Path) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    make(here / "orchestration.yaml")
    second = make(home / "orchestration.yaml")
    environ = {"TETRA_HOME": str(home)}
    assert find_config(None, environ, str(here)) == second
    first = make(home / "config/orchestration.yaml")
    assert find_config(None, environ, str(here)) == first


def test_the_nearest_file_above_the_current_folder_is_found(tmp_path: Path) -> None:
    top = make(tmp_path / "config/orchestration.yaml")
    deep = tmp_path / "a/b"
    deep.mkdir(parents=True)
    assert find_config(None, {}, str(deep)) == top
    near = make(tmp_path / "a/orchestration.yaml")
    assert find_config(None, {}, str(deep)) == near


def test_the_places_are_named_when_nothing_is_found(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config(None, {"TETRA_HOME": str(tmp_path)}, "/")
    assert str(caught.value) == (
        f"there is no configuration file; looked for {tmp_path}/config/orchestration.yaml, "
        f"{tmp_path}/orchestration.yaml, {tmp_path}/pipeline_config.yaml\n"
        "  hint: change to the project's folder, name a file with --config, or have `tetra init` write a first one"
    )
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("name", ["config/orchestration.yaml", "pipeline_config.yaml", "nodes.yml", "runner.yaml"])
def test_of_a_named_folder_its_configuration_is_taken(tmp_path: Path, name: str) -> None:
    file = make(tmp_path / name)
    assert find_config(str(tmp_path), {}, "/") == file


def test_a_folder_without_one_is_answered_as_it_is(tmp_path: Path) -> None:
    assert find_config(str(tmp_path), {}, "/") == str(tmp_path)


def test_the_root_is_above_a_folder_called_config() -> None:
    assert project_root("/x/config/orchestration.yaml") == "/x"
    assert project_root("/x/configs/runner.yaml") == "/x"
    assert project_root("/x/bin/config/orchestration.yaml") == "/x"
    assert project_root("/bin/x.yaml") == "/bin"
    assert project_root("/x/orchestration.yaml") == "/x"
    assert project_root("/orchestration.yaml") == "/"


@pytest.mark.parametrize("place", ["jobs/job.yaml", "jobs/acme/job.yaml"])
def test_D_154_a_job_file_beside_configs_is_of_the_same_project_as_the_runner_file_there(
    tmp_path: Path, place: str
) -> None:
    file = tmp_path / place
    assert project_root(str(file)) == str(file.parent)
    (tmp_path / "configs").mkdir()
    assert project_root(str(file)) == str(tmp_path)
    assert project_root(str(tmp_path / "jobs" / "acme" / "older" / "job.yaml")) == str(tmp_path / "jobs/acme/older")


def test_a_project_of_ours_in_a_folder_called_jobs_keeps_its_root(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    for place in ("jobs", "jobs/acme"):
        for name in ("orchestration.yaml", "pipeline_config.yaml"):
            assert project_root(str(tmp_path / place / name)) == str(tmp_path / place)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "x.yaml")
    assert refusal(path) == f"{path}: cannot be read: No such file or directory\n  hint: check the path and its rights"


def test_a_name_with_a_nul_is_told() -> None:
    assert "cannot be read: its name holds a NUL character" in refusal("a\0b")


def test_a_folder_a_pipe_and_a_device_are_refused_without_hanging(tmp_path: Path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    for path in (str(tmp_path), pipe, "/dev/zero"):
        assert refusal(path) == f"{path}: this is not a regular file\n  hint: name a YAML file"


def test_fifty_megabytes_are_refused_quickly(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    assert refusal(str(path)) == (
        f"{path}: the file has 50 MB, and at most 10 MB are read\n  hint: is this the right file?"
    )
