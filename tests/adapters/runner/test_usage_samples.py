"""The file in which looks at running attempts are kept."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from tetra_orchestrator.adapters.runner.metering.samples import SampleFile
from tetra_orchestrator.core.samples import FILE, samples
from tetra_orchestrator.ports import Launch


def launch(folder, name="load", number=1, **env):
    env = {"TETRA_TASK": name, "TETRA_ATTEMPT": str(number), **env}
    return Launch("token", ("true",), env, "/", f"{folder}/{name}.{number}.log", 1.0)


def kept(folder):
    return samples((folder / FILE).read_text().splitlines())


@contextmanager
def room_for(most):
    """Files of this process cannot become longer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_look_adds_a_line_for_each_attempt_of_which_something_is_known(tmp_path):
    file = SampleFile()
    file.add([(launch(tmp_path), (0.5, 1000)), (launch(tmp_path, "build", 2), (1.5, 2000)), (launch(tmp_path), None)])
    file.add([(launch(tmp_path), (0.7, 900))])
    found = kept(tmp_path)
    assert [each[1:] for each in found] == [("load", 1, 0.5, 1000), ("build", 2, 1.5, 2000), ("load", 1, 0.7, 900)]
    assert found[0].at == found[1].at <= found[2].at
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_the_worker_of_a_session_is_no_attempt(tmp_path):
    worker = launch(tmp_path)._replace(env={})
    SampleFile().add([(worker, (0.5, 1000))])
    assert not (tmp_path / FILE).exists()


def test_without_a_folder_to_write_to_nothing_happens(tmp_path):
    SampleFile().add([(launch(tmp_path / "gone"), (0.5, 1000))])
    (tmp_path / FILE).mkdir()
    SampleFile().add([(launch(tmp_path), (0.5, 1000))])
    assert not any((tmp_path / FILE).iterdir())


def test_a_full_disk_leaves_no_half_of_a_line_and_what_comes_later_is_written(tmp_path):
    file = SampleFile()
    file.add([(launch(tmp_path), (0.5, 1000))])
    before = (tmp_path / FILE).read_bytes()
    with room_for(len(before) + 10):
        file.add([(launch(tmp_path), (0.6, 1000))])
    assert (tmp_path / FILE).read_bytes() == before
    file.add([(launch(tmp_path), (0.7, 1000))])
    assert [each.cpu_s for each in kept(tmp_path)] == [0.5, 0.7]


def test_a_file_that_has_grown_to_its_limit_keeps_every_second_look_and_grows_half_as_fast(tmp_path):
    line = 102
    looks = (datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=n) for n in range(201))
    file = SampleFile(100 * line, looks.__next__)
    for n in range(1, 201):
        file.add([(launch(tmp_path), (float(n), 1000))])
        assert (tmp_path / FILE).stat().st_size <= 101 * line
    found = [int(each.cpu_s) for each in kept(tmp_path)]
    assert found[-1] == 200
    assert len(found) > 45
    assert {later - earlier for earlier, later in pairwise(found)} <= {2, 4}


def test_where_the_file_cannot_be_thinned_nothing_is_left_behind_and_it_stays_as_it_is(tmp_path):
    file = SampleFile(limit=1)
    (tmp_path / f"{FILE}.new").symlink_to("/dev/full")
    file.add([(launch(tmp_path), (0.5, 1000))])
    assert [each.name for each in tmp_path.iterdir()] == [FILE]
    assert [each.cpu_s for each in kept(tmp_path)] == [0.5]
