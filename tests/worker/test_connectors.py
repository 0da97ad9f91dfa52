"""Running one job of the dativo dialect: what is counted, how it ends, its secrets and where it goes on next time."""

from __future__ import annotations

import ast
import json
import logging
import os
import sys
from pathlib import Path

import pytest

from tetra_orchestrator.worker import connectors, masking, position, transfer
from tetra_orchestrator.worker.connectors import DativoJob
from tetra_orchestrator.worker.transfer import rate

OURS = "tetra_orchestrator.worker.connectors:"
#: Connectors as a user writes them.
SHOP = """\
import os

SEEN = []

def stripe(job, batches):
    for batch in batches:
        yield batch

def growing(job, rows):
    start = job.position or 0
    job.api_calls += 1
    yield [{"id": n} for n in range(start, rows)]
    job.position = rows

def pages(job):
    job.position = {"page": 1}
    yield [{"id": 1}]

def reset(job):
    yield [{"id": 1}]
    job.position = "later"
    raise ConnectionError("reset by peer")

def leave(job):
    raise SystemExit(7)

def bad(job):
    yield [{"id": 1}, ValueError("no id"), KeyError("name"), ValueError("no mail")]

def careless(job):
    print("the key is", os.environ["STRIPE_API_KEY"])
    raise RuntimeError(os.environ["STRIPE_API_KEY"] + " was refused")

def keep(batch, job, size=10):
    SEEN.append(batch)
    return size
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a job; its result. `shop` is a module of the user's."""
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    monkeypatch.setattr(logging.root, "level", logging.root.level)
    sys.modules.pop("shop", None)

    def perform(source, target=None, **config):
        monkeypatch.setattr(logging.root, "handlers", [])
        return DativoJob("hourly", configured(tmp_path, source, target, **config)).execute({})

    return perform


def configured(root, source, target=None, **config):
    """The configuration that a job file becomes."""
    return {
        "job": "hourly",
        "tenant": "acme",
        "source_connector": "stripe",
        "target_connector": "iceberg",
        "asset": "stripe_customers",
        "validation": "warn",
        "redaction": True,
        "level": "INFO",
        "root": str(root),
        "source": source,
        "target": target or {"call": f"{OURS}null_writer"},
        **config,
    }


def fake(**options):
    return {"call": f"{OURS}fake", "options": options}


def shop(name, **options):
    return {"call": f"shop:{name}", "options": options}


# -- counts and exit codes ------------------------------------------------------------------------------------------


def test_D_080_a_job_whose_records_are_all_good_ends_with_0(run):
    result = run(fake(records=1000), shop("keep"))
    assert (result.exit_code, result.error) == (0, None)
    assert result.outputs == {
        "records_extracted": 1000,
        "records_valid": 1000,
        "records_invalid": 0,
        "files_written": 1,
        "total_bytes": 10,
        "status": "success",
    }


def test_D_081_bad_records_are_left_out_and_the_job_ends_with_1(run):
    result = run(fake(records=1000, invalid=5, files=2), shop("keep"))
    assert (result.exit_code, result.error, result.outputs["status"]) == (1, None, "partial")
    assert result.outputs["records_valid"] == 995
    assert result.outputs["records_invalid"] == 5
    assert [len(batch) for batch in sys.modules["shop"].SEEN] == [500, 495]


def test_D_082_in_strict_mode_bad_records_end_the_job_with_2_and_nothing_of_their_batch_is_written(run):
    result = run(shop("bad"), shop("keep"), validation="strict")
    assert (result.exit_code, result.outputs["status"]) == (2, "failure")
    assert result.error == "the job failed: ValueError: 3 of 4 records are invalid, the first: no id"
    assert sys.modules["shop"].SEEN == []


def test_D_083_what_a_connector_raises_ends_the_job_with_2(run, capsys):
    result = run(shop("reset"))
    assert (result.exit_code, result.error) == (2, "the job failed: ConnectionError: reset by peer")
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.endswith("ConnectionError: reset by peer\n")
    assert "connectors.py" not in shown


def test_D_084_a_connector_that_leaves_with_a_code_of_its_own_ends_the_job_with_2(run):
    result = run(shop("leave"))
    assert (result.exit_code, result.error) == (2, "the job failed: SystemExit: 7")


def test_D_128_to_D_130_files_and_bytes_are_the_targets_own_figures(run):
    result = run(fake(records=10, files=2), shop("keep", size=26214400))
    assert (result.outputs["files_written"], result.outputs["total_bytes"]) == (2, 52428800)
    assert result.metrics["file_sizes"] == [26214400, 26214400]


def test_D_135_D_139_metrics_count_files_and_errors_by_type(run):
    metrics = run(shop("bad")).metrics
    assert metrics["files_processed"] == 1
    assert metrics["errors"] == {"ValueError": 2, "KeyError": 1}
    assert metrics["execution_time_seconds"] >= 0


def test_a_batch_without_a_good_record_is_no_file(run):
    assert run(fake(records=3, invalid=3)).outputs["files_written"] == 0


def test_D_131_D_133_the_rate_has_one_decimal_and_never_divides_by_zero():
    assert rate(1000, 45.2) == 22.1
    assert rate(0, 3.0) == 0
    assert rate(10, 0.0) == 0


