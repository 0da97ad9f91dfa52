"""A page is read as what its reader types, writes and sees."""

from __future__ import annotations

import pytest

from walk.anew import anew
from walk.fit import fits, runs
from walk.page import LeftOut, PageError, Typed, Waited, Written, steps


def read(*lines: str):
    return list(steps("\n".join(lines)))


def test_behind_a_dollar_is_a_command_and_below_it_what_it_prints():
    assert read("```console", "$ echo a", "a", "$ true", "```") == [
        Typed(2, "echo a", 0, ("a",)),
        Typed(4, "true", 0, ()),
    ]


def test_a_command_goes_on_behind_a_backslash():
    assert read("```console", "$ echo \\", "  a", "a", "```") == [Typed(2, "echo \\\n  a", 0, ("a",))]


def test_an_exit_code_stands_behind_the_command():
    assert read("```console", "$ false    # exit code 1", "```") == [Typed(2, "false", 1, ())]


def test_a_block_is_written_to_the_file_that_the_line_above_names():
    assert read("This is `a/b.yaml`:", "", "```yaml", "a: 1", "```") == [Written(3, "a/b.yaml", "a: 1\n", False)]


def test_a_block_can_be_added_to_a_file():
    assert read("Append to `b.yaml`:", "```yaml", "b: 2", "```") == [Written(2, "b.yaml", "b: 2\n", True)]


def test_a_block_in_a_list_is_written_without_its_indentation():
    assert read("- `b.yaml`:", "  ```yaml", "  a:", "    b: 2", "  ```") == [
        Written(2, "b.yaml", "a:\n  b: 2\n", False)
    ]


def test_a_block_is_left_out_with_a_reason_and_only_that_one():
    assert read("<!-- not run: needs a Mac -->", "", "```console", "$ ls", "```", "```console", "$ ls", "```") == [
        LeftOut(3, "needs a Mac"),
        Typed(7, "ls", 0, ()),
    ]


def test_a_reason_does_not_reach_past_the_next_paragraph():
    with pytest.raises(PageError, match=r"^line 1: there is no block below `not run: needs a Mac`$"):
        read("<!-- not run: needs a Mac -->", "", "Now this:", "```console", "$ ls", "```")


def test_the_reader_comes_back_later():
    assert read("<!-- clock: 2026-03-03 02:10:01 -->") == [Waited(1, "2026-03-03 02:10:01")]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["Look:", "```yaml", "a: 1", "```"], "line 2: nobody is told what to do with this block; there are: "),
        (["```console", "ls", "```"], "line 1: a console block begins with `$ ` and a command"),
        (["```console", "```"], "line 1: a console block begins with `$ ` and a command"),
        (["```console", "$ ls"], "line 1: this block has no end"),
        (["<!-- not-run: a -->"], "line 1: this comment is no word of ours: `not run: REASON` or `clock: TIME`"),
        (["```{note}", "a", "```"], "line 1: this block begins like none that is read: ```{note}"),
    ],
)
def test_what_nobody_could_follow_is_an_error(lines: list[str], error: str):
    with pytest.raises(PageError) as raised:
        read(*lines)
    assert str(raised.value).startswith(error)


@pytest.mark.parametrize(
    ("page", "here"),
    [
        (["run 20260302T170005Z-abcdef"], ["run 20261122T080000Z-zzzzzz"]),
        (["took 12 ms, 5 MB"], ["took 1.5 s, 123 bytes"]),
        (["took 1 min 5 s"], ["took 3 s"]),
        (["log a_20260302_170005_3.log"], ["log a_20260302_170059.log"]),
        (["task  ####", "  ##  "], ["task #", "########"]),
        (["[2026-03-02 17:00:05] a"], ["[2026-03-02 17:00:59] a"]),
        (["a    b", "---  ---"], ["a b", "-------- --"[:9] + "---"]),
        (["first", "...", "last"], ["first", "a", "b", "last"]),
        (["first", "...", "last"], ["first", "last"]),
        (["free: ... of it"], ["free: 12,011 MB of it"]),
        ([], ["", ""]),
    ],
)
def test_what_is_otherwise_each_time_fits(page: list[str], here: list[str]):
    assert fits(page, here)


@pytest.mark.parametrize(
    ("page", "here"),
    [
        (["succeeded"], ["failed"]),
        (["2026-03-02 17:00"], ["2026-03-03 17:00"]),
        (["due 02:10:00"], ["due 03:10:00"]),
        (["a"], ["a", "b"]),
        (["a", "b"], ["a"]),
        ([], ["a"]),
        (["a", "..."], ["b", "c"]),
        (["a.c"], ["abc"]),
        (["5 tasks"], ["6 tasks"]),
        (["##X##"], ["#####"]),
    ],
)
def test_anything_else_does_not_fit(page: list[str], here: list[str]):
    assert not fits(page, here)


def test_each_run_that_is_named_is_found_once():
    assert runs(["20260302T170005Z-aaaaaa", "bf-20260302T170006Z-bbbbbb after 20260302T170005Z-aaaaaa"]) == [
        "20260302T170005Z-aaaaaa",
        "20260302T170006Z-bbbbbb",
    ]


def test_a_page_is_written_anew_with_what_was_printed():
    text = "```console\n$ one\nold\n$ two    # exit code 3\nb\n$ three\n...\n```\n"
    one, two, three = steps(text)
    assert anew(text, {one: (2, ["", "new", "lines", ""]), two: (0, []), three: (0, ["long"])}) == (
        "```console\n$ one    # exit code 2\nnew\nlines\n$ two\n$ three\n...\n```\n"
    )
