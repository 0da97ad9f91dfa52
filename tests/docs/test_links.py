"""Links in Markdown lead somewhere on a code host, too, where no site is built of it."""

from __future__ import annotations

import re

import pytest

from support.documentation import PAGES, REPOSITORY, prose

_LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")


def anchors(page: str) -> set[str]:
    """What the headings of a page are linked by."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_exist(page):
    broken = []
    for target in _LINK.findall(re.sub(r"`[^`]*`", "", prose(page))):
        path, _, anchor = target.partition("#")
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        name = file.resolve().relative_to(REPOSITORY).as_posix() if file.exists() else ""
        if not file.exists() or (anchor and name in PAGES and anchor not in anchors(name)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_title_and_skips_no_level(page):
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.M)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [now for before, now in zip(levels, levels[1:], strict=False) if now > before + 1] == []


def test_every_picture_is_there_and_is_told_in_words():
    pictures = [(page, *found) for page in PAGES for found in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", prose(page))]
    assert pictures
    assert [each for each in pictures if not ((REPOSITORY / each[0]).parent / each[2]).exists()] == []
    assert [each for each in pictures if len(each[1].split()) < 2] == []
