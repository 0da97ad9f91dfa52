"""What only the backend of cron does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from support.schedulers.bench import NOW, PROJECT, CrontabBench, spec
from tetra_orchestrator.adapters.timer.crontab.switches import switched, switches
from tetra_orchestrator.core.diagnosis import ERROR, Diagnosis
from tetra_orchestrator.errors import CannotWrite, Forbidden
from tetra_orchestrator.timer_port import TimerState


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CrontabBench:
    return CrontabBench(tmp_path, monkeypatch)


def lines(bench: CrontabBench) -> dict[str, list[str]]:
    """By timer, the first words of its lines in the table."""
    found: dict[str, list[str]] = {}
    for line in bench.tab.read_text().splitlines():
        name = line.partition(" fire ")[2].partition(" ")[0]
        if name:
            found.setdefault(name, []).append(line.partition(" umask ")[0])
    return found


def test_the_lines_of_a_timer_that_is_off_are_comments(bench: CrontabBench) -> None:
    bench.install("daily", "weekly", weekly="0 20 * * 0")
    assert lines(bench) == {"daily": ["#off 0 19 * * *"], "weekly": ["#off 0 20 * * 0"]}
    bench.backend.arm(PROJECT, ["weekly"])
    assert lines(bench) == {"daily": ["#off 0 19 * * *"], "weekly": ["0 20 * * 0"]}
    bench.backend.arm(PROJECT, ["daily"])
    bench.backend.disarm(PROJECT, ["weekly"])
    assert lines(bench) == {"daily": ["0 19 * * *"], "weekly": ["#off 0 20 * * 0"]}


def test_a_timer_at_boot_is_off_and_on_too(bench: CrontabBench) -> None:
    sweep = spec(bench.root, "orchestrator")._replace(rule=None, at_boot=True)
    bench.backend.change(bench.backend.render([sweep], str(bench.root), NOW), [])
    assert lines(bench) == {"orchestrator": ["#off @reboot"]}
    bench.backend.arm(PROJECT, ["orchestrator"])
    assert lines(bench) == {"orchestrator": ["@reboot"]}


def test_a_timer_of_several_lines_has_one_switch(bench: CrontabBench) -> None:
    once = spec(bench.root, "night", "45 19 * * *")._replace(timezone="Australia/Lord_Howe")
    bench.backend.change(bench.backend.render([once], str(bench.root), utc(2026, 1, 1)), [])
    assert len(lines(bench)["night"]) > 1, "its clocks change by half an hour"
    assert all(line.startswith("#off ") for line in lines(bench)["night"])
    bench.backend.arm(PROJECT, ["night"])
    assert not any(line.startswith("#off ") for line in lines(bench)["night"])


def test_one_file_stands_for_all_timers_of_a_project(bench: CrontabBench) -> None:
    files = bench.install("daily", "weekly")
    assert [file.name for file in files] == ["demo.crontab"]
    assert bench.backend.timer_of(PROJECT, "demo.crontab") is None
    assert bench.backend.render([], str(bench.root), NOW) == []


def test_projects_share_a_table(bench: CrontabBench) -> None:
    bench.install("daily")
    other = spec(bench.root, "daily")._replace(project="other")
    bench.backend.change(bench.backend.render([other], str(bench.root), NOW), [])
    bench.backend.arm("other", ["daily"])
    assert bench.backend.states(PROJECT, ["daily"]) == {"daily": TimerState(known=True)}
    assert bench.backend.states("other", ["daily"]) == {"daily": TimerState(True, True, True)}
    bench.install()
    assert [file.name for file in bench.backend.installed("other")] == ["other.crontab"]
    bench.backend.change([], ["other.crontab"])
    assert bench.disk() == {}


def test_a_user_without_a_table_has_none_again_at_the_end(bench: CrontabBench) -> None:
    bench.install("daily")
    bench.install()
    assert bench.scheduler.calls()[-1] == ["crontab", "-r"]
    assert not bench.tab.exists()


def test_an_own_table_of_busybox_is_told_to_be_missing_in_other_words(bench: CrontabBench) -> None:
    bench.scheduler.fail("list", "crontab: can't open 'root': No such file or directory")
    assert bench.backend.installed(PROJECT) == []


def test_who_may_have_no_table_is_told_so(bench: CrontabBench) -> None:
    bench.scheduler.know("denied", True)
    with pytest.raises(Forbidden) as caught:
        bench.backend.check()
    said = "You (root) are not allowed to use this program (crontab); See crontab(1) for more information"
    hint = "have the administrator add you to cron.allow, or take you out of cron.deny"
    assert str(caught.value) == f"cron has no crontab for us: {said}\n  hint: {hint}"
    assert bench.backend.diagnose() == [Diagnosis("no_crontab", ERROR, f"cron has no crontab for us: {said}", hint)]


def test_a_table_that_cannot_be_read_is_not_written_over(bench: CrontabBench) -> None:
    bench.tab.write_text("# mine\n")
    bench.scheduler.fail("list", "Input/output error", times=9)
    with pytest.raises(CannotWrite) as caught:
        bench.backend.check()
    hint = "see what `crontab -l` says"
    assert str(caught.value) == f"cannot read the crontab: Input/output error\n  hint: {hint}"
    with pytest.raises(CannotWrite):
        bench.backend.change(bench.rendered("daily"), [])
    assert bench.tab.read_text() == "# mine\n"


def test_a_table_that_cron_would_not_take_stays_as_it_was(bench: CrontabBench) -> None:
    bench.tab.write_text("no line\n")
    with pytest.raises(CannotWrite) as caught:
        bench.install("daily")
    said = '"-":0: bad minute; errors in crontab file, can\'t install.'
    assert str(caught.value) == f"`crontab -` failed: {said}\n  hint: mend what it says, then try again"
    assert bench.tab.read_text() == "no line\n"


def test_a_timer_that_the_table_does_not_have_is_told(bench: CrontabBench) -> None:
    bench.install("daily")
    with pytest.raises(CannotWrite) as caught:
        bench.backend.arm(PROJECT, ["daily", "gone"])
    hint = "install it with `tetra schedule apply`"
    assert str(caught.value) == f"the crontab has no timer gone of the project demo\n  hint: {hint}"
    assert bench.waiting("daily") == []


NAMES = st.lists(st.sampled_from(["a", "b", "c", "end", "off"]), unique=True, min_size=1)


@given(NAMES, st.data())
def test_what_is_switched_off_and_on_again_is_as_it_was(names: list[str], data: st.DataObject) -> None:
    block = "".join(f"# {name}\n0 1 * * * run {name}\n@reboot run {name}\n" for name in names)
    off = data.draw(st.sets(st.sampled_from(names)))
    text = f"# begin of it all\n{block}# end of it all\n"
    done = switched(text, off)
    assert switches(done) == {name: name not in off for name in names}
    assert switched(done, off) == done
    assert switched(done, ()) == text
