"""The documentation site: `make docs` builds it, without a network.

Pages that say what the code does are generated from the code (`docs/generate`).
"""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
# Reading docstrings needs no accelerator and no display.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

project = "toymodels"
author = "The toymodels authors"
project_copyright = author
version = release = installed_version("toymodels")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "generate",
]
exclude_patterns = ["_build", "generate"]

# A lesson's sketch of code, with … where the reader's part goes, need not be Python.
suppress_warnings = ["misc.highlighting_failure"]

# --- guides and lessons are Markdown
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
# Prices and intervals are no formulas.
myst_dmath_allow_digits = False
myst_dmath_allow_space = False
html_math_renderer = "mathml"

# --- the reference is made from docstrings
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Class variables", "params_style")]
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 72
add_module_names = False

# --- how it looks
html_theme = "furo"
html_title = f"toymodels {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b5f96",
        "color-brand-content": "#0b5f96",
    },
    "dark_css_variables": {
        "color-brand-primary": "#6db9e8",
        "color-brand-content": "#6db9e8",
    },
}
