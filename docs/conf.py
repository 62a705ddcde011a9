"""The site: pages of this folder, and those that are made of the manual and the schemas."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import made_pages

project = "lvsdr"
copyright = "the authors of lvsdr"
extensions = ["myst_parser"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["_build"]
# Commands are not Python.
highlight_language = "none"
html_theme = "furo"
html_title = "lvsdr"
html_show_sphinx = False
html_show_sourcelink = False
# Nothing of it comes from elsewhere.
html_theme_options = {"footer_icons": []}
nitpicky = True


def setup(_app: object) -> None:
    """Make the pages that are made, before the others are read."""
    made_pages.make(Path(__file__).parent)
