"""The pages that are walked."""

from __future__ import annotations

from rig.machine import REPOSITORY

TUTORIAL = REPOSITORY / "docs/tutorial.md"
GUIDES = sorted((REPOSITORY / "docs/how-to").glob("*.md"))
UNINSTALL = REPOSITORY / "docs/how-to/uninstall.md"
README = REPOSITORY / "README.md"
PAGES = (README, TUTORIAL, *GUIDES)
