"""A function as a task: what it is given, what becomes of what it returns, and how it fails."""

from __future__ import annotations

import pytest

from tetra_orchestrator.worker.function import locate, named
from worker.functions import call

TRACEBACK = "Traceback (most recent call last):\n"


# What it is given


def test_its_configuration_arrives_as_keywords_and_what_it_reads_as_positional_arguments(tmp_path):
    source = "def main(*data, **config): return {'data': data, 'config': config}"
    done = call(tmp_path, source, config={"rows": 3, "deep": {"a": [1.5, None]}}, reads=["x", "y"], inputs=[[1], "y"])
    assert done.outputs == {"data": [[1], "y"], "config": {"rows": 3, "deep": {"a": [1.5, None]}}}


def test_without_anything_it_is_called_with_nothing(tmp_path):
    assert call(tmp_path, "def main(): return 1").outputs == {"result": 1}


def test_an_argument_that_it_does_not_take_is_named_without_a_traceback_of_ours(tmp_path):
    done = call(tmp_path, "def main(rows): pass", config={"row": 3})
    assert done.stderr == "TypeError: main() got an unexpected keyword argument 'row'\n"
    assert done.code == 1


# What becomes of what it returns


@pytest.mark.parametrize(
    ("returned", "outputs"),
    [
        ("{'rows': 3, 'files': ['a']}", {"rows": 3, "files": ["a"]}),
        ("[1, 2]", {"result": [1, 2]}),
        ("'done'", {"result": "done"}),
        ("0", {"result": 0}),
        ("None", {}),
        ("{}", {}),
        ("(x * x for x in range(3))", {"result": [0, 1, 4]}),
    ],
)
def test_a_mapping_gives_its_keys_as_outputs_and_any_other_value_is_the_output_result(tmp_path, returned, outputs):
    done = call(tmp_path, f"def main(): return {returned}")
    assert (done.code, done.outputs) == (0, outputs)


def test_a_generator_is_run_to_its_end(tmp_path):
    assert call(tmp_path, "def main():\n    yield 1\n    print('between')\n    yield 2") == (
        0,
        {"result": [1, 2]},
        "between\n",
        "",
    )


def test_an_async_function_is_awaited(tmp_path):
    source = "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    return {'rows': 1}"
    assert call(tmp_path, source).outputs == {"rows": 1}


def test_what_it_writes_is_the_output_of_that_name(tmp_path):
    assert call(tmp_path, "def main(): return {'a': 1}", writes=["table"]).outputs == {"table": {"a": 1}}
    assert call(tmp_path, "def main(): return None", writes=["table"]).outputs == {"table": None}
    assert call(tmp_path, "def main(): return 1, [2]", writes=["one", "two"]).outputs == {"one": 1, "two": [2]}


def test_as_many_values_are_needed_as_names_are_written():
    for value, count in (((1, 2), 2), ([1], 1), ("ab", 1)):
        with pytest.raises(ValueError) as wrong:
            named(value, ["a", "b", "c"], "etl.split")
        assert str(wrong.value) == f"etl.split returned {count} values for the 3 in writes: a, b, c"


def test_names_of_outputs_are_text():
    with pytest.raises(TypeError) as wrong:
        named({1: "one"}, [], "etl.count")
    assert str(wrong.value) == "etl.count returned a mapping with the key 1; names of outputs are text"


def test_outputs_come_after_those_that_the_function_has_appended_itself(tmp_path):
    source = """
import os
def main():
    with open(os.environ["TETRA_OUTPUT"], "a") as file:
        file.write('{"rows": 1, "seen": true}')
    return {"rows": 2}
"""
    assert call(tmp_path, source).outputs == {"rows": 2, "seen": True}


@pytest.mark.parametrize(
    ("returned", "kind", "why"),
    [
        ("{'frame': object()}", "object", "Object of type object is not JSON serializable"),
        ("{'frame': {1}}", "set", "Object of type set is not JSON serializable"),
        ("{'frame': float('nan')}", "float", "Out of range float values are not JSON compliant"),
    ],
)
def test_a_value_that_is_not_json_fails_and_is_told_of_sessions(tmp_path, returned, kind, why):
    done = call(tmp_path, f"def main(): return {returned}")
    assert done.code == 1
    told = done.stderr.replace("compliant: nan", "compliant")  # since Python 3.12
    assert told == (
        f"TypeError: tasks.main returned as 'frame' a value of type {kind}, which is not JSON ({why}): "
        "return plain values, or give the tasks that share it a `session`\n"
    )


