from __future__ import annotations

import pytest

from config.configs import Folder
from tetra_orchestrator.core.model import Shell
from tetra_orchestrator.core.template import render


def title(folder: Folder, text: str) -> str | None:
    return folder.native(f"title: {text}\npipelines: {{a: {{module: m}}}}\n").project.title


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("${NAME}", "value"),
        ("a${NAME}b${NAME}", "avaluebvalue"),
        ("${NAME:-other}", "value"),
        ("${EMPTY}x", "x"),
        ("${EMPTY:-other}", "other"),
        ("${MISSING:-other}", "other"),
        ("${MISSING:-}x", "x"),
        ("$${NAME}", "${NAME}"),
        ("$NAME $ $$", "$NAME $ $$"),
        ("${NESTED}", "${NAME}"),
    ],
)
def test_a_variable_is_filled_in_once(folder: Folder, written: str, read_as: str) -> None:
    folder.environ |= {"NAME": "value", "EMPTY": "", "NESTED": "${NAME}"}
    assert title(folder, f'"{written}"') == read_as


def test_a_variable_may_hold_a_number_or_nothing(folder: Folder) -> None:
    folder.environ |= {"N": "3", "EMPTY": ""}
    text = 'host: {max_parallel: "${N}"}\ntitle: ${EMPTY}\npipelines: {a: {module: m, priority: "${P:-7}"}}\n'
    project = folder.native(text).project
    assert (project.host.max_parallel, project.title, project.tasks()[0].priority) == (3, "", 7)


def test_a_variable_that_is_not_set_is_told(folder: Folder) -> None:
    assert folder.faults("title: x ${NAME}\npipelines: {a: {module: m}}\n") == (
        "f.yaml:3:8: the variable NAME is not set\n"
        "  title: x ${NAME}\n"
        "         ^\n"
        "  hint: set it in the environment or in .env beside the file, or write ${NAME:-default}"
    )


def test_a_malformed_reference_is_told(folder: Folder) -> None:
    assert folder.faults('title: "${HOME%/}"\npipelines: {a: {module: m}}\n') == (
        "f.yaml:3:8: '${HOME%/}' does not name a variable\n"
        '  title: "${HOME%/}"\n'
        "         ^\n"
        "  hint: write ${NAME} or ${NAME:-default}, or $${ for a literal ${"
    )


def test_a_variable_that_does_not_fit_is_told_at_its_place(folder: Folder) -> None:
    folder.environ["N"] = "many"
    assert folder.faults('host: {max_parallel: "${N}"}\npipelines: {a: {module: m}}\n') == (
        "f.yaml:3:22: 'max_parallel' is not a whole number: 'many'\n"
        '  host: {max_parallel: "${N}"}\n'
        "                       ^\n"
        "  hint: write it like 3 or -10"
    )


def test_braces_in_a_value_never_become_a_reference(folder: Folder) -> None:
    folder.environ["X"] = "{a.b} {{"
    text = """\
        title: ${X}
        pipelines:
          a: {command: [x, "${X}"], args: ["${X}"], env: {X: "${X}"}}
          p: {tasks: {b: {module: m, args: ["${X}"]}}}
        modes: {m: [{a: ["${X}"]}]}
        """
    project = folder.native(text).project
    task = project.tasks()[0]
    escaped = "{{a.b}} {{{{"
    assert project.title == "{a.b} {{"
    assert (task.args, dict(task.env)) == ((escaped,), {"X": escaped})
    assert project.tasks()[1].args == (escaped,)
    assert project.modes[0].entries[0].args == (("a", (escaped,)),)


def test_a_shell_line_gets_values_through_its_environment(folder: Folder) -> None:
    folder.environ["X"] = "; rm -rf /"
    text = """\
        env: {set: {SHARED: s}}
        pipelines:
          a: {shell: 'echo "${X}" ${Y:-y} ${HOME%/} $${Z} ${OWN} ${SHARED} $1', env: {OWN: o}}
        """
    (task,) = folder.native(text).project.tasks()
    assert task.program == Shell('echo "${X}" ${Y:-y} ${HOME%/} ${Z} ${OWN} ${SHARED} $1')
    assert dict(task.env) == {"OWN": "o", "X": "; rm -rf /", "Y": "y"}


def test_a_shell_line_needs_its_variables_as_well(folder: Folder) -> None:
    assert folder.faults("pipelines: {p: {tasks: {a: {shell: 'echo ${X}'}}}}") == (
        "f.yaml:3:36: the variable X is not set\n"
        "  pipelines: {p: {tasks: {a: {shell: 'echo ${X}'}}}}\n"
        "                                     ^\n"
        "  hint: set it in the environment or in .env beside the file, or write ${X:-default}"
    )


def test_the_environment_stands_over_the_file_beside_the_configuration(folder: Folder) -> None:
    folder.write(
        """\
        # comment

        A=from file
        export B='quoted # text'
        C="x=y"
        D= spaced   # comment
        E=
        NAME=file
        """,
        ".env",
    )
    folder.environ["NAME"] = "environment"
    assert title(folder, "${A}|${B}|${C}|${D}|${E}|${NAME}") == "from file|quoted # text|x=y|spaced||environment"


def test_a_wrong_line_beside_the_configuration_is_told(folder: Folder) -> None:
    folder.write("A=1\nnonsense\n", ".env")
    assert folder.faults("title: ${A}\npipelines: {a: {module: m}}\n") == (
        ".env:2:1: this is not NAME=value\n"
        "  nonsense\n"
        "  ^\n"
        "  hint: write one variable per line"
    )  # fmt: skip


def test_the_document_keeps_references_unresolved(folder: Folder) -> None:
    folder.environ["SECRET"] = "hunter2"
    loaded = folder.native("title: ${SECRET}\npipelines: {a: {module: m}}\n")
    assert loaded.project.title == "hunter2"
    assert '"title":"${SECRET}"' in loaded.document
    assert "hunter2" not in loaded.document


@pytest.mark.parametrize("value", ['{"a": {"b": 1}}', "{a.b} {{a}}", "${a.b}"])
def test_braces_in_a_value_stay_what_they_are_wherever_it_goes(folder: Folder, value: str) -> None:
    folder.environ["VALUE"] = value
    project = folder.native(
        """\
        env: {set: {A: "${VALUE}"}}
        params: {x: {type: str, default: "${VALUE}"}}
        tenants: {acme: {env: {B: "${VALUE}"}}}
        pipelines: {a: {command: ["${VALUE}"], tenant: acme, env: {C: "${VALUE}"}}}
        modes: {m: {pipelines: [{a: ["${VALUE}"]}], params: {x: "${VALUE}"}}}
        """
    ).project
    (task,), (mode,) = project.tasks(), project.modes
    as_they_are = [*dict(project.environment.extra).values(), project.params[0].default, dict(mode.params)["x"]]
    templates = [*dict(task.env).values(), *mode.entries[0].args[0][1], *task.program[0]]
    assert as_they_are == [value] * 3
    assert [render(text, str) for text in templates] == [value] * 4
