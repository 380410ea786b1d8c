"""Sphinx's settings of the documentation site (tools/docs)."""
import os
import sys

sys.path.insert(0, os.environ["GAINCELL_PACKAGE"])

import gaincell  # noqa: E402

project = "gaincell"
author = "the gaincell developers"
version = release = gaincell.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["tests/**", "tools/**", "notebooks/**", ".ci/**"]
suppress_warnings = ["myst.header"]  # pages of the tree may begin below the first level
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
html_theme = "furo"
html_title = "gaincell"
html_copy_source = False
html_show_sphinx = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": False}
