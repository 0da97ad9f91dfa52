"""The task type `dativo_job`: records from a source connector go to a target connector, and the bad ones are counted.

A connector is a function. A source yields batches of records, with an exception in the place of each bad record; a
target writes one batch and returns how many bytes that took. Standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter

from tetra_orchestrator.task_types import Result, TaskType
from tetra_orchestrator.worker.masking import Masked, read_variables
from tetra_orchestrator.worker.position import Position
from tetra_orchestrator.worker.transfer import Job, Transfer, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from tetra_orchestrator.worker.transfer import Batch

__all__ = ["DativoJob", "Job", "fake", "null_writer"]

OK, PARTIAL, FAILED = 0, 1, 2
STATUS = {OK: "success", PARTIAL: "partial", FAILED: "failure"}
ROLES = ("source", "target")


class DativoJob(TaskType):
    """Runs one job; it ends with 0, with 1 when bad records were left out, or with 2."""

    #: The exit code of every failure, for 1 means something else here.
    failure_code = FAILED

    def validate(self) -> None:
        """Raise `ValueError` for a configuration that is not whole, or a connector whose module is not there."""
        for key in ("job", "tenant", "asset", "source_connector", "target_connector", "root", *ROLES):
            self.get(key, required=True)
        for role in ROLES:
            call = str(self.config[role].get("call", ""))
            module = call.partition(":")[0]
            if not _is_there(module):
                places = f"in {os.path.abspath(self.config['root'])}, in its `connectors` or installed"
                name = f"the {role} connector '{self.config[f'{role}_connector']}'"
                raise ValueError(f"{name} is bound to '{call}', and no module '{module}' is {places}")

    def execute(self, inputs: Mapping[str, Mapping[str, Any]]) -> Result:
        """Move every record; what a connector raises ends the job."""
        sys.dont_write_bytecode = True  # the folder of the connectors is only read
        transfer = Transfer(Job(self.config), strict=self.get("validation") == "strict")
        try:
            self._prepare(transfer)
            self._transfer(transfer)
        except (Exception, SystemExit) as error:
            transfer.errors[type(error).__name__] += 1
            _show(error)
            return JobResult(FAILED, transfer, f"the job failed: {type(error).__name__}: {error}")
        log.info("%s records, %s invalid, %s files", transfer.extracted, transfer.invalid, len(transfer.sizes))
        return JobResult(PARTIAL if transfer.invalid else OK, transfer)

    def _prepare(self, transfer: Transfer) -> None:
        """Take the tenant's secrets into the environment, and mask them in what is written from here on."""
        secrets = read_variables(os.path.join(self.config["root"], "secrets", self.config["tenant"]))
        transfer.secrets = list(secrets)
        os.environ.update(secrets)
        if self.get("redaction", True):
            sys.stdout = Masked(sys.stdout, secrets.values())
            sys.stderr = Masked(sys.stderr, secrets.values())
        logging.basicConfig(stream=sys.stderr, level=self.get("level", "INFO"), format="%(levelname)s %(message)s")
        if secrets:
            log.info("secrets of '%s': %s", self.config["tenant"], ", ".join(secrets))
        for role in ROLES:
            needed = [name for name in self.config[role].get("secrets", ()) if name not in os.environ]
            if needed:
                raise LookupError(f"the {role} connector needs {', '.join(needed)}, which no secret gives")

    def _transfer(self, transfer: Transfer) -> None:
        source, target = (self._connector(role) for role in ROLES)
        job = transfer.job
        folder = os.path.join(job.root, "state", "tenants", job.tenant)
        position = Position(folder, self.config)
        job.position = position.value
        self._check(folder, job)
        transfer.infra_validated = True
        for batch in source(job):
            good = transfer.sift(batch)
            if good:
                transfer.sizes.append(int(target(good, job)))
        position.keep(job.position)

    def _check(self, folder: str, job: Job) -> None:
        """Raise what keeps the job from its end, before a record is read."""
        there = folder
        while not os.path.exists(there):
            there = os.path.dirname(there)
        if not os.path.isdir(there) or not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(f"{there} cannot be written, and the job keeps its position below it")
        for role in ROLES:
            if "check" in self.config[role]:
                _named(self.config[role]["check"])(job)

    def _connector(self, role: str) -> Callable[..., Any]:
        """The function of a connector with its keywords given."""
        function = _named(self.config[role]["call"])
        options = self.config[role].get("options") or {}
        return lambda *given: function(*given, **options)


class JobResult(Result):
    """How a job ended: `exit_code` says it to programs, the output `status` in a word."""

    def __init__(self, exit_code: int, transfer: Transfer, error: str | None = None):
        """`error` says why it failed."""
        status = {"status": STATUS[exit_code]}
        super().__init__({**transfer.counts(), **status}, {**transfer.metrics(), **status}, error)
        self.exit_code = exit_code


def _named(call: str) -> Callable[..., Any]:
    """The function that `module:function` names."""
    module, _, path = call.partition(":")
    found: Callable[..., Any] = attrgetter(path)(import_module(module))
    return found


def _is_there(module: str) -> bool:
    try:
        return bool(module) and find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _show(error: BaseException) -> None:
    """Print the traceback from the connector on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    if trace is not None:
        traceback.print_exception(type(error), error, trace)


def fake(job: Job, records: int = 1000, invalid: int = 0, files: int = 1) -> Iterator[Batch]:
    """A source for trying things out: numbered records in as many batches as it has files, the last ones bad."""
    good = records - invalid
    rows = [{"id": n} if n < good else ValueError(f"record {n} has no id") for n in range(records)]
    for n in range(files):
        yield rows[n * records // files : (n + 1) * records // files]


def null_writer(batch: Batch, job: Job) -> int:
    """A target for trying things out: it writes nothing, and counts the bytes that JSON would have taken."""
    return len(json.dumps(batch, default=str).encode())
