"""Has Sphinx make the manual page of its Markdown."""

import re
import tempfile
from pathlib import Path

from docs.generator.manual import manual
from docs.generator.pages import DOCS

NAME = "tetra-orchestrator.1"


def manual_page() -> str:
    """The text of `tetra-orchestrator.1`, without what only says when and by what it was made."""
    from sphinx.application import Sphinx

    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "source"), Path(folder, "man")
        source.mkdir()
        (source / "manual.md").write_text(manual(), encoding="utf-8")
        own = {"root_doc": "manual"}
        app = Sphinx(source, DOCS, made, Path(folder, "trees"), "man", own, status=None, warningiserror=True)
        app.build()
        return tidied((made / NAME).read_text(encoding="utf-8"))


def tidied(text: str) -> str:
    """Without trailing spaces, comments about its making, and paragraphs that begin where a section does."""
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for line in lines if not line.startswith(('.\\" Man page', '.\\" by the Docutils'))]
    return re.sub(r"^(\.S[HS] .*\n)\.sp\n", r"\1", "\n".join(kept) + "\n", flags=re.M)


def alias() -> str:
    """The text of `tetra.1`, which says whose page is shown."""
    return f".so man1/{NAME}\n"


MANUALS = {f"man/{NAME}": manual_page, "man/tetra.1": alias}
