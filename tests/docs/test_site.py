"""The site is built of the pages without a warning, whole, and without asking anybody for anything."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from support.components import missing
from support.documentation import DOCS, PAGES

#: Elements that have a browser fetch something, and by which attribute.
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


class Html(HTMLParser):
    """What a page of the site links to, fetches, and can be linked to by."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.anchors.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in FETCHED and FETCHED[tag] in given:
            self.fetched.append(given[FETCHED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site, and what was said while it was built: once, whatever process comes first."""
    if importlib.util.find_spec("sphinx") is None:
        missing("needs Sphinx: pip install 'tetra-orchestrator[docs]'")
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    said = folder / "site.txt"
    with open(folder / "site.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(build(folder / "site"))
    return folder / "site", said.read_text()


def build(folder: Path) -> str:
    """Build the site; returns what Sphinx says."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "-b", "html", "-d", f"{folder}.trees", DOCS, folder]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def pages(site):
    """Every page of the site, by its path."""
    return {file: Html(file.read_text(encoding="utf-8")) for file in site[0].rglob("*.html")}


def test_it_is_built_without_a_warning(site):
    assert site[1] == ""


def test_every_page_of_the_documentation_is_in_it(site):
    written = {page.removeprefix("docs/").removesuffix(".md") for page in PAGES if page.startswith("docs/")}
    assert {page for page in written if not (site[0] / f"{page}.html").exists()} == set()


def test_every_link_leads_somewhere(site, pages):
    broken = []
    for file, html in pages.items():
        for link in html.links:
            parts = urlsplit(link)
            target = file if not parts.path else Path(file.parent, unquote(parts.path)).resolve()
            if parts.scheme or parts.netloc:
                continue
            if not target.exists() or (
                parts.fragment and target in pages and not is_anchor(pages[target], parts.fragment)
            ):
                broken.append((file.relative_to(site[0]).as_posix(), link))
    assert broken == []


def is_anchor(html: Html, fragment: str) -> bool:
    return unquote(fragment) in html.anchors


def test_every_page_is_reached_from_the_first(site, pages):
    first = site[0] / "index.html"
    reached, queue = {first}, [first]
    while queue:
        file = queue.pop()
        for link in pages[file].links:
            target = Path(file.parent, unquote(urlsplit(link).path)).resolve()
            if not urlsplit(link).scheme and target in pages and target not in reached:
                reached.add(target)
                queue.append(target)
    assert set(pages) - reached - {site[0] / "search.html"} == set()


def test_nothing_is_fetched_from_elsewhere(site, pages):
    outside = [(file.name, address) for file, html in pages.items() for address in html.fetched if "//" in address]
    styles = "".join(file.read_text() for file in site[0].rglob("*.css"))
    assert outside == []
    assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)]*", styles) == []


def test_its_search_knows_the_words_of_the_pages(site):
    index = (site[0] / "searchindex.js").read_text()
    assert '"reference/keys"' in index
    assert all(f'"{word}"' in index for word in ("crontab", "backfil", "ledger"))
    assert 'src="searchindex.js"' in (site[0] / "search.html").read_text()


def test_the_first_page_has_four_parts(site):
    text = (site[0] / "index.html").read_text()
    captions = re.findall(r'<span class="caption-text">([^<]+)</span>', text)
    assert captions == ["Tutorial", "How-to guides", "Reference", "Explanation"]


def test_the_list_on_the_first_page_has_every_page_of_the_navigation():
    text = PAGES["docs/index.md"]
    navigation = re.findall(r"^([a-z][\w/-]+)$", "".join(re.findall(r"```\{toctree\}\n(.*?)```", text, re.S)), re.M)
    guides = [f"{folder}/{file.stem}" for folder in ("how-to", "adr") for file in (DOCS / folder).glob("*.md")]
    assert len(navigation) > 20
    assert [page for page in (*navigation, *guides) if f"({page}.md)" not in text] == []