def test_more_than_the_output_limit_fails_and_says_what_to_do(tmp_path):
    done = call(tmp_path, "def main(): return 'x' * 100", output_limit=50)
    assert done.code == 1
    assert done.stderr == (
        "ValueError: tasks.main returned 114 bytes of outputs, more than the output_limit of 50: "
        "write them to a file and return its name, or keep them in a `session`\n"
    )
    assert "result" not in done.outputs


# How it fails


def test_an_exception_ends_it_with_1_and_a_traceback_that_begins_in_the_function(tmp_path):
    done = call(tmp_path, "def main():\n    raise ValueError('no rows')\n")
    place = f'  File "{tmp_path}/tasks.py", line 2, in main\n'
    assert (done.code, done.stderr) == (
        1,
        f"{TRACEBACK}{place}    raise ValueError('no rows')\nValueError: no rows\n",
    )


def test_the_class_of_an_exception_and_those_it_comes_from_are_reserved_outputs(tmp_path):
    source = "class Slow(TimeoutError): pass\ndef main(): raise Slow('x')"
    assert call(tmp_path, source).outputs == {
        "error_class": "Slow",
        "error_classes": ["Slow", "TimeoutError", "OSError", "Exception", "BaseException"],
    }


@pytest.mark.parametrize(("code", "expected"), [("", 0), ("0", 0), ("3", 3), ("'bad news'", 1), ("-1", 255)])
def test_sys_exit_ends_it_with_that_code(tmp_path, code, expected):
    done = call(tmp_path, f"import sys\ndef main(): sys.exit({code})")
    assert (done.code, done.outputs) == (expected, {})
    assert done.stderr == ("bad news\n" if expected == 1 else "")


# How it is found


@pytest.fixture
def packages(tmp_path, monkeypatch):
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "__init__.py").write_text("from shelf.run import run\n")
    (folder / "run.py").write_text("def run(): return 'the function'\n")
    (folder / "deep.py").write_text("TABLE = {}\nclass Job:\n    @staticmethod\n    def start(): return 'the method'\n")
    (folder / "broken.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("path", "returned"),
    [
        ("shelf.run", "the function"),
        ("shelf.run.run", "the function"),
        ("shelf.run:run", "the function"),
        ("shelf.deep.Job.start", "the method"),
        ("shelf.deep:Job.start", "the method"),
    ],
)
def test_a_path_is_the_longest_module_it_begins_with_and_names_within(path, returned):
    assert locate(path)() == returned


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("shelf.deep.Jobs", AttributeError, "shelf.deep.Jobs: shelf.deep has no 'Jobs': did you mean 'Job'?"),
        ("shelf.deep.Job.halt", AttributeError, "shelf.deep.Job.halt: shelf.deep.Job has no 'halt'"),
        ("shelf.dep.Job", AttributeError, "shelf.dep.Job: shelf has no 'dep'"),
        ("shelf.deep.TABLE", TypeError, "shelf.deep.TABLE is not a function: it is of type dict"),
        ("main", ModuleNotFoundError, "main names no module: write it as module.main"),
        ("shelf.broken.main", ModuleNotFoundError, "No module named 'nowhere_to_be_found'"),
    ],
)
def test_what_is_not_found_is_named(path, kind, text):
    with pytest.raises(kind) as wrong:
        locate(path)
    assert str(wrong.value).replace(": did you mean 'deep'?", "") == text


def test_a_module_that_is_not_there_is_named_with_where_it_was_looked_for(tmp_path):
    import sys

    done = call(tmp_path, "", "task.main")
    assert done.stderr == (
        f"ModuleNotFoundError: task.main: there is no module 'task' in {tmp_path}, on the `pythonpath` or among the "
        f"packages of {sys.executable}\n"
    )


def test_a_fault_while_the_module_is_imported_is_shown_where_it_is(tmp_path):
    done = call(tmp_path, "import nowhere_to_be_found")
    assert done.stderr == (
        f'{TRACEBACK}  File "{tmp_path}/tasks.py", line 1, in <module>\n    import nowhere_to_be_found\n'
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'\n"
    )
