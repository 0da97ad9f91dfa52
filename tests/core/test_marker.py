from __future__ import annotations

import plistlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.marker import body_digest, marked, read_marker
from tetra_orchestrator.core.units import Marker

BODY = "[Timer]\nUnit=demo-daily.service\n"
HASH, XML = "# {}", "<!-- {} -->"


def test_the_marker_is_the_first_line_and_says_whose_the_text_is() -> None:
    first, _, rest = marked(BODY, "demo", "/srv/my project", HASH).partition("\n")
    assert rest == BODY
    assert first == f"# tetra-orchestrator: project=demo root=/srv/my%20project digest={body_digest(BODY)}"


def test_what_is_marked_is_read_back() -> None:
    text = marked(BODY, "demo", "/srv/demo", HASH)
    assert read_marker(text) == Marker("demo", "/srv/demo", body_digest(BODY))


def test_a_text_without_a_marker_is_nobodys() -> None:
    assert read_marker(BODY) is None


def test_the_digest_of_the_text_is_the_same_with_and_without_its_marker() -> None:
    assert body_digest(marked(BODY, "demo", "/srv/demo", HASH)) == body_digest(BODY)


@pytest.mark.parametrize("edit", ["OnCalendar=daily\n", " ", "\n", "# a remark\n"])
def test_a_hand_edit_shows_in_the_digest(edit: str) -> None:
    edited = marked(BODY, "demo", "/srv/demo", HASH) + edit
    found = read_marker(edited)
    assert found is not None
    assert found.digest != body_digest(edited)


def test_in_xml_the_marker_follows_the_declaration() -> None:
    plist = plistlib.dumps({"Label": "com.demo.daily"}).decode()
    text = marked(plist, "demo", "/srv/a--b-", XML)
    declaration, comment, _ = text.split("\n", 2)
    assert declaration == '<?xml version="1.0" encoding="UTF-8"?>'
    assert comment.startswith("<!-- tetra-orchestrator: project=demo root=/srv/a%2D%2Db- digest=")
    assert plistlib.loads(text.encode()) == {"Label": "com.demo.daily"}


PATHS = st.text(min_size=1) | st.text(alphabet="-%>\n #/aé\udc80", min_size=1)


@given(PATHS, PATHS, st.sampled_from((HASH, XML)), st.text())
def test_no_name_can_end_its_comment_or_get_lost(project: str, root: str, comment: str, body: str) -> None:
    text = marked(body, project, root, comment)
    assert read_marker(text) == Marker(project, root, body_digest(body))
    assert body_digest(text) == body_digest(body)
    inside = re.search(r"tetra-orchestrator: (.*?)(?: -->)?\n", text)
    assert inside is not None
    assert "--" not in inside[1]
    assert inside[1].isascii()
