"""The limits of one attempt."""

from support.builders import task
from tetra_orchestrator.core.facts import Bounds
from tetra_orchestrator.core.model import Resources
from tetra_orchestrator.engine.bounds import bounds
from tetra_orchestrator.ports import AttemptFiles

FILES = AttemptFiles("/logs/a.1.log", "/state/a.json", "/state/a.jsonl", "/state/checkpoints/a", "/state/a.record")


def of(number=1, **settings):
    return bounds(task("a")._replace(**settings), number, "/project", FILES)


def test_a_task_that_says_nothing_has_no_limits():
    assert of() is None
    assert of(resources=Resources(gpu=1, workers=4)) is None


def test_every_limit_of_a_task_reaches_its_attempt():
    wanted = Resources(cpu=1.5, memory_bytes=100, gpu=1, disk_bytes=200, processes=3, open_files=4)
    assert of(resources=wanted, log_limit_bytes=500) == Bounds(100, 1.5, 3, 4, 200, 500, "/state/checkpoints/a")
    assert of(resources=Resources(open_files=64)) == Bounds(open_files=64, folder="/state/checkpoints/a")
    assert of(log_limit_bytes=7) == Bounds(log_bytes=7, folder="/state/checkpoints/a")


def test_memory_and_disk_grow_with_the_attempt():
    wanted = Resources(cpu=1.0, memory_bytes=100, disk_bytes=10, processes=3, grow=1.5)
    assert of(1, resources=wanted).memory_bytes == 100
    assert of(3, resources=wanted) == Bounds(225, 1.0, 3, 0, 22, 0, "/state/checkpoints/a")


def test_what_grows_beyond_all_bounds_is_the_most_there_is():
    assert of(2000, resources=Resources(memory_bytes=1, grow=10.0)).memory_bytes == 1 << 62


def test_the_work_folder_is_the_one_the_task_names():
    assert of(resources=Resources(disk_bytes=1), cwd="work").folder == "/project/work"
    assert of(resources=Resources(disk_bytes=1), cwd="/data").folder == "/data"
