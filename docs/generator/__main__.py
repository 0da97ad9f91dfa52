"""Writes every generated page anew, and the manual page: `python -m docs.generator`."""

from docs.generator.pages import DOCS, PAGES
from docs.generator.roff import MANUALS

if __name__ == "__main__":
    for name, write in {**PAGES, **MANUALS}.items():
        target = DOCS / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(write(), encoding="utf-8")
