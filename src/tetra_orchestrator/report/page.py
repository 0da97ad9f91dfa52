"""The frame of a report: one file that asks for nothing, whose style and script are named by their hashes."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from tetra_orchestrator import __version__
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.report.markup import NOTHING, Html, join, local, tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

#: How every report begins, and nothing else is likely to.
MARK = "<!doctype html>\n<!-- report of tetra-orchestrator -->\n"


class Section(Record):
    """A part of a page. `note` is a plain sentence on how to read it."""

    key: str
    title: str
    body: Html
    note: str = ""


class Page(Record):
    """A whole report. `kind` is one word above the title; `head` stands before the first section."""

    kind: str
    title: str
    head: Html
    sections: Sequence[Section]
    written_at: datetime
    foot: str


def render(page: Page) -> str:
    """The page as one HTML document."""
    style, script = _asset("report.css"), _asset("report.js")
    unscripted = ".tools{display:none}"
    policy = (
        f"default-src 'none'; style-src {_hash(style)} {_hash(unscripted)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{page.title} · {page.kind}"),
        Html(f"<style>{style}</style>"),
        Html(f"<noscript><style>{unscripted}</style></noscript>"),
    )
    body = tag("body", _top(page), _main(page), _foot(page), Html(f"<script>{script}</script>"))
    return f'{MARK}<html lang="en">{head}{body}</html>\n'


def _top(page: Page) -> Html:
    links = (tag("li", tag("a", one.title, href=f"#{one.key}")) for one in page.sections)
    return join(
        (
            tag("a", "Skip to the report", class_="skip", href="#report"),
            tag(
                "header",
                tag("p", page.kind, class_="kind"),
                tag("h1", page.title),
                tag("button", "Theme: system", type="button", id="theme", hidden=True),
                class_="top",
            ),
            tag("nav", tag("ul", *links), aria_label="Sections"),
        )
    )


def _main(page: Page) -> Html:
    return tag("main", page.head, *map(_section, page.sections), id="report", tabindex="-1")


def _section(one: Section) -> Html:
    note = tag("p", one.note, class_="note") if one.note else NOTHING
    title = tag("h2", one.title, id=f"{one.key}-title")
    return tag("section", title, note, one.body, id=one.key, aria_labelledby=f"{one.key}-title")


def _foot(page: Page) -> Html:
    written = f"Written {local(page.written_at)} by tetra-orchestrator {__version__}. {page.foot}"
    return tag("footer", tag("p", written))


def _asset(name: str) -> str:
    return (files("tetra_orchestrator.report") / "assets" / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
