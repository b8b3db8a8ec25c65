"""Equations as MathML, which browsers draw themselves: no script, no network.

The conversion is that of docutils, which Sphinx brings.
"""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import SphinxError


def visit_math(translator, node):
    """Write an equation within a line."""
    translator.body.append(_to_mathml(translator, node, as_block=False))
    raise nodes.SkipNode


def visit_displaymath(translator, node):
    """Write an equation on lines of its own."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(_to_mathml(translator, node, as_block=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def _to_mathml(translator, node, as_block):
    # The converter knows \Bigl and \Bigr, not \Big, and takes the 12 in \frac12 for a number. A
    # \Bigl that no \Bigr closes would take in the rest of the equation, further lines included.
    tex = re.sub(r"(\\[bB]igg?)(?=\s*(?:[(\[]|\\[{]|\\langle))", r"\1l", node.astext())
    tex = re.sub(r"(\\[bB]igg?)(?=\s*(?:[)\]]|\\[}]|\\rangle))", r"\1r", tex)
    tex = re.sub(r"(\\[dt]?frac\s*)(\d)\s*(\d)", r"\1{\2}{\3}", tex)
    try:
        mathml = tex2mathml(tex, as_block)
    except MathError as error:
        page = translator.document["source"]
        raise SphinxError(f"{page}: {error} The equation is: {tex}") from error
    mathml = mathml.replace(' class="mathopen"', ' form="prefix"')
    # Browsers set "log p" as "logp": the space that TeX has there, unless a bracket follows.
    mathml = re.sub(
        r"(<mo>&ApplyFunction;</mo>)(?!\s*(?:<mrow>\s*)?<mo[^>]*>[(\[{])",
        r'\1<mspace width="0.17em"></mspace>',
        mathml,
    )
    # Browsers stretch delimiters on their own, and not those that have an exponent.
    if r"\left" not in tex:
        mathml = re.sub("<mo([^>]*)>([{}⟨⟩‖|])</mo>", _fixed_size, mathml)
    return mathml


def _fixed_size(delimiter):
    attributes, character = delimiter.groups()
    if "size" in attributes or "stretchy" in attributes:
        return delimiter.group()
    return f'<mo{attributes} stretchy="false">{character}</mo>'


def setup(app):
    app.add_html_math_renderer(
        "mathml", inline_renderers=(visit_math, None), block_renderers=(visit_displaymath, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
