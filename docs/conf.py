"""Sphinx configuration: everything is built from the checkout, nothing is fetched."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import latex2mathml.converter
from docutils.nodes import SkipNode

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent)]

from quokka_laws import __version__  # noqa: E402
from quokka_laws.results import format  # noqa: E402

format.WIDTH = 90  # characters that fit a page of the site

REPOSITORY = "https://github.com/quokka-laws/quokka-laws"
project = "quokka-laws"
author = "the quokka-laws authors"
version = release = __version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_click",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build", "scripts", "tutorials", "gallery/*.py", "gallery/*.ipynb"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
sphinx_click_mock_imports = ["torch"]  # the trainer's options are listed without it
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "quokka-laws"
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
templates_path = ["_templates"]
html_sidebars = {page: [] for page in ("index", "install", "faq", "explorer")}  # nothing lies below them
html_css_files = ["wide.css"]
html_theme_options = {
    "show_prev_next": False,
    "navbar_end": ["version", "theme-switcher", "navbar-icon-links"],
    "icon_links": [{"name": "Repository", "url": REPOSITORY, "icon": "fa-brands fa-github"}],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 4,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "download_all_examples": False,
    "within_subsection_order": "ExampleTitleSortKey",
    "show_memory": False,
    # Figures and tables show themselves; a bare Axes(...) says nothing.
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "write_computation_times": False,
}
suppress_warnings = ["config.cache"]


def _explorer(app: Any) -> None:
    """The explorer page of the site: the shipped runs' fit beside published laws."""
    import quokka_laws as ql
    from quokka_laws.reporting.explorer import write_explorer

    fit = ql.fit(ql.laws.Chinchilla(), ql.datasets.load_quokka_isoflops(), bootstrap=200, seed=0)
    own = dataclasses.replace(fit, name="Quokka runs, our fit (masked diffusion)")
    names = ("quokka-2025/parametric", "quokka-2025/repeated", "besiroglu-2024", "muennighoff-2023")
    laws = [own, *(ql.published[name] for name in names)]
    write_explorer([law for law in laws if isinstance(law, ql.FittedLaw)], HERE / "_static" / "explore.html")


def _inline_math(translator: Any, node: Any) -> None:
    translator.body.append(latex2mathml.converter.convert(node.astext()))
    raise SkipNode


def _block_math(translator: Any, node: Any) -> None:
    formula = latex2mathml.converter.convert(node.astext(), display="block")
    translator.body.append(f'<div class="math-block">{formula}</div>')
    raise SkipNode


def setup(app: Any) -> None:
    """The explorer page, and formulas as MathML: browsers draw it themselves, so nothing is loaded."""
    app.connect("builder-inited", _explorer)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
