"""Alternative texts of the figures in the gallery: what their axes show."""

import ast
import re
from pathlib import Path

import matplotlib.pyplot as plt
from sphinx_gallery.scrapers import matplotlib_scraper


def _get_sg_image_scraper():
    # Sphinx-gallery calls this function of a module that is named in "image_scrapers".
    return save_figures


def save_figures(block, block_vars, gallery_conf, **options):
    """Save the figures of a block as sphinx-gallery does, and describe each of them."""
    source = Path(block_vars["src_file"]).read_text(encoding="utf-8")
    lines = ast.get_docstring(ast.parse(source)).splitlines()
    title = next(line for line in lines if line.strip("= "))
    texts = iter([description(plt.figure(number), title) for number in plt.get_fignums()])
    rst = matplotlib_scraper(block, block_vars, gallery_conf, **options)
    # Its own texts are titles, or the name of the file if there are none.
    return re.sub(r"^(\s*:alt:).*$", lambda match: f"{match[1]} {next(texts)}", rst, flags=re.M)


def description(figure, title):
    """Titles and labels of a figure, and its images; ``title`` is that of the example."""
    parts = [figure.get_suptitle()]
    for ax in figure.axes:
        labels = [label for label in (ax.get_ylabel(), ax.get_xlabel()) if label]
        parts += [ax.get_title(), " against ".join(labels)]
    n_images = sum(len(ax.images) > 0 for ax in figure.axes)
    if n_images:
        images = f"{n_images} images" if n_images > 1 else "image"
        parts.append(f"{images} of the example: {title}")
    return "; ".join(" ".join(part.split()) for part in dict.fromkeys(parts) if part)
