"""What a worker process is started with: any Python since 3.9, our package at hand, the working folder first."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tetra_orchestrator.worker import START
from worker.functions import call

VERSION = "import sys; print(list(sys.version_info[:2]))"


def test_the_working_folder_comes_first_and_our_own_folder_is_not_on_the_path(tmp_path):
    done = call(tmp_path, "import sys\ndef main(): return {'path': sys.path, 'argv': sys.argv}")
    assert done.outputs["path"][0] == str(tmp_path)
    assert str(Path(START).parent) not in done.outputs["path"]
    assert done.outputs["argv"] == [START, "tasks.main"]


def test_our_package_can_be_imported_though_it_is_not_installed(tmp_path):
    source = "def main():\n    import tetra_orchestrator.worker as ours\n    return ours.__path__[0]"
    assert call(tmp_path, source, env={"PYTHONNOUSERSITE": "1"}).outputs == {"result": str(Path(START).parent)}


def test_a_module_of_the_user_may_have_the_name_of_one_of_ours(tmp_path):
    (tmp_path / "function.py").write_text("def main(): return 'theirs'\n")
    (tmp_path / "session.py").write_text("NAME = 'theirs, too'\n")
    assert call(tmp_path, "", "function.main").outputs == {"result": "theirs"}
    assert call(tmp_path, "import session\ndef main(): return session.NAME").outputs == {"result": "theirs, too"}


def test_a_safe_path_stays_safe(tmp_path):
    done = call(tmp_path, "def main(): pass", env={"PYTHONSAFEPATH": "1"})
    assert done.stderr.startswith("ModuleNotFoundError: tasks.main: there is no module 'tasks' in ")


def test_a_function_runs_in_every_python_there_is(tmp_path):
    source = "import sys\ndef main(rows): return {'rows': rows, 'version': list(sys.version_info[:2])}"
    names = [sys.executable, *(f"python3.{minor}" for minor in range(9, 15))]
    for python in filter(shutil.which, names):
        version = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=False)
        if version.returncode == 0:  # and not the shim of one that is not there
            done = call(tmp_path, source, python=python, config={"rows": 3})
            assert done.outputs == {"rows": 3, "version": json.loads(version.stdout)}
