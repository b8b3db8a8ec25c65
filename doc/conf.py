"""Settings of the documentation: ``sphinx-build -W doc doc/_build``."""

import inspect
import os
import re
import sys

import skebm

sys.path.insert(0, os.path.dirname(__file__))

project = "skebm"
author = "the skebm developers"
copyright = "the skebm developers"
version = release = skebm.__version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "mathml",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]

html_theme = "pydata_sphinx_theme"
html_title = "skebm"
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is set
html_theme_options = {
    "logo": {"text": "skebm"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "footer_end": [],
    # A table of eight columns needs the width.
    "secondary_sidebar_items": {"**": ["page-toc"], "results": []},
}
# Pages that stand alone have nothing to show in a navigation of their section.
html_sidebars = {
    page: [] for page in ("index", "install", "results", "performance", "architecture", "whats_new")
}
html_static_path = ["_static"]
html_css_files = ["skebm.css"]
html_math_renderer = "mathml"

# The class template lists the methods, the docstring its attributes.
numpydoc_show_class_members = False

# "fit()" rather than "BernoulliRBM.fit()" beside the page, where there is little room.
toc_object_entries_show_parents = "hide"

# Docstrings say what parameters may be, in words that are easier to read than types.
autodoc_typehints = "none"

# Each reference to something of ours has to lead somewhere.
nitpicky = True

# An inventory that cannot be fetched is a warning, and warnings are errors: links
# to other projects are made on demand, so that the build needs no network.
if os.environ.get("SKEBM_DOC_INTERSPHINX") == "1":
    intersphinx_mapping = {
        "matplotlib": ("https://matplotlib.org/stable", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }
else:
    nitpick_ignore_regex = [("py:.*", r"(matplotlib|numpy|scipy|sklearn)\..*")]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    # Which examples use a class: for the thumbnails on its page.
    "doc_module": ("skebm",),
    "backreferences_dir": "generated/backreferences",
    # The order of the chapters of the user guide.
    "subsection_order": [
        f"../examples/{chapter}" for chapter in ("memory", "boltzmann", "deep", "stacking")
    ],
    "image_scrapers": ("alternative_texts",),
    # Scripts print what is to be read.
    "capture_repr": (),
    # The figures and what was printed stand in the pages. .ci/run, which runs each example already,
    # builds with -D plot_gallery=0.
    "plot_gallery": "True",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}


def skip_what_is_not_ours(app, what, name, obj, skip, options):
    """Leave out the methods that come from scikit-learn's base classes."""
    module = getattr(inspect.unwrap(obj), "__module__", None) if callable(obj) else None
    return skip or (module is not None and not module.startswith("skebm"))


def read_markdown(app, relative_path, parent_docname, source):
    """Turn the headings and the code of an included CHANGELOG.md into reStructuredText."""
    if relative_path.suffix == ".md":
        text = re.sub(r"^## \[?(.*?)\]?$", _heading("-"), source[0], flags=re.M)
        text = re.sub(r"^### (.*)$", _heading("~"), text, flags=re.M)
        source[0] = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text)


def _heading(underline):
    return lambda line: f"{line[1]}\n{underline * len(line[1])}"


def setup(app):
    app.connect("include-read", read_markdown)
    app.connect("autodoc-skip-member", skip_what_is_not_ours)