def test_the_null_writer_counts_the_bytes_of_json(run):
    assert run(shop("stripe", batches=[[{"id": 1}]])).outputs["total_bytes"] == len(b'[{"id": 1}]')


# -- what is refused before anything runs ---------------------------------------------------------------------------


def test_a_sound_configuration_is_accepted(tmp_path):
    DativoJob("hourly", configured(tmp_path, fake())).validate()


@pytest.mark.parametrize("key", ["job", "tenant", "asset", "source_connector", "target_connector", "root", "source"])
def test_a_configuration_that_is_not_whole_is_refused(tmp_path, key):
    config = {k: value for k, value in configured(tmp_path, fake()).items() if k != key}
    with pytest.raises(ValueError, match=f"^the configuration has no '{key}'$"):
        DativoJob("hourly", config).validate()


@pytest.mark.parametrize("module", ["nowhere", "nowhere.inside"])
def test_a_connector_in_a_module_that_is_not_there_is_refused(tmp_path, module):
    with pytest.raises(ValueError, match="^the source") as refused:
        DativoJob("hourly", configured(tmp_path, {"call": f"{module}:read"})).validate()
    assert str(refused.value) == (
        f"the source connector 'stripe' is bound to '{module}:read', and no module '{module}' is in {tmp_path}, "
        "in its `connectors` or installed"
    )


# -- secrets --------------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path):
    folder = tmp_path / "secrets" / "acme"
    folder.mkdir(parents=True)
    (folder / "stripe.env").write_text("# keys\nexport STRIPE_API_KEY='test-secret-value-0001'\nSHORT=abc\n\n")
    other = tmp_path / "secrets" / "beta"
    other.mkdir()
    (other / "stripe.env").write_text("BETA_KEY=nothing-for-acme\n")


@pytest.mark.usefixtures("secret")
def test_D_023_a_job_is_given_its_tenants_secrets_and_no_others(run):
    run(fake())
    assert os.environ["STRIPE_API_KEY"] == "test-secret-value-0001"
    assert "BETA_KEY" not in os.environ


@pytest.mark.usefixtures("secret")
def test_D_071_D_073_secrets_are_masked_in_all_that_a_job_writes(run, capsys):
    run(shop("careless"))
    out, err = capsys.readouterr()
    assert out == "the key is ***\n"
    assert err.startswith("INFO secrets of 'acme': STRIPE_API_KEY, SHORT\n")
    assert err.endswith("RuntimeError: *** was refused\n")


@pytest.mark.usefixtures("secret")
def test_D_071_without_redaction_output_is_as_it_is(run, capsys):
    run(shop("careless"), redaction=False)
    assert capsys.readouterr().out == "the key is test-secret-value-0001\n"


def test_D_074_a_secret_that_is_needed_and_missing_is_named(run):
    result = run({"call": f"{OURS}fake", "secrets": ["STRIPE_API_KEY"]})
    assert result.exit_code == 2
    assert result.error == (
        "the job failed: LookupError: the source connector needs STRIPE_API_KEY, which no secret gives"
    )


@pytest.mark.usefixtures("secret")
def test_D_072_at_level_WARNING_a_good_job_says_nothing(run, capsys):
    run(fake(), level="WARNING")
    assert capsys.readouterr() == ("", "")


# -- incremental position -------------------------------------------------------------------------------------------


def test_D_075_the_next_run_goes_on_where_the_last_one_ended(run, tmp_path):
    assert run(shop("growing", rows=10)).outputs["records_extracted"] == 10
    assert run(shop("growing", rows=14)).outputs["records_extracted"] == 4
    [file] = (tmp_path / "state" / "tenants" / "acme").iterdir()
    assert (file.name, file.read_text()) == ("stripe-iceberg-stripe_customers.json", "14\n")


def test_D_024_each_tenant_has_a_position_of_its_own(run):
    run(shop("growing", rows=10))
    assert run(shop("growing", rows=10), tenant="beta").outputs["records_extracted"] == 10


def test_D_076_a_failed_run_leaves_the_position_as_it_was(run, tmp_path):
    run(shop("reset"))
    assert not (tmp_path / "state").exists()


def test_a_position_may_be_any_value_of_json(run, tmp_path):
    run(shop("pages"))
    [file] = (tmp_path / "state" / "tenants" / "acme").iterdir()
    assert json.loads(file.read_text()) == {"page": 1}
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_names_of_a_route_cannot_leave_the_folder(run, tmp_path):
    run(shop("pages"), asset="../../x")
    [file] = (tmp_path / "state" / "tenants" / "acme").iterdir()
    assert file.name == "stripe-iceberg-..%2F..%2Fx.json"


# -- the interpreter it runs in -------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [connectors, masking, position, transfer])
def test_only_the_standard_library_is_used_in_words_of_python_3_9(module):
    tree = ast.parse(Path(module.__file__).read_text(), feature_version=(3, 9))
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    foreign = [name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names]
    allowed = ("tetra_orchestrator.worker.", "tetra_orchestrator.task_types")
    assert [name for name in foreign if not name.startswith(allowed)] == []
