"""The short form of `python -m proofs truncation`: every cut of the small files, a sample of the large ones."""

from __future__ import annotations

import re

import pytest

from faults.stand import Stand
from proofs import specimens as small
from proofs.specimens import Specimen
from proofs.store_specimens import stores
from proofs.truncation import faults_of, main, sizes_of

SAMPLE = 40


def judged(make, folder):
    """Per kind of file the sizes at which its reader was wrong; of large files a sample."""
    found = {}
    for specimen in make(folder):
        found[specimen.name] = list(faults_of(specimen, sizes_of(len(specimen.whole), most_of(specimen), seed=1)))
    return found


def most_of(specimen):
    return SAMPLE if len(specimen.whole) > 2000 else None


KINDS = (
    *(stores, small.projects, small.glances, small.slots, small.locks, small.attempts, small.positions),
    *(small.checkpoints, small.logs),
)


@pytest.mark.parametrize("make", KINDS)
def test_fault_52_a_file_that_is_cut_short_is_read_in_full_or_made_anew_or_refused(make, tmp_path):
    folder = tmp_path / "place"
    folder.mkdir(mode=0o700)
    assert {name: faults for name, faults in judged(make, folder).items() if faults} == {}


def test_a_reader_that_takes_half_a_file_for_a_whole_one_is_found_out(tmp_path):
    path = tmp_path / "number"
    careless = Specimen("number", path, b"123", lambda _: small.difference(path.read_text(), "123"), {})
    assert list(faults_of(careless, sizes_of(3, None, seed=1))) == [
        (0, " instead of 123"),
        (1, "1 instead of 123"),
        (2, "12 instead of 123"),
    ]


@pytest.mark.parametrize(("length", "most"), [(1000, None), (1000, 10)])
def test_both_ends_are_among_the_cuts(length, most):
    sizes = sizes_of(length, most, seed=7)
    assert {0, length - 1, length} <= set(sizes) == set(range(length + 1)) & set(sizes)
    assert len(sizes) == (length + 1 if most is None else most + 3)


def test_the_last_line_is_the_figure_and_the_code_says_whether_a_reader_was_wrong(capsys):
    code = main(["--most", "3"])
    *_, last = capsys.readouterr().out.splitlines()
    files, cuts, wrong = map(int, re.fullmatch(r"files (\d+) cuts (\d+) wrong (\d+)", last).groups())
    assert code == int(wrong > 0)
    assert 3 * files <= cuts <= 6 * files


FILES = (
    "state/tetra.db",
    "state/cache/project-*",
    "state/cache/glance",
    "state/locks/pipeline-alpha.lock",
    "state/attempts/*/beta.1.input.json",
    "state/attempts/*/beta.1.record.json",
    "logs/runs/*/beta.1.log",
)


def test_fault_52_the_command_tells_the_same_or_refuses_whichever_file_is_cut(tmp_path):
    site = Stand(tmp_path / "my project")
    site.configure("""
        pipelines:
          alpha: {shell: "echo '{\\"rows\\": 3}' >>$TETRA_OUTPUT", outputs: {rows: int}}
          beta: {command: [echo, "{alpha.rows}"], depends_on: [alpha], survive: true}
    """)
    assert site.run("run").returncode == 0
    questions = (("show", "--json"), ("status", "--json"))
    told = [site.run(*words).stdout for words in questions]
    for pattern in FILES:
        (path,) = site.root.glob(pattern)
        whole = path.read_bytes()
        for size in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            for words, expected in zip(questions, told, strict=True):
                done = site.run(*words)
                assert done.returncode or done.stdout == expected, (pattern, size, words)
            path.write_bytes(whole)
    assert site.run("run").returncode == 0
    assert (site.root / "logs" / "latest").exists()
