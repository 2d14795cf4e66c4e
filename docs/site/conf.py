"""Configuration of Sphinx; `make docs` builds the site from a copy of the pages that `pages.py` lays out."""

import sys
from pathlib import Path

import weaklab

HERE = Path(__file__).parent
ICON = HERE.parent.parent / "weaklab" / "page" / "static" / "icon.svg"
sys.path.insert(0, str(HERE))

project = "weaklab"
author = "The weaklab authors"
project_copyright = f"{author}. Apache-2.0"
version = release = weaklab.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_copybutton",
    "accessible",
    "code_links",
    "plain_docstrings",
    "local_math",
]
exclude_patterns = ["**/README.md"]
suppress_warnings = ["misc.highlighting_failure"]  # outputs in examples hold signs that are no Python

# ---- pages

myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath", "html_image"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # they come from a CDN
nb_merge_streams = True
highlight_language = "none"

# ---- reference

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
autodoc_inherit_docstrings = True
maximum_signature_line_length = 90
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
html_math_renderer = "mathml"

# ---- looks

html_theme = "pydata_sphinx_theme"
html_context = {"default_mode": "auto"}
html_title = "weaklab"
html_static_path = [str(HERE / "static"), str(ICON)]
html_css_files = ["site.css"]
html_favicon = str(ICON)
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None
html_permalinks_icon = "#"
html_theme_options = {
    "logo": {"text": "weaklab", "image_light": "_static/icon.svg", "image_dark": "_static/icon.svg", "alt_text": ""},
    "navbar_align": "left",
    "navbar_persistent": ["search-button-field"],
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 9,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "back_to_top_button": False,
    "show_toc_level": 2,
}
html_sidebars = {"index": [], "docs/benchmarks": [], "CHANGELOG": [], "docs/tutorial": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
