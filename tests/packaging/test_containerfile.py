"""The Containerfile: what it says, and its instructions performed on a copy of this system's files (no engine runs)."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.components import require_root
from support.containerfile import Image, Instruction, last, read, stages
from support.packages import packed, required_by
from support.waiting import until

CONTAINERFILE = Path(__file__).parents[2] / "Containerfile"
FILE = """
    version: 1
    project: shop
    pipelines:
      load:
        shell: |
          python3 -c 'import sys; print("prefix", sys.prefix)'
          exec sleep 600
    modes: {all: [load]}
    schedules: {once: {mode: all, on_startup: true}}
"""


@pytest.fixture(scope="module")
def final() -> list[Instruction]:
    return stages(CONTAINERFILE.read_text())[-1]


def words(instructions: list[Instruction], word: str) -> list[str]:
    return [one.text for one in instructions if one.word == word]


# -- what it says -----------------------------------------------------------------------------------------------------


def test_the_base_is_of_a_version_and_not_of_the_day():
    (base,) = [one.text for one in read(CONTAINERFILE.read_text()) if one.text.startswith("BASE=")]
    assert re.fullmatch(r"BASE=[a-z.]+/library/python:\d\.\d+-slim-[a-z]+", base)


def test_what_builds_is_not_in_the_image(final):
    assert len(stages(CONTAINERFILE.read_text())) == 2
    assert words(final, "COPY") == ["--from=build /opt/tetra /opt/tetra"]
    assert not [text for text in words(final, "RUN") if "pip" in text or "apt" in text]


def test_pip_leaves_no_cache_and_the_second_time_takes_nothing_from_elsewhere():
    runs = [text for text in words(stages(CONTAINERFILE.read_text())[0], "RUN") if "-m pip" in text]
    assert [("--no-cache-dir" in text, "--no-index" in text) for text in runs] == [(True, False), (True, True)]


def test_every_file_that_is_copied_is_there():
    sources = [text.split()[:-1] for text in words(stages(CONTAINERFILE.read_text())[0], "COPY")]
    assert [name for names in sources for name in names if not (CONTAINERFILE.parent / name).exists()] == []


def test_it_runs_as_a_user_without_rights_that_is_named_by_number(final):
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last(final, "USER").text)
    assert [one.word for one in final][-1] == "CMD"
    assert [one.word for one in final].index("USER") > [one.word for one in final].index("RUN")


def test_process_1_is_the_command_itself_and_no_shell(final):
    assert (last(final, "ENTRYPOINT").argv, last(final, "CMD").argv) == (["tetra"], ["start", "--foreground"])


# -- performed --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image(unpacked, wheelhouse, tmp_path_factory) -> Iterator[Image]:
    """Built of the source archive, from packages of this environment."""
    require_root()
    if sys.platform != "linux":
        pytest.skip("performs the file on Linux")
    for one in required_by(["hatchling"]).values():
        packed(one, wheelhouse)
    beside = [Path(path) for path in {sys.prefix, sys.base_prefix} if not path.startswith("/usr")]
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse), "PIP_CONFIG_FILE": os.devnull}
    image = Image(unpacked, tmp_path_factory.mktemp("image") / "disk", [wheelhouse, *beside], offline)
    yield image
    image.close()


@pytest.fixture
def volumes(tmp_path) -> dict[Path, str]:
    """The configuration, and what has to outlast a container, owned by its user."""
    found = {tmp_path / name: f"/project/{name}" for name in ("config", "state", "logs")}
    for folder in found:
        folder.mkdir()
        os.chown(folder, 1000, 1000)
    (tmp_path / "config" / "orchestration.yaml").write_text(FILE)
    return found


def test_the_image_has_the_command_and_no_installer(image):
    done = image.run("tetra", "--version")
    assert (done.returncode, done.stdout[:19]) == (0, "tetra-orchestrator ")
    assert image.run("/opt/tetra/bin/python3", "-c", "import pip").returncode == 1
    assert image.run("id", "-u").stdout == "1000\n"


def test_term_ends_what_runs_within_its_grace_and_the_next_container_knows_of_it(image, volumes, tmp_path):
    """The root is read-only meanwhile: what is kept is kept in the volumes."""
    health = last(image.instructions, "HEALTHCHECK").text.partition(" CMD ")[2]
    said = tmp_path / "said"
    for number in (1, 2):
        with image.started(volumes, said) as container:
            until(lambda number=number: len(begun(tmp_path)) == number, 60)
            assert container.run("cat", "/proc/1/comm").stdout == "tetra\n"
            assert container.run("/bin/sh", "-c", health).returncode == 0, said.read_text()
            history = container.run("tetra", "history", "--json")
            assert history.stdout.count('"run_id"') == number, history.stderr
            assert container.stop() == 0, said.read_text()
        assert "prefix /opt/tetra\n" not in begun(tmp_path)
        assert "stopping: the runs that are active are ended" in said.read_text()
        # of one second there is one slot "at startup"
        ended = int(time.time())
        until(lambda ended=ended: int(time.time()) > ended)
    assert {path.stat().st_uid for path in (tmp_path / "state").rglob("*")} == {1000}


def test_the_health_check_says_so_where_there_is_no_configuration(image):
    health = last(image.instructions, "HEALTHCHECK").text.partition(" CMD ")[2]
    done = image.run("/bin/sh", "-c", health)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no configuration" in done.stderr


def begun(folder: Path) -> list[str]:
    """What the tasks have said so far: where the Python that they find is at home."""
    return [text for log in folder.glob("logs/runs/*/load.1.log") if (text := log.read_text()).endswith("\n")]
