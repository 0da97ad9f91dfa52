"""`PipelineCache` of the public Python interface: tetra.md's, with JSON in place of pickles."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import warnings

import pytest

from tetra_orchestrator import PipelineCache
from tetra_orchestrator.errors import CannotWrite, Forbidden

DAILY = {"mode": "daily"}


def get(cache, pipeline="data_pipeline", params=DAILY):
    return asyncio.run(cache.get(pipeline, params))


def put(cache, result, pipeline="data_pipeline", params=DAILY):
    asyncio.run(cache.set(pipeline, params, result))


@pytest.fixture
def cache(tmp_path):
    return PipelineCache(tmp_path / "my cache", max_age=3600)


def only_file(cache):
    [name] = os.listdir(cache.cache_dir)
    return os.path.join(cache.cache_dir, name)


def aged(path, seconds):
    status = os.stat(path)
    os.utime(path, (status.st_atime, status.st_mtime - seconds))


def test_T_229_it_makes_its_folder_with_those_above_it(tmp_path):
    PipelineCache(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize(
    ("pipeline", "params", "key"),
    [
        ("data_pipeline", {"mode": "daily"}, "8a6d819373aebd80dda74951e5f9ba7d"),
        ("metrics_pipeline", {"scenario": "all", "force": True}, "2029052231036c15b62e354f8c344952"),
        ("metrics_pipeline", {"force": True, "scenario": "all"}, "2029052231036c15b62e354f8c344952"),
    ],
)
def test_T_230_T_231_a_key_is_the_md5_of_the_pipeline_and_its_sorted_parameters(cache, pipeline, params, key):
    assert cache.cache_key(pipeline, params) == key


def test_T_231_nested_parameters_are_sorted_too(cache):
    assert cache.cache_key("p", {"a": {"x": 1, "y": [True]}}) == cache.cache_key("p", {"a": {"y": [True], "x": 1}})


def test_T_232_a_result_is_a_json_file_named_by_its_key(cache):
    put(cache, {"rows": [1, 2.5, None, "x"]})
    path = only_file(cache)
    assert os.path.basename(path) == "8a6d819373aebd80dda74951e5f9ba7d.json"
    with open(path, encoding="utf-8") as file:
        assert json.load(file) == {"rows": [1, 2.5, None, "x"]}


@pytest.mark.parametrize("result", [(1, 2), {1: "x"}, float("nan"), {"deep": [{"er": (1,)}]}])
def test_T_232_what_json_would_give_back_as_something_else_is_refused(cache, result):
    with pytest.raises(TypeError, match="a result has to be what JSON can hold"):
        put(cache, result)
    assert os.listdir(cache.cache_dir) == []


def test_T_233_a_result_comes_back_for_the_same_pipeline_and_parameters_alone(cache):
    put(cache, {"rows": 5})
    assert get(cache) == {"rows": 5}
    assert get(cache, params={"mode": "weekly"}) is None
    assert get(cache, pipeline="other") is None
    put(cache, {"rows": 6})
    assert get(cache) == {"rows": 6}


def test_T_233_T_234_a_result_counts_while_it_is_younger_than_its_limit(cache, monkeypatch):
    put(cache, 5)
    written = os.stat(only_file(cache)).st_mtime
    monkeypatch.setattr("tetra_orchestrator.pipeline_cache.time.time", lambda: written + 3599)
    assert get(cache) == 5
    monkeypatch.setattr("tetra_orchestrator.pipeline_cache.time.time", lambda: written + 3600)
    assert get(cache) is None


def test_T_234_the_limit_may_differ_by_pipeline_and_is_a_day_for_those_without(tmp_path):
    cache = PipelineCache(tmp_path / "c", max_age={"data_pipeline": 60})
    assert (cache.get_max_cache_age("data_pipeline"), cache.get_max_cache_age("other")) == (60, 86400)
    assert PipelineCache(tmp_path / "d", max_age=5).get_max_cache_age("any") == 5
    put(cache, 1)
    put(cache, 2, pipeline="other")
    for name in os.listdir(cache.cache_dir):
        aged(os.path.join(cache.cache_dir, name), 61)
    assert (get(cache), get(cache, pipeline="other")) == (None, 2)


def test_T_234_a_result_of_a_time_to_come_does_not_count(cache):
    put(cache, 5)
    aged(only_file(cache), -7200)
    assert get(cache) is None


@pytest.mark.parametrize("content", [b"", b'{"rows": ', b"\xff\xfe", b"[" * 100_000])
def test_T_235_a_damaged_file_gives_nothing_and_a_warning(cache, content):
    put(cache, {"rows": 5})
    path = only_file(cache)
    with open(path, "wb") as file:
        file.write(content)
    with pytest.warns(RuntimeWarning, match=r"8a6d819373aebd80dda74951e5f9ba7d\.json is damaged"):
        assert get(cache) is None
    put(cache, {"rows": 6})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get(cache) == {"rows": 6}


def test_T_235_a_link_in_place_of_a_file_is_not_followed(cache, tmp_path):
    (tmp_path / "planted").write_text("1")
    put(cache, 5)
    path = only_file(cache)
    os.unlink(path)
    os.symlink(tmp_path / "planted", path)
    with pytest.warns(RuntimeWarning, match="is damaged"):
        assert get(cache) is None


def test_T_236_folder_and_files_are_for_us_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        cache = PipelineCache(tmp_path / "c")
        put(cache, 5)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(cache.cache_dir).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(only_file(cache)).st_mode) == 0o600


def test_T_236_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "c"
    PipelineCache(folder)
    monkeypatch.setattr("tetra_orchestrator.pipeline_cache.os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(Forbidden) as refused:
        PipelineCache(folder)
    assert str(refused.value) == f"{folder}: the folder of the cache belongs to somebody else\n  hint: choose another"


def test_T_236_a_folder_that_others_may_write_to_is_refused(tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(Forbidden) as refused:
        PipelineCache(folder)
    assert str(refused.value) == (f"{folder}: others may write to the folder of the cache\n  hint: chmod go-w {folder}")


def test_T_236_a_write_that_fails_leaves_the_result_of_before_and_no_draft(cache, monkeypatch):
    put(cache, 5)

    def full(*paths):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tetra_orchestrator.pipeline_cache.os.replace", full)
        with pytest.raises(CannotWrite, match="the result cannot be kept: No space left on device"):
            put(cache, 6)
    assert get(cache) == 5
    assert len(os.listdir(cache.cache_dir)) == 1


def test_T_229_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "c").write_text("x")
    (tmp_path / "c").chmod(0o600)
    with pytest.raises(CannotWrite) as fault:
        PipelineCache(tmp_path / "c")
    assert str(fault.value) == f"{tmp_path / 'c'}: is no folder"
