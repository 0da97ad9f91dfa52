"""`config`: the values in effect, a file of any dialect as native YAML, and what changed between two of them."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from tetra_orchestrator.cli.files import write_new
from tetra_orchestrator.cli.output import near, print_json
from tetra_orchestrator.cli.project import (
    BindingsOption,
    ConfigOption,
    DialectOption,
    JsonOption,
    OverlayOption,
    SetOption,
)
from tetra_orchestrator.cli.source import Source, options
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.effective import Value
    from tetra_orchestrator.config.loaded import Configuration, Loaded

app = typer.Typer(
    help="The values in effect, conversion, differences.\n\nExamples: `config show`, `config diff --run latest`.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@app.command("show")
def show(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="Configuration file.")] = None,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print every value in effect and where it comes from.

    Defaults are included; secrets are masked.

    Example: `config show --overlay prod.yaml --set host.max_parallel=2`.
    """
    from tetra_orchestrator.cli.config_views import print_values, value_row

    source = Source(file or config, tuple(overlay or ()), tuple(set_ or ()), dialect, bindings)
    found, values = _effective(source)
    if as_json:
        head = {"dialect": found.dialect, "files": list(found.files)}
        print_json("config.show", {**head, "values": [value_row(value) for value in values]})
    else:
        print_values(values)
    return 0


@app.command("convert")
def convert(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="A file of any dialect.")] = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write here instead of standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
) -> int:
    """Print a configuration as native YAML.

    References to variables stay as they are.

    Example: `config convert pipeline_config.yaml --out config/orchestration.yaml`.
    """
    from tetra_orchestrator.config.native_text import from_json, to_text
    from tetra_orchestrator.config.shipped import modeline

    source = Source(file or config, tuple(overlay or ()), tuple(set_ or ()), dialect, bindings)
    loaded = _load(source)
    document = from_json(_read(source).text)
    document.pop("include", None)  # what those files say is in it
    made = f"Made by `tetra config convert` from {near(loaded.files[0])} ({loaded.project.dialect})."
    text = to_text(document, [modeline(), made])
    if out is None:
        sys.stdout.write(text)
        return 0
    path = write_new(out, text, force=force)
    _warn_of_root(loaded.project.root, path)
    print(f"wrote {near(path)}; `tetra validate {near(path)}` checks it")
    return 0


@app.command("diff")
def diff(
    before: Annotated[str | None, typer.Argument(metavar="[A]", help="The earlier file, of any dialect.")] = None,
    after: Annotated[str | None, typer.Argument(metavar="[B]", help="The later one; without it the project's.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="What that run had, instead of A.")] = None,
    config: ConfigOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print what changed from A to B, or since a run.

    Secrets are masked.

    Examples: `config diff old.yaml new.yaml`, `config diff --run latest`.
    """
    from tetra_orchestrator.cli.config_views import change_row, print_changes
    from tetra_orchestrator.config.difference import difference
    from tetra_orchestrator.config.masking import declared
    from tetra_orchestrator.config.native_text import from_json
    from tetra_orchestrator.config.own_secrets import without_own_secrets

    if (before is None) == (run_id is None):
        raise UsageError("one of A and --run is needed", hint="write `config diff A B` or `config diff --run latest`")
    now = _read(Source(after or config, dialect=dialect, bindings=bindings))
    new = from_json(now.text)
    if before is None:
        new = from_json(without_own_secrets(now.text))
        name, text = _snapshot(str(run_id), config)
    else:
        then = _read(Source(before, dialect=dialect))
        name, text = near(then.files[0]), then.text
    old = from_json(text)
    secrets = {*declared(old), *declared(new)}
    rows = [change_row(change, secrets) for change in difference(old, new)]
    if as_json:
        print_json("config.diff", {"before": name, "after": near(now.files[0]), "changes": rows})
    else:
        print_changes(rows, name, near(now.files[0]))
    return 0


def _path(source: Source) -> str:
    from tetra_orchestrator.config.find import find_config

    return find_config(source.config, os.environ, os.getcwd())


def _read(source: Source) -> Configuration:
    """The document as it is; raises `ConfigError` with every problem met while reading it."""
    from tetra_orchestrator.config.complaints import check_shape
    from tetra_orchestrator.config.read import read
    from tetra_orchestrator.config.schema import Document
    from tetra_orchestrator.config.yaml_tree import Map

    found = read(_path(source), environ=os.environ, **options(source))
    if not isinstance(found.tree, Map):
        check_shape(found.tree, found.problems, Document)
    found.problems.raise_any()
    return found


def _load(source: Source) -> Loaded:
    from tetra_orchestrator.config.load import load_project

    return load_project(_path(source), environ=os.environ, check_modules=False, **options(source))


def _effective(source: Source) -> tuple[Configuration, list[Value]]:
    from tetra_orchestrator.config.complaints import check_shape
    from tetra_orchestrator.config.effective import Sources, effective
    from tetra_orchestrator.config.interpolate import read_dotenv
    from tetra_orchestrator.config.schema import Document
    from tetra_orchestrator.config.yaml_tree import Map

    project = _load(source).project
    found = _read(source)
    document = check_shape(found.tree, found.problems, Document)
    assert document is not None, "the project was built of it"
    assert isinstance(found.tree, Map)
    dotenv = read_dotenv(os.path.dirname(project.file), found.problems)
    return found, effective(found.tree, document, project, Sources(source.overlays, os.environ, dotenv))


def _snapshot(run_id: str, config: str | None) -> tuple[str, str]:
    """What a run is called, and the document that it was started with."""
    from tetra_orchestrator.cli.known import settled_store
    from tetra_orchestrator.cli.records import find_run

    with settled_store(config) as store:
        run = find_run(store, run_id)
        return f"run {run.run_id}", store.config_text(run.run_id) or "{}"


def _warn_of_root(root: str, path: str) -> None:
    """Relative paths start at the project's root, which goes by where the file lies."""
    from tetra_orchestrator.config.find import project_root

    other = project_root(path)
    if other != root:
        print(f"warning: relative paths in it start at {other}, and started at {root}", file=sys.stderr)
