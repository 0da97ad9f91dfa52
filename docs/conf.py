"""How Sphinx makes the site and the manual page of the Markdown pages beside it: `make docs`."""

import re

from pygments.lexers.special import TextLexer

from tetra_orchestrator import __version__

project = "tetra-orchestrator"
author = project
version = release = __version__
# no day of its own: equal sources make equal pages
html_last_updated_fmt = None
today = " "

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
# the pages link to each other's headings by the names that code hosts give them
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
myst_links_external_new_tab = False
nitpicky = True
# what is typed stays as it is: no curly quotes, no long dashes
smartquotes = False

html_theme = "furo"
html_title = "tetra-orchestrator"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
pygments_style = "default"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {"font-stack": "system-ui, sans-serif", "font-stack--monospace": "ui-monospace, monospace"},
}

man_pages = [("manual", "tetra-orchestrator", "run chains of data pipelines, with nothing resident", [], 1)]
man_show_urls = True


# files of the repository that are no pages of the site
BEYOND = re.compile(r"\]\(((?:\.\./)+[A-Z]+\.md)\)")


def setup(app):
    """Show diagrams of Mermaid as text, as what draws them comes from elsewhere; hand other files on as they are."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", _hand_on)


def _hand_on(app, name, content):
    content[0] = BEYOND.sub(r"](path:\1)", content[0])
