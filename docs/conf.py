"""Settings of the documentation site: ``make site`` builds it from these pages into build/site.

The source is the repository, so that pages, notebooks and code link to each other here as they do
in the files. ``SITE_EXECUTE=1``, which ``make`` sets, runs the notebooks; otherwise they are shown
as they are.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from opscore import __version__

project = "opscore"
author = "The opscore authors"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "directives"]
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/*.ipynb", "CHANGELOG.md", "SECURITY.md"]
exclude_patterns = ["**/.ipynb_checkpoints", ".*", "build", "out", "runs", "tests"]

myst_heading_anchors = 4
nb_execution_mode = "force" if os.environ.get("SITE_EXECUTE") == "1" else "off"
nb_execution_timeout = 1800
nb_execution_raise_on_error = True

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Settings", "params_style")]

nitpicky = True
# Annotations name types that have no page: torch's, pandas', and those within a room.
nitpick_ignore_regex = [("py:class", ".*"), ("py:obj", r"typing\..*")]

html_theme = "furo"
html_title = f"opscore {__version__}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False


def unbroken(app: Any, name: str, source: list[str]) -> None:
    """An interval in the cell of a table stays on one line."""
    cells = r"(?<=\| )-?\d*\.\d+ to -?\d*\.\d+(?= \|)"
    source[0] = re.sub(cells, lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), source[0])


def first_page(app: Any, failed: Exception | None) -> None:
    """The site's address leads to its first page."""
    if failed is None and app.builder.format == "html":
        target = f"{root_doc}.html"
        page = f'<!doctype html><meta charset="utf-8"><title>opscore</title>\
<meta http-equiv="refresh" content="0; url={target}"><a href="{target}">opscore</a>\n'
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", unbroken)
    app.connect("build-finished", first_page)
