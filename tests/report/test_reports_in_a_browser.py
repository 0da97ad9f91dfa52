"""Reports in Debian's Chromium: what a reader sees, hears from a screen reader, types and prints."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from report import stories
from support import components, npm

DRIVER = Path(__file__).parent / "browser.js"
PACKAGES = ("playwright-core@1.65.1", "axe-core@4.14.1")
REPORTS = {
    "good": stories.good,
    "failed": stories.failed,
    "days": stories.days,
    "empty": stories.empty,
    "queued": stories.queued,
    "hostile": stories.hostile,
    "crowd": stories.crowd,
    "runs": stories.many_runs,
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the driver saw in one go."""
    node, _ = components.require("node"), components.require("chromium")
    packages = npm.modules(*PACKAGES)
    folder = tmp_path_factory.mktemp("reports")
    for name, make in REPORTS.items():
        (folder / f"{name}.html").write_text(make(), encoding="utf-8")
    environment = {**os.environ, "NODE_PATH": str(packages), "HOME": str(folder)}
    done = subprocess.run(
        [node, str(DRIVER), str(folder)], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_axe_finds_nothing_in_light_dark_wide_and_narrow_and_no_page_is_wider_than_its_window(seen):
    assert len(seen["axe"]) == 16
    assert {name: found for name, found in seen["axe"].items() if found} == {}


def test_nothing_is_asked_for_besides_the_file_and_the_console_stays_empty(seen):
    assert (seen["requests"], seen["console"], seen["dialogs"]) == ([], [], [])


def test_the_tab_key_leads_through_everything_and_the_focus_is_always_seen(seen):
    walk = seen["keyboard"]["walk"]
    names = [step["name"] for step in walk]
    assert names[0] == "Skip to the report"
    assert [step["name"] for step in walk if not step["visible"] and step["tag"] != "BODY"] == []
    assert names.index("Timeline") < names.index("Attempts along the time of the run") < names.index("Tasks")
    assert walk[-1]["tag"] == "BODY"


def test_the_skip_link_leads_behind_the_navigation(seen):
    assert seen["keyboard"]["skipped"] == "report"


def test_arrow_keys_go_from_row_to_row_and_a_link_leads_to_the_task(seen):
    keys = seen["keyboard"]
    assert (keys["below"], keys["end"], keys["target"]) == (
        "clean",
        "features 2",
        "features\u00a0◆ on the critical path",
    )


def test_arrow_keys_go_along_the_graph(seen):
    assert (seen["keyboard"]["right"], seen["keyboard"]["left"]) == ("clean", "extract")


def test_the_theme_can_be_switched(seen):
    keys = seen["keyboard"]
    assert (keys["before"], keys["after"]) == ("rgb(246, 247, 249)", "rgb(18, 21, 26)")
    assert keys["theme"] == "Theme: dark"


@pytest.mark.parametrize("name", ["failed", "days"])
def test_on_paper_every_section_is_there_and_nothing_is_folded_or_cut(seen, name):
    paper = seen["printed"][name]
    assert len(paper["titles"]) > 6
    assert [title for title in paper["titles"] if title not in paper["outline"]] == []
    assert (paper["hidden"], paper["cut"]) == ([], [])
    assert paper["pages"] >= 2


def test_paper_is_white_also_where_the_screen_is_dark(seen):
    assert seen["printed"]["failed"]["paper"] == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", ["crowd", "runs"])
def test_ten_thousand_answer_to_the_filter_within_three_seconds_of_being_opened(seen, name):
    assert seen[name]["told"].endswith(("10,109 rows", "10,000 rows"))
    assert seen[name]["seconds"] < 3


def test_ten_thousand_are_paged_filtered_and_found_by_links(seen):
    assert seen["filtered"] == {
        "all": ["1 to 200 of 10,109 rows", 200, "load.part_00000"],
        "further": ["201 to 400 of 10,109 rows", "load.part_00198"],
        "bad": ["129 of 10,109 rows", 1],
        "revealed": "load.part_09999",
        "none": "no row fits",
    }


def test_without_scripts_the_first_portion_is_there_and_the_rest_is_said_to_be_missing(seen):
    assert seen["scriptless"] == {
        "tools": 0,
        "rows": 200,
        "note": "9,909 more rows are not shown, as only the script of this page can turn to them.",
        "theme": 0,
    }


def test_what_goes_on_beyond_its_edge_has_a_shadow_there_and_a_small_graph_fits_into_a_wide_window(seen):
    assert seen["shaded"] == {"before": "frame picture more-right", "after": "frame picture", "room": 0}


def test_names_and_logs_that_mean_harm_are_shown_and_do_nothing(seen):
    found = seen["unharmed"]
    assert (found["owned"], found["images"], found["scripts"]) == ("undefined", 0, 1)
    assert found["title"].startswith(stories.EVIL)
    assert found["name"].startswith(stories.EVIL)
    assert found["told"] == "1 to 200 of 250 rows"
    assert found["log"].endswith("</script>\\x00\\u202egnol\\u202c \"' & \\x1b[31mred\\ud800")
